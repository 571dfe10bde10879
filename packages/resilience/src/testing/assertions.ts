import { notNegative } from "@holdfast/core/options"
import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { CircuitBreaker, State } from "../circuit-breaker/CircuitBreaker.ts"

/**
 * Thrown as a defect by the assertions of this module.
 *
 * @example
 * ```ts
 * import { AssertionFailed } from "@holdfast/resilience/testing"
 *
 * new AssertionFailed("expected open, is closed").name // => "AssertionFailed"
 * ```
 */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed"
}

/**
 * Asserts the state of a breaker. Says everything else about it when it is another one.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { assertState } from "@holdfast/resilience/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({ name: "payments", trip: CircuitBreaker.consecutive(1) })
 *   yield* assertState(breaker, "closed")
 *   yield* Effect.exit(Effect.fail(new Reasons.NetworkError({})).pipe(CircuitBreaker.protect(breaker)))
 *   yield* assertState(breaker, "open")
 * })
 * await Effect.runPromise(program)
 * ```
 */
export const assertState = (breaker: CircuitBreaker, expected: State): Effect.Effect<void> =>
  Effect.flatMap(breaker.health, (health) =>
    health.state === expected
      ? Effect.void
      : Effect.die(
          new AssertionFailed(
            `circuit ${health.circuit}: expected ${expected}, is ${health.state} (${health.rules
              .map(({ calls, failures, rule, slow }) => `${rule}: ${calls} calls, ${failures} failed, ${slow} slow`)
              .join("; ")})`
          )
        )
  )

/**
 * Lets the clock of a test go on to an instant, counted from where it started. Going back is a mistake in the test.
 *
 * @example
 * ```ts
 * import { advanceTo } from "@holdfast/resilience/testing"
 * import { Clock, Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function* () {
 *   yield* advanceTo("2 seconds")
 *   yield* advanceTo("5 seconds")
 *   return yield* Clock.currentTimeMillis
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer()))) // => 5000
 * ```
 */
export const advanceTo = (instant: Duration.Input): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const left = notNegative.is(instant) ? Duration.toMillis(instant) - now : undefined
    if (left !== undefined && left >= 0) return TestClock.adjust(left)
    const why =
      left === undefined ? `an instant ${notNegative.what}` : `the clock is at ${now} ms already, and cannot go back`
    return Effect.die(new AssertionFailed(why))
  })
