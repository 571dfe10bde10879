import { assert } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { Effect } from "effect"

export const failure = () => new Reasons.NetworkError({})
export const fails = Effect.suspend(() => Effect.fail(failure()))
export const works = Effect.succeed("ok")

export const make = (options: Partial<CircuitBreaker.Options> = {}) => CircuitBreaker.make({ name: "db", ...options })

/** As many failures, one after the other. */
export const trip = (breaker: CircuitBreaker.CircuitBreaker, times: number) =>
  Effect.replicateEffect(Effect.exit(CircuitBreaker.protect(fails, breaker)), times, { discard: true })

/** The rejection, which must come without the effect having run. */
export const rejectionOf = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.gen(function* () {
    let ran = false
    const rejection = yield* Effect.sync(() => (ran = true)).pipe(CircuitBreaker.protect(breaker), Effect.flip)
    assert.isFalse(ran)
    return rejection
  })
