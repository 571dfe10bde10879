import { Effect, type Scope, Stream } from "effect"
import type { CircuitBreaker, Transition } from "../circuit-breaker/CircuitBreaker.ts"

/**
 * Records the transitions of a breaker while the scope is open, oldest first. The array grows as they happen.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { recordTransitions } from "@holdfast/resilience/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({ name: "payments" })
 *   const seen = yield* recordTransitions(breaker)
 *   yield* Effect.scoped(breaker.isolate)
 *   yield* Effect.yieldNow
 *   return seen.map(({ to }) => to)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => ["isolated", "closed"]
 * ```
 */
export const recordTransitions = (
  breaker: CircuitBreaker
): Effect.Effect<ReadonlyArray<Transition>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const seen: Array<Transition> = []
    return breaker.transitions.pipe(
      Stream.runForEach((transition) => Effect.sync(() => seen.push(transition))),
      Effect.forkScoped({ startImmediately: true }),
      Effect.as(seen)
    )
  })
