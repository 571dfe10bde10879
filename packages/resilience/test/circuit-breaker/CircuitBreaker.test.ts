import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@holdfast/resilience"
import { Duration, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { fails, make, rejectionOf, trip, works } from "./circuit.ts"

describe("CircuitBreaker defaults", () => {
  it.effect("opens at the fifth failure in a row, probes exactly 60 s later, and closes after two successes", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 4)
      assert.strictEqual(yield* breaker.state, "closed")
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
      yield* TestClock.adjust("59999 millis")
      const rejection = yield* rejectionOf(breaker)
      assert.strictEqual(rejection.circuit, "db")
      assert.strictEqual(rejection.state, "open")
      assert.strictEqual(Duration.toMillis(rejection.retryAfter!), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
      assert.strictEqual(yield* breaker.state, "half_open")
      assert.strictEqual(yield* works.pipe(CircuitBreaker.protect(breaker)), "ok")
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("stays closed after four failures, one success and four failures", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 4)
      yield* CircuitBreaker.protect(works, breaker)
      yield* trip(breaker, 4)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("admits one probe at a time, and one failed probe opens it for another 60 s", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 5)
      yield* TestClock.adjust("60 seconds")
      const probe = yield* Effect.sleep("1 second").pipe(
        Effect.andThen(fails),
        CircuitBreaker.protect(breaker),
        Effect.exit,
        Effect.forkChild({ startImmediately: true })
      )
      const rejection = yield* rejectionOf(breaker)
      assert.strictEqual(rejection.state, "half_open")
      assert.strictEqual(Duration.toMillis(rejection.retryAfter!), 60_000)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(probe)
      assert.strictEqual(yield* breaker.state, "open")
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual((yield* rejectionOf(breaker)).state, "open")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
    })
  )

  it.effect("C9 tells a rejected call when to come back: after 30, 20 and 0.5 s", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ openFor: "30 seconds" })
      yield* trip(breaker, 5)
      const retryAfter = Effect.map(rejectionOf(breaker), (e) => Duration.toSeconds(e.retryAfter!))
      assert.strictEqual(yield* retryAfter, 30)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* retryAfter, 20)
      yield* TestClock.adjust("19500 millis")
      assert.strictEqual(yield* retryAfter, 0.5)
    })
  )

  it.effect("C9 tells it whole milliseconds, and whoever comes back then is let through", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ openFor: 100.4 })
      yield* trip(breaker, 5)
      const { retryAfter } = yield* rejectionOf(breaker)
      assert.strictEqual(Duration.toMillis(retryAfter!), 101)
      yield* TestClock.adjust(retryAfter!)
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
    })
  )

  it.effect("C10 reads half_open when the open time is over, before any call", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 5)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* breaker.state, "half_open")
    })
  )
})

describe("CircuitBreaker as a service", () => {
  class Payments extends CircuitBreaker.Service<Payments>()("test/Payments", { trip: CircuitBreaker.consecutive(1) }) {}

  it.effect("is shared by everybody who is given the same layer", () =>
    Effect.gen(function* () {
      yield* Effect.exit(Payments.protect(fails))
      const rejection = yield* Effect.flip(Payments.protect(works))
      assert.strictEqual(rejection.circuit, "test/Payments")
      const breaker = yield* Payments
      assert.strictEqual(yield* breaker.state, "open")
    }).pipe(Effect.provide(Payments.layer))
  )

  it.effect("is another circuit in another layer", () =>
    Effect.gen(function* () {
      const stateAfter = (effect: Effect.Effect<unknown, unknown, Payments>) =>
        Effect.andThen(
          Effect.exit(effect),
          Effect.flatMap(Payments, (breaker) => breaker.state)
        ).pipe(Effect.provide(Layer.fresh(Payments.layer)))
      assert.strictEqual(yield* stateAfter(Payments.protect(fails)), "open")
      assert.strictEqual(yield* stateAfter(Payments.protect(works)), "closed")
    })
  )

  it.effect("can be one anonymous breaker behind a layer", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.CircuitBreaker
      assert.strictEqual(breaker.name, "only")
    }).pipe(Effect.provide(CircuitBreaker.layer({ name: "only" })))
  )
})
