import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@holdfast/resilience"
import { dependency, recordTransitions } from "@holdfast/resilience/testing"
import { Deferred, Duration, Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import { fails, make, rejectionOf, trip, works } from "./circuit.ts"

describe("late results", () => {
  it.effect("A12 of 100 concurrent failures at 1 s the fifth opens it, once, until 61 s", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const seen = yield* recordTransitions(breaker)
      const calls = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.sleep("1 second").pipe(
          Effect.andThen(fails),
          CircuitBreaker.protect(breaker),
          Effect.exit,
          Effect.forkChild
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.awaitAll(calls)
      assert.deepStrictEqual(
        seen.map(({ at, to }) => [to, at]),
        [["open", 1000]]
      )
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual((yield* rejectionOf(breaker)).state, "open")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* breaker.state, "half_open")
    })
  )

  it.effect("B1 neither close nor reopen a half-open circuit", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1), halfOpen: { successes: 1 } })
      const late = (effect: Effect.Effect<unknown, unknown>) =>
        Effect.sleep("70 seconds").pipe(
          Effect.andThen(effect),
          CircuitBreaker.protect(breaker),
          Effect.exit,
          Effect.forkChild({ startImmediately: true })
        )
      const lateSuccess = yield* late(works)
      const lateFailure = yield* late(fails)
      yield* trip(breaker, 1)
      yield* TestClock.adjust("60 seconds")
      const gate = yield* Deferred.make<void>()
      const probe = yield* Deferred.await(gate).pipe(
        CircuitBreaker.protect(breaker),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.awaitAll([lateSuccess, lateFailure])
      assert.strictEqual(yield* breaker.state, "half_open")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(probe)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )
})

describe("a probe that hangs", () => {
  it.effect("B2 is given up after the maximum wait; the circuit is open as of then, and probes again", () =>
    Effect.gen(function* () {
      const breaker = yield* make({
        trip: CircuitBreaker.consecutive(1),
        openFor: "30 seconds",
        halfOpen: { maxWait: "10 seconds", successes: 1 }
      })
      const seen = yield* recordTransitions(breaker)
      yield* trip(breaker, 1)
      yield* TestClock.adjust("30 seconds")
      const gate = yield* Deferred.make<void>()
      const hung = yield* Deferred.await(gate).pipe(
        CircuitBreaker.protect(breaker),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual((yield* rejectionOf(breaker)).state, "half_open")
      yield* TestClock.adjust("5001 millis")
      const rejection = yield* rejectionOf(breaker)
      assert.strictEqual(rejection.state, "open")
      assert.strictEqual(Duration.toSeconds(rejection.retryAfter!), 25)
      yield* TestClock.adjust("25 seconds")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(hung)
      assert.strictEqual(yield* breaker.state, "half_open")
      yield* CircuitBreaker.protect(works, breaker)
      yield* Effect.yieldNow
      assert.deepStrictEqual(
        seen.map(({ at, to }) => [to, at / 1000]),
        [
          ["open", 0],
          ["half_open", 30],
          ["open", 40],
          ["half_open", 70],
          ["closed", 70]
        ]
      )
    })
  )

  it.effect("B3 gives its slot back at once when it is interrupted", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      yield* trip(breaker, 1)
      yield* TestClock.adjust("60 seconds")
      const probe = yield* Effect.never.pipe(
        CircuitBreaker.protect(breaker),
        Effect.forkChild({ startImmediately: true })
      )
      assert.strictEqual((yield* rejectionOf(breaker)).state, "half_open")
      yield* Fiber.interrupt(probe)
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
    })
  )
})

describe("random interruption", () => {
  it.effect("never keeps a probe's slot: 5000 calls interrupted at any step leave a circuit that still recovers", () =>
    Effect.gen(function* () {
      const breaker = yield* make({
        trip: CircuitBreaker.consecutive(1),
        openFor: "10 millis",
        halfOpen: { concurrent: 2, successes: 2, outOf: 3, maxWait: "1 hour" }
      })
      const dep = yield* dependency({ value: "up", latency: "3 millis" })
      for (let i = 0; i < 5000; i++) {
        const fiber = yield* Effect.yieldNow.pipe(
          Effect.andThen(i % 7 === 0 ? fails : dep.call),
          CircuitBreaker.protect(breaker),
          Effect.exit,
          Effect.forkChild
        )
        const yields = yield* Random.nextIntBetween(0, 6)
        for (let y = 0; y < yields; y++) yield* Effect.yieldNow
        if (i % 50 === 0) yield* TestClock.adjust(yield* Random.nextIntBetween(1, 15))
        yield* Fiber.interrupt(fiber)
      }
      yield* TestClock.adjust("10 millis")
      for (let i = 0; i < 2; i++) {
        const fiber = yield* Effect.forkChild(CircuitBreaker.protect(dep.call, breaker))
        yield* TestClock.adjust("3 millis")
        assert.strictEqual(yield* Fiber.join(fiber), "up")
      }
      assert.strictEqual(yield* breaker.state, "closed")
      assert.strictEqual(dep.inFlight, 0)
    }).pipe(Random.withSeed("interrupt"))
  )
})
