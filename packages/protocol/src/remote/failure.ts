import { Category, Failure, Visibility } from "@holdfast/core"
import { ErrorReporter, Schema } from "effect"
import { CarriedFailure } from "../snapshot/carried.ts"
import * as ErrorSnapshot from "../snapshot/schema.ts"

/** What the other side said. */
export interface Props extends Failure.Extras {
  /** Its stable code. */
  readonly code: string
  readonly category: Category
  /** Its summary. */
  readonly reason: string
  /** The HTTP status it gave, or `null`. */
  readonly status: number | null
  readonly visibility: Visibility
  readonly hints: ReadonlyArray<string>
  /** Whether it said that the same request may succeed when it is sent again. */
  readonly retryable: boolean
  /** What it was doing, where the format says it. */
  readonly path?: string
  /** What its operations say for machines, where the format says it. */
  readonly metadata?: ErrorSnapshot.Metadata
  /** Its own fields, where they came along and nobody has rebuilt its class from them yet. */
  readonly failure?: CarriedFailure
}

/**
 * A failure that another program reported. Policies, telemetry and projections see the remote code, category and
 * retryability as if the failure had been declared here.
 *
 * @example
 * ```ts
 * import { Identity, Reasons } from "@holdfast/core"
 * import { Projection, RemoteFailure } from "@holdfast/protocol"
 * import { Effect } from "effect"
 *
 * const body = Projection.stringify(Projection.toRpc(new Reasons.NotFound({ detail: "order 7" })))
 * const failure = Effect.runSync(RemoteFailure.decodeRpc(body))
 * Identity.of(failure).code // => "biz.not_found"
 * ```
 */
export class RemoteFailure extends Failure.Tagged<RemoteFailure>()(
  "RemoteFailure",
  {
    code: Schema.String,
    category: Category,
    reason: Schema.String,
    status: Schema.NullOr(Schema.Int),
    visibility: Visibility,
    hints: Schema.Array(Schema.String),
    retryable: Schema.Boolean,
    path: Schema.optionalKey(Schema.String),
    metadata: Schema.optionalKey(ErrorSnapshot.Metadata),
    failure: Schema.optionalKey(CarriedFailure)
  },
  { code: "sys.remote_failure" }
) {
  constructor(props: Props, options?: Schema.MakeOptions) {
    super(props, options)
    const { category, code, detail, hints, reason, retryable, status, visibility } = this
    const retry = retryable ? "transient" : "never"
    const severity = category === "biz" ? "Info" : retryable ? "Warn" : "Error"
    const http = status !== null && status >= 400 && status <= 599 ? status : undefined
    // The class was declared with a code of its own; each instance speaks with the code it was sent with.
    Object.defineProperties(this, {
      [Failure.TypeId]: {
        value: {
          ...RemoteFailure.declared,
          code,
          category,
          reason,
          retry,
          severity,
          visibility,
          health: category === "biz" ? "success" : category === "conf" ? "ignored" : "failure",
          http,
          hints: { client: hints, operator: [] }
        }
      },
      message: { value: detail === undefined ? reason : `${reason}: ${detail}` },
      [ErrorReporter.severity]: { value: severity },
      [ErrorReporter.attributes]: {
        value: { "error.type": code, "error.category": category, "error.retry": retry }
      }
    })
  }
}
