/** Giving an effect only so much time. */
import { Duration, Effect, Function, Option } from "effect"
import { limitOf, type Options, planOf, run, type TimedOut } from "./limit.ts"

export type { Options, TimedOut } from "./limit.ts"

/**
 * Interrupts the effect when it takes too long, waits for its finalizers, and fails with `Reasons.Timeout`. Under a
 * `Deadline` that leaves less time than that, it is shortened to what is left, and fails with `Reasons.DeadlineExceeded`,
 * which is never retried and counts against nobody's health.
 *
 * Only what the limit stopped becomes a timeout: a failure or a value that the effect still produces while it is
 * being interrupted passes unchanged, as do its own failures, defects and interruptions before. An effect that ends
 * without waiting arms no timer. A limit out of range throws `ConfigError.InvalidValue` where it is written.
 *
 * @example
 * ```ts
 * import { Timeout } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const slow = Effect.never.pipe(Timeout.timeout({ after: "10 millis", operation: "charge" }))
 * const failure = await Effect.runPromise(Effect.flip(slow))
 * failure.message // => "timeout error: charge after 10ms"
 * ```
 */
export const timeout: {
  (limit: Duration.Input | Options): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | TimedOut, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, limit: Duration.Input | Options): Effect.Effect<A, E | TimedOut, R>
} = Function.dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, limit: Duration.Input | Options): Effect.Effect<A, E | TimedOut, R> => {
    const plan = planOf(limit)
    return Effect.withFiber((fiber) => {
      const { generate } = plan
      const own = generate === undefined ? plan : { ...plan, after: generated(generate()) }
      return run(fiber, self, own, limitOf(own, fiber))
    })
  }
)

const generated = (input: Duration.Input): number => {
  const millis = Option.getOrElse(Option.map(Duration.fromInput(input), Duration.toMillis), () => Infinity)
  return millis > 0 ? millis : Infinity
}
