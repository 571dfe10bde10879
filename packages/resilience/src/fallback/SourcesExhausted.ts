import { Failure } from "@holdfast/core"
import { Schema } from "effect"

/**
 * Every source of a chain failed. Its `cause` is an `AggregateError` with their failures, in order.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Fallback } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const down = Effect.fail(new Reasons.NetworkError({}))
 * const chain = Fallback.chain([
 *   { name: "quotes", effect: down },
 *   { name: "cache", effect: down }
 * ])
 * const names = Effect.catchTag(chain, "SourcesExhausted", ({ sources }) => Effect.succeed(sources))
 * Effect.runSync(names) // => ["quotes", "cache"]
 * ```
 */
export class SourcesExhausted extends Failure.Tagged<SourcesExhausted>()(
  "SourcesExhausted",
  {
    /** Names of the sources, in the order they were asked. */
    sources: Schema.Array(Schema.String)
  },
  {
    code: "sys.sources_exhausted",
    reason: "all sources failed",
    detail: ({ sources }) => sources.join(", "),
    severity: "Error",
    http: 503,
    grpc: "UNAVAILABLE"
  }
) {}
