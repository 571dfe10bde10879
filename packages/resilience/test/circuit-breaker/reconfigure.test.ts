import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@holdfast/resilience"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { fails, make, trip, works } from "./circuit.ts"

/** A call that is let through now, and ends with `exit` when the gate opens. */
const inFlight = (breaker: CircuitBreaker.CircuitBreaker, exit: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    const fiber = yield* Deferred.await(gate).pipe(
      Effect.andThen(exit),
      CircuitBreaker.protect(breaker),
      Effect.exit,
      Effect.forkChild({ startImmediately: true })
    )
    return Effect.andThen(Deferred.succeed(gate, undefined), Fiber.join(fiber))
  })

const own = (name: string, opensAt: number) =>
  CircuitBreaker.custom({
    name,
    make: () => {
      let calls = 0
      return { record: () => ++calls >= opensAt, clear: () => void (calls = 0) }
    }
  })

describe("L8 another rule for opening is taken", () => {
  it.effect("even where it prints like the old one", () =>
    Effect.gen(function* () {
      const rate = (threshold: number) => CircuitBreaker.failureRate({ threshold, window: { calls: 2 } })
      const breaker = yield* make({ trip: rate(0.5004) })
      yield* breaker.reconfigure({ trip: rate(0.4996) })
      yield* CircuitBreaker.protect(works, breaker)
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("even where it is another custom rule of the same name", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: own("mine", 100) })
      yield* breaker.reconfigure({ trip: own("mine", 1) })
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("and the very same custom rule keeps its memory", () =>
    Effect.gen(function* () {
      const rule = CircuitBreaker.anyOf(own("mine", 2), CircuitBreaker.consecutive(9))
      const breaker = yield* make({ trip: rule })
      yield* trip(breaker, 1)
      yield* breaker.reconfigure({ trip: rule, openFor: "1 second" })
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )
})

describe("L8 a call in flight while its circuit gets other options", () => {
  it.effect("says nothing to a rule that did not see it start", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const breaker = yield* make()
      const end = yield* inFlight(breaker, works)
      yield* breaker.reconfigure({
        trip: CircuitBreaker.slowRate({ slowerThan: "1 minute", window: { calls: 1 }, inFlight: false })
      })
      assert.isTrue(Exit.isSuccess(yield* end))
      assert.strictEqual(yield* breaker.state, "closed")
      const health = yield* breaker.health
      assert.deepStrictEqual([health.rules[0]?.calls, health.lateResults], [0, 1])
    })
  )

  it.effect("is judged by the outcomes that it was let through under", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1), outcomes: { NetworkError: "ignored" } })
      const end = yield* inFlight(breaker, fails)
      yield* breaker.reconfigure({ trip: CircuitBreaker.consecutive(1) })
      yield* end
      assert.strictEqual(yield* breaker.state, "closed")
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("is judged by the classify that it was let through under, and by none if there was none", () =>
    Effect.gen(function* () {
      const trip = CircuitBreaker.consecutive(1)
      const strict = yield* make({ trip, classify: () => "failure" })
      const first = yield* inFlight(strict, works)
      yield* strict.reconfigure({ trip })
      yield* first
      assert.strictEqual(yield* strict.state, "open")
      const lenient = yield* make({ trip })
      const second = yield* inFlight(lenient, works)
      yield* lenient.reconfigure({ trip, classify: () => "failure" })
      yield* second
      assert.strictEqual(yield* lenient.state, "closed")
    })
  )

  it.effect("still decides as a probe, whatever the rule for opening is by then", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1), halfOpen: { successes: 1 } })
      yield* trip(breaker, 1)
      yield* TestClock.adjust("60 seconds")
      const end = yield* inFlight(breaker, works)
      yield* breaker.reconfigure({
        trip: CircuitBreaker.slowRate({ slowerThan: "1 second" }),
        halfOpen: { successes: 1 }
      })
      yield* end
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )
})
