import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Fallback, Retry, Timeout } from "@holdfast/resilience"
import { dependency } from "@holdfast/resilience/testing"
import { type Duration, Effect, Exit, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"

const failure = () => new Reasons.NetworkError({})
const down = dependency<string, Reasons.NetworkError>({ value: "up", failures: Infinity, failure })

const twice = Retry.make({ attempts: 3, backoff: Backoff.constant("100 millis") })

const after = <A, E, R>(time: Duration.Input, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(effect), { startImmediately: true })
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

describe("a breaker around a retry", () => {
  it.effect("L7 counts one failure per exhausted retry", () =>
    Effect.gen(function* () {
      const dep = yield* down
      const breaker = yield* CircuitBreaker.make({ name: "outer", trip: CircuitBreaker.consecutive(2) })
      const call = dep.call.pipe(Retry.retry(twice), CircuitBreaker.protect(breaker))
      yield* after("200 millis", call)
      assert.strictEqual(yield* breaker.state, "closed")
      yield* after("200 millis", call)
      assert.strictEqual(yield* breaker.state, "open")
      assert.strictEqual(dep.calls, 6)
    })
  )
})

describe("a retry around a breaker", () => {
  it.effect("L7 lets the breaker count every attempt, and does not spin once it is open", () =>
    Effect.gen(function* () {
      const dep = yield* down
      const breaker = yield* CircuitBreaker.make({ name: "inner", trip: CircuitBreaker.consecutive(2) })
      const call = dep.call.pipe(CircuitBreaker.protect(breaker), Retry.retry(twice))
      const exit = yield* after("200 millis", call)
      assert.deepStrictEqual(dep.instants, [0, 100])
      assert.strictEqual((yield* Effect.flip(exit))._tag, "CircuitOpen")
    })
  )

  it.effect("L6 is rejected once, at once, by a breaker that is open for 30 s", () =>
    Effect.gen(function* () {
      const dep = yield* down
      const breaker = yield* CircuitBreaker.make({
        name: "inner",
        trip: CircuitBreaker.consecutive(1),
        openFor: "30 seconds"
      })
      yield* Effect.exit(CircuitBreaker.protect(dep.call, breaker))
      const error = yield* dep.call.pipe(CircuitBreaker.protect(breaker), Retry.retry(twice), Effect.flip)
      assert.strictEqual(error._tag, "CircuitOpen")
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect(
    "that is asked to wait waits for exactly the breaker's retryAfter when it has the time, and is the probe",
    () =>
      Effect.gen(function* () {
        const dep = yield* dependency({ value: "up", failures: 5, failure })
        const breaker = yield* CircuitBreaker.make({ name: "inner" })
        const policy = Retry.make({
          attempts: Infinity,
          backoff: Backoff.none,
          maxElapsed: "2 minutes",
          openCircuit: "wait"
        })
        const fiber = yield* dep.call.pipe(CircuitBreaker.protect(breaker), Retry.retry(policy), Effect.forkChild)
        yield* TestClock.adjust("59999 millis")
        assert.strictEqual(dep.calls, 5)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* Fiber.join(fiber), "up")
        assert.deepStrictEqual(dep.instants, [0, 0, 0, 0, 0, 60_000])
      })
  )
})

describe("a timeout", () => {
  const hangs = Effect.never

  it.effect("inside a breaker counts as a failure of the dependency", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "slow", trip: CircuitBreaker.consecutive(1) })
      yield* after("1 second", hangs.pipe(Timeout.timeout("1 second"), CircuitBreaker.protect(breaker)))
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("outside a breaker does not", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "slow", trip: CircuitBreaker.consecutive(1) })
      yield* after("1 second", hangs.pipe(CircuitBreaker.protect(breaker), Timeout.timeout("1 second")))
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("inside a retry limits each attempt, outside it limits all of them", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", latency: "1 hour" })
      const each = dep.call.pipe(Timeout.timeout("1 second"), Retry.retry(twice))
      yield* after("3200 millis", each)
      assert.deepStrictEqual(dep.instants, [0, 1100, 2200])
      const all = each.pipe(Timeout.timeout("1500 millis"))
      yield* after("1500 millis", all)
      assert.strictEqual(dep.calls, 5)
      assert.strictEqual(dep.inFlight, 0)
    })
  )
})

describe("the whole stack", () => {
  it.effect("survives an outage: it degrades, stops calling, and comes back by itself", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({
        value: "fresh",
        failure,
        latency: "10 millis",
        outage: { from: "10 seconds", to: "100 seconds" }
      })
      const breaker = yield* CircuitBreaker.make({ name: "stack", openFor: "20 seconds" })
      const call = Fallback.chain([
        {
          name: "remote",
          effect: dep.call.pipe(
            Timeout.timeout("1 second"),
            CircuitBreaker.protect(breaker),
            Retry.retry(Retry.make({ attempts: 2, backoff: Backoff.none }))
          )
        },
        { name: "cache", effect: Effect.succeed("stale") }
      ])
      const answers: Array<string> = []
      for (let second = 0; second < 130; second++) {
        const exit = yield* after("1 second", call)
        answers.push(Exit.isSuccess(exit) ? exit.value.value : "failed")
      }
      assert.notInclude(answers, "failed")
      assert.isTrue(answers.slice(0, 10).every((answer) => answer === "fresh"))
      assert.isTrue(answers.slice(10, 100).every((answer) => answer === "stale"))
      assert.isTrue(answers.slice(120).every((answer) => answer === "fresh"))
      const during = dep.instants.filter((at) => at >= 10_000 && at < 100_000)
      assert.isAtMost(during.length, 5 + 4)
    })
  )

  it.effect("L19 interrupted at 10 000 random instants leaves nothing behind", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", latency: "4 millis", failures: 3000, failure })
      const breaker = yield* CircuitBreaker.make({
        name: "fuzz",
        trip: CircuitBreaker.consecutive(3),
        openFor: "5 millis",
        halfOpen: { concurrent: 2, successes: 2, maxWait: "1 hour" }
      })
      const policy = Retry.make({ attempts: 3, backoff: Backoff.constant("1 millis"), maxElapsed: "30 millis" })
      const call = dep.call.pipe(
        Timeout.timeout("3 millis"),
        CircuitBreaker.protect(breaker),
        Retry.retry(policy),
        Timeout.timeout("20 millis"),
        Fallback.value("default")
      )
      for (let batch = 0; batch < 1000; batch++) {
        const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.forkChild(call))
        yield* TestClock.adjust(yield* Random.nextIntBetween(0, 12))
        yield* Fiber.interruptAll(fibers)
        assert.strictEqual(dep.inFlight, 0)
      }
      yield* TestClock.adjust("1 second")
      const healthy = Effect.succeed("up").pipe(CircuitBreaker.protect(breaker))
      assert.deepStrictEqual([yield* healthy, yield* healthy], ["up", "up"])
      assert.strictEqual(yield* breaker.state, "closed")
    }).pipe(Random.withSeed("stack"))
  )
})
