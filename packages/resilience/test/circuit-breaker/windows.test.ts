import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { recorded, recordTransitions } from "@holdfast/resilience/testing"
import { Cause, Clock, Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { failure, make, trip, works } from "./circuit.ts"

/** Plays `S`, `F` and `I` one after the other and gives the state. */
const play = (breaker: CircuitBreaker.CircuitBreaker, calls: string) =>
  Effect.forEach(calls, (call) => {
    const effect: Effect.Effect<string, unknown> =
      call === "S" ? works : call === "F" ? failure() : new Reasons.RateLimited({})
    return Effect.exit(CircuitBreaker.protect(effect, breaker))
  }).pipe(Effect.andThen(breaker.state))

/** Half of the last ten calls. */
const cb10 = (options: Partial<CircuitBreaker.Options> = {}) =>
  make({
    trip: CircuitBreaker.failureRate({ threshold: 0.5, window: { calls: 10 } }),
    openFor: "30 seconds",
    halfOpen: { successes: 1, maxWait: "10 seconds" },
    ...options
  })

const counted = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.map(breaker.health, ({ rules: [rule] }) => [rule!.calls, rule!.failures, rule!.slow])

describe("a window of calls", () => {
  it.effect("A1 opens when the rate reaches the threshold, not when it passes it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* play(yield* cb10(), "SSSSSFFFFF"), "open")
      assert.strictEqual(yield* play(yield* cb10(), "SSSSSSFFFF"), "closed")
    })
  )

  it.effect("A2 knows no rate before the minimum of calls", () =>
    Effect.gen(function* () {
      const breaker = yield* cb10()
      assert.strictEqual(yield* play(breaker, "F".repeat(9)), "closed")
      assert.strictEqual(yield* play(breaker, "F"), "open")
    })
  )

  it.effect("A3 forgets the oldest call for every new one", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.failureRate({ threshold: 0.75, window: { calls: 4 } }) })
      assert.strictEqual(yield* play(breaker, "FFSSFF"), "closed")
      assert.strictEqual(yield* play(breaker, "F"), "open")
    })
  )

  it.effect("A9 does not count what says nothing, and passes it unchanged", () =>
    Effect.gen(function* () {
      const breaker = yield* cb10()
      assert.strictEqual(yield* play(breaker, "I".repeat(100)), "closed")
      assert.deepStrictEqual(yield* counted(breaker), [0, 0, 0])
    })
  )

  it.effect("A10 does not count interrupted calls", () =>
    Effect.gen(function* () {
      const breaker = yield* cb10()
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.forkChild(CircuitBreaker.protect(Effect.never, breaker), { startImmediately: true })
      )
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interruptAll(fibers)
      assert.strictEqual(yield* breaker.state, "closed")
      assert.deepStrictEqual(yield* counted(breaker), [0, 0, 0])
    })
  )

  it.effect("A13 never opens without a failure, whatever the threshold", () =>
    Effect.gen(function* () {
      const trip = CircuitBreaker.failureRate({ threshold: 0, minimumCalls: 1 })
      assert.strictEqual(yield* play(yield* make({ trip }), "S".repeat(100)), "closed")
      assert.strictEqual(yield* play(yield* make({ trip }), "SF"), "open")
    })
  )

  it.effect("A18 counts completions, not starts", () =>
    Effect.gen(function* () {
      const breaker = yield* cb10()
      const gates = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Deferred.make<never, Reasons.NetworkError>()
      )
      yield* Effect.forEach(gates, (gate) =>
        Effect.forkChild(CircuitBreaker.protect(Deferred.await(gate), breaker), { startImmediately: true })
      )
      for (const [i, gate] of gates.slice(0, 10).entries()) {
        assert.strictEqual(yield* breaker.state, "closed", `before completion ${i + 1}`)
        yield* Deferred.fail(gate, failure())
        yield* Effect.yieldNow
      }
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("A12 opens once for a hundred calls that fail together; the rest is late", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ openFor: "30 seconds" })
      const seen = yield* recordTransitions(breaker)
      yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 100 }),
          () => Effect.exit(CircuitBreaker.protect(Effect.andThen(Effect.sleep("1 second"), failure()), breaker)),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(seen.length, 1)
      assert.strictEqual((yield* breaker.health).lateResults, 95)
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(yield* breaker.state, "open")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* breaker.state, "half_open")
    })
  )

  it.effect("A14 judges values, too, and hands them on", () =>
    Effect.gen(function* () {
      const breaker = yield* cb10({
        classify: (exit) => (Exit.isSuccess(exit) && exit.value === 503 ? "failure" : "success")
      })
      for (let i = 0; i < 10; i++) {
        assert.strictEqual(yield* CircuitBreaker.protect(Effect.succeed(503), breaker), 503)
      }
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("A16 judges by the failure when a cause holds an interruption beside it", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      const both = Cause.combine(Cause.interrupt(1), Cause.fail(failure()))
      yield* Effect.exit(CircuitBreaker.protect(Effect.failCause(both), breaker))
      assert.strictEqual(yield* breaker.state, "open")
    })
  )
})

describe("a window of time", () => {
  const tenSeconds = () =>
    make({ trip: CircuitBreaker.failureRate({ window: { time: "10 seconds" }, minimumCalls: 4 }) })

  it.effect("A5 has forgotten everything after a long idle time", () =>
    Effect.gen(function* () {
      // The second one comes back to another bucket than the first.
      for (const idle of ["1 hour", "3605 seconds"] as const) {
        const breaker = yield* tenSeconds()
        yield* play(breaker, "FFF")
        yield* TestClock.adjust(idle)
        assert.strictEqual(yield* play(breaker, "F"), "closed")
        assert.deepStrictEqual(yield* counted(breaker), [1, 1, 0])
      }
    })
  )

  it.effect("A6 covers ten buckets: the first call leaves it when the eleventh begins", () =>
    Effect.gen(function* () {
      const pairs = (second: number) =>
        Effect.gen(function* () {
          const breaker = yield* tenSeconds()
          const start = yield* Clock.currentTimeMillis
          const offset = 10_000 - (start % 10_000)
          yield* TestClock.adjust(offset + 999)
          yield* play(breaker, "FF")
          yield* TestClock.adjust(second - 999)
          return yield* play(breaker, "FF")
        })
      assert.strictEqual(yield* pairs(9_999), "open")
      assert.strictEqual(yield* pairs(10_000), "closed")
    })
  )
})

describe("slow calls", () => {
  const slow = (options: Partial<CircuitBreaker.SlowRateOptions> = {}) =>
    make({
      trip: CircuitBreaker.slowRate({ slowerThan: "100 millis", threshold: 0.5, minimumCalls: 2, ...options })
    })

  const lasting = (breaker: CircuitBreaker.CircuitBreaker, millis: number, effect: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      yield* Effect.forkChild(
        Effect.exit(CircuitBreaker.protect(Effect.andThen(Effect.sleep(millis), effect), breaker)),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust(millis)
    })

  it.effect("A7 are those that take longer than the limit, not as long", () =>
    Effect.gen(function* () {
      for (const inFlight of [true, false]) {
        const onTime = yield* slow({ inFlight })
        yield* lasting(onTime, 100, works)
        yield* lasting(onTime, 100, works)
        assert.deepStrictEqual(yield* counted(onTime), [2, 0, 0])
        assert.strictEqual(yield* onTime.state, "closed")

        const late = yield* slow({ inFlight })
        const seen = yield* recordTransitions(late)
        yield* lasting(late, 101, works)
        yield* lasting(late, 101, works)
        assert.strictEqual(yield* late.state, "open")
        yield* Effect.yieldNow
        assert.strictEqual(seen[0]?.reason, "slow_rate")
      }
    })
  )

  it.effect("A8 that fail count once, as both", () =>
    Effect.gen(function* () {
      const breaker = yield* slow()
      yield* lasting(breaker, 150, failure())
      assert.deepStrictEqual(yield* counted(breaker), [1, 1, 1])
    })
  )

  it.effect("A17 open the circuit while they still run, dated when they became slow", () =>
    Effect.gen(function* () {
      const breaker = yield* slow({ slowerThan: "1 second", minimumCalls: 10 })
      const start = yield* Clock.currentTimeMillis
      const seen = yield* recordTransitions(breaker)
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () =>
        Effect.forkChild(CircuitBreaker.protect(Effect.never, breaker), { startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
      yield* TestClock.adjust("1 millis")
      const rejection = yield* Effect.flip(CircuitBreaker.protect(works, breaker))
      assert.strictEqual(rejection.state, "open")
      yield* Effect.yieldNow
      assert.strictEqual(seen[0]?.at, start + 1000)
      yield* Fiber.interruptAll(fibers)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )
})

describe("several rules", () => {
  it.effect("open the circuit when one of them says so, and the transition says which", () =>
    Effect.gen(function* () {
      const rules = CircuitBreaker.anyOf(
        CircuitBreaker.consecutive(3),
        CircuitBreaker.failureRate({ window: { calls: 4 } })
      )
      const reasonAfter = (calls: string) =>
        Effect.gen(function* () {
          const breaker = yield* make({ trip: rules })
          const seen = yield* recordTransitions(breaker)
          yield* play(breaker, calls)
          yield* Effect.yieldNow
          return seen.map(({ reason }) => reason)
        })
      assert.deepStrictEqual(yield* reasonAfter("FFF"), ["consecutive"])
      assert.deepStrictEqual(yield* reasonAfter("SSFF"), ["failure_rate"])
      assert.deepStrictEqual(yield* reasonAfter("SSSF"), [])
    })
  )

  it.effect.each([
    ["slowRate", (slow: CircuitBreaker.Trip) => slow],
    [
      "slowRate as one of several",
      (slow: CircuitBreaker.Trip) => CircuitBreaker.anyOf(CircuitBreaker.consecutive(9), slow)
    ]
  ] as const)("take a slow probe for a failed one: %s", ([, of]) =>
    Effect.gen(function* () {
      const slow = CircuitBreaker.slowRate({ slowerThan: "100 millis", window: { calls: 2 } })
      const breaker = yield* make({ trip: of(slow), halfOpen: { successes: 1 } })
      const seen = yield* recordTransitions(breaker)
      const taking = (millis: number) =>
        Effect.gen(function* () {
          const call = yield* Effect.forkChild(CircuitBreaker.protect(Effect.sleep(millis), breaker), {
            startImmediately: true
          })
          yield* TestClock.adjust(millis)
          yield* Fiber.join(call)
        })
      yield* taking(5000)
      yield* taking(5000)
      assert.strictEqual(yield* breaker.state, "open")
      yield* TestClock.adjust("60 seconds")
      yield* taking(5000)
      assert.strictEqual(yield* breaker.state, "open")
      yield* TestClock.adjust("60 seconds")
      yield* taking(100)
      assert.strictEqual(yield* breaker.state, "closed")
      assert.deepStrictEqual(
        seen.flatMap(({ reason, to }) => (to === "open" ? [reason] : [])),
        ["slow_rate", "probe_failed"]
      )
    })
  )

  it.effect("may be the application's own, and one that throws is a defect of the call", () =>
    Effect.gen(function* () {
      let sum = 0
      const own = CircuitBreaker.custom({
        name: "third_failure",
        make: () => ({ record: ({ failed }) => failed && ++sum === 3, clear: () => void (sum = 0) })
      })
      const breaker = yield* make({ trip: own })
      assert.strictEqual(yield* play(breaker, "FSF"), "closed")
      assert.strictEqual(yield* play(breaker, "F"), "open")
      const oops = new Error("oops")
      const broken = CircuitBreaker.custom({
        name: "broken",
        make: () => ({
          record: () => {
            throw oops
          },
          clear: () => {}
        })
      })
      const unlucky = yield* make({ trip: broken })
      assert.deepStrictEqual(yield* Effect.exit(CircuitBreaker.protect(works, unlucky)), Exit.die(oops))
      assert.strictEqual(yield* unlucky.state, "closed")
    })
  )

  it.effect("may be the application's own, and one that cannot forget has opened the circuit, which is told", () =>
    Effect.gen(function* () {
      const oops = new Error("oops")
      const clear = () => {
        throw oops
      }
      const breaker = yield* make({
        trip: CircuitBreaker.custom({ name: "sticky", make: () => ({ record: () => true, clear }) })
      })
      const { exit, of } = yield* recorded(CircuitBreaker.protect(works, breaker))
      assert.deepStrictEqual(exit, Exit.die(oops))
      assert.deepStrictEqual(
        of("CircuitTransition").map(({ reason, to }) => [to, reason]),
        [["open", "sticky"]]
      )
    })
  )

  it.effect(
    "may be the application's own, and one that cannot forget loses no transition that somebody notices first",
    () =>
      Effect.gen(function* () {
        const oops = new Error("oops")
        const clear = () => {
          throw oops
        }
        const sticky = CircuitBreaker.custom({
          name: "sticky",
          make: () => ({ record: ({ failed }) => failed, clear })
        })
        const notice = (what: (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<unknown, unknown>) =>
          Effect.gen(function* () {
            const breaker = yield* make({ trip: sticky })
            yield* Effect.exit(CircuitBreaker.protect(failure(), breaker))
            yield* TestClock.adjust("60 seconds")
            const { exit, of } = yield* recorded(what(breaker))
            assert.deepStrictEqual(exit, Exit.die(oops))
            return of("CircuitTransition").map(({ from, to }) => [from, to])
          })
        const halfOpened = [["open", "half_open"]]
        assert.deepStrictEqual(yield* notice(({ state }) => state), halfOpened)
        assert.deepStrictEqual(yield* notice(({ health }) => health), halfOpened)
        assert.deepStrictEqual(yield* notice(({ snapshot }) => snapshot), halfOpened)
        assert.deepStrictEqual(yield* notice((breaker) => CircuitBreaker.protect(works, breaker)), halfOpened)
      })
  )

  it.effect("may be the application's own, and one that hands the circuit to an operator has not opened it, too", () =>
    Effect.gen(function* () {
      const breaker: CircuitBreaker.CircuitBreaker = yield* make({
        trip: CircuitBreaker.custom({
          name: "operator",
          make: () => ({
            record: () => (Effect.runSync(breaker.setMode("isolated")), true),
            clear: () => {}
          })
        })
      })
      assert.strictEqual(yield* play(breaker, "F"), "isolated")
    })
  )
})

it.effect("the declared outcome can be overruled by tag and by code", () =>
  Effect.gen(function* () {
    const breaker = yield* make({
      trip: CircuitBreaker.consecutive(1),
      outcomes: { NetworkError: "ignored", "biz.not_found": "failure" }
    })
    yield* trip(breaker, 5)
    assert.strictEqual(yield* breaker.state, "closed")
    yield* Effect.exit(CircuitBreaker.protect(new Reasons.NotFound({}), breaker))
    assert.strictEqual(yield* breaker.state, "open")
  })
)
