import { DateTime, Effect, Option, Random } from "effect"
import { derived } from "./ours.ts"
import type { ErrorSnapshot, Occurrence } from "./schema.ts"

const word = Effect.map(Random.nextIntBetween(0, 2 ** 32), (n) => n.toString(16).padStart(8, "0"))

/** A new name of 32 hexadecimal digits. @internal */
export const freshId: Effect.Effect<string> = Effect.map(Effect.all([word, word, word, word]), (words) =>
  words.join("")
)

type Given = Partial<Pick<Occurrence, "attempt" | "id" | "service">>

/** Something that happens now. @internal */
export const occurring = (given: Given = {}): Effect.Effect<Occurrence> =>
  Effect.gen(function* () {
    const id = given.id ?? (yield* freshId)
    const time = DateTime.formatIso(yield* DateTime.now)
    const span = Option.getOrUndefined(yield* Effect.option(Effect.currentSpan))
    return {
      id,
      time,
      ...(span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId }),
      ...(given.service === undefined ? {} : { service: given.service }),
      ...(given.attempt === undefined ? {} : { attempt: given.attempt })
    }
  })

/** A snapshot of what happened then and there. @internal */
export const stamped = (snapshot: ErrorSnapshot, occurrence: Occurrence): ErrorSnapshot =>
  derived(snapshot, { ...snapshot, occurrence })

/**
 * Says in the snapshot when and where it happened: a new id, the time of the `Clock`, the current span. Under a `TestClock` and
 * a seeded `Random` it is always the same.
 *
 * - `service`: who had it. Default: none. `attempt`: which one it was. Default: none. `id`: default: a new one.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ErrorSnapshot } from "@holdfast/protocol"
 * import { Effect } from "effect"
 *
 * const program = ErrorSnapshot.make(new Reasons.Timeout()).pipe(
 *   Effect.flatMap((snapshot) => ErrorSnapshot.stamp(snapshot, { service: "orders", attempt: 2 }))
 * )
 * const { occurrence } = Effect.runSync(program)
 * occurrence?.service // => "orders"
 * occurrence?.id.length // => 32
 * ```
 */
export const stamp = (snapshot: ErrorSnapshot, given: Given = {}): Effect.Effect<ErrorSnapshot> =>
  Effect.map(occurring(given), (occurrence) => stamped(snapshot, occurrence))
