import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker } from "@holdfast/resilience"
import { dependency, recordTransitions } from "@holdfast/resilience/testing"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, Logger, Metric, Random, Schema } from "effect"
import { TestClock } from "effect/testing"

class Refused extends Failure.Tagged<Refused>()("BreakerRefused", {}, { code: "biz.breaker_test_refused" }) {}

const failure = () => new Reasons.NetworkError({})
const fails = Effect.suspend(() => Effect.fail(failure()))
const works = Effect.succeed("ok")

const make = (options: Partial<CircuitBreaker.Options> = {}) => CircuitBreaker.make({ name: "db", ...options })

/** Calls until it opens. */
const trip = (breaker: CircuitBreaker.CircuitBreaker, times: number) =>
  Effect.replicateEffect(Effect.exit(CircuitBreaker.protect(fails, breaker)), times, { discard: true })

/** The rejection, which must come without the effect having run. */
const rejectionOf = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.gen(function* () {
    let ran = false
    const rejection = yield* Effect.sync(() => (ran = true)).pipe(CircuitBreaker.protect(breaker), Effect.flip)
    assert.isFalse(ran)
    return rejection
  })

const hours = (n: number) => n * 3_600_000

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

  it.effect("tells a rejected call when to come back: after 30, 20 and 0.5 s", () =>
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

  it.effect("reads half_open when the open time is over, before any call", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 5)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* breaker.state, "half_open")
    })
  )
})

describe("what counts", () => {
  const after = <A, E>(effect: Effect.Effect<A, E>, options: Partial<CircuitBreaker.Options> = {}) =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1), ...options })
      const exit = yield* Effect.exit(CircuitBreaker.protect(effect, breaker))
      return { exit, state: yield* breaker.state }
    })

  it.effect("a failure that the dependency is to blame for opens, and passes as the same instance", () =>
    Effect.gen(function* () {
      const error = failure()
      assert.deepStrictEqual(yield* after(Effect.fail(error)), { exit: Exit.fail(error), state: "open" })
    })
  )

  it.effect("a business refusal is a success of the dependency: it ends the row of failures", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* after(Effect.fail(new Refused({})))).state, "closed")
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(2) })
      yield* trip(breaker, 1)
      yield* Effect.exit(CircuitBreaker.protect(Effect.fail(new Refused({})), breaker))
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("rejections by policies and cancellations say nothing: they neither count nor end the row", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(2) })
      yield* trip(breaker, 1)
      for (const error of [
        Failure.stackless(Reasons.CircuitOpen, { circuit: "other", state: "open" }),
        new Reasons.BulkheadFull({ bulkhead: "pool" }),
        new Reasons.RateLimited({}),
        new Reasons.Cancelled({})
      ]) {
        yield* Effect.exit(CircuitBreaker.protect(Effect.fail(error), breaker))
        assert.strictEqual(yield* breaker.state, "closed")
      }
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("a defect counts as a failure and passes as the same defect", () =>
    Effect.gen(function* () {
      const defect = { oops: true }
      const { exit, state } = yield* after(Effect.die(defect))
      assert.strictEqual(state, "open")
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === defect)
    })
  )

  it.effect("100 interrupted calls count nothing", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.forkChild(CircuitBreaker.protect(Effect.never, breaker))
      )
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interruptAll(fibers)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("a cause with a failure and an interruption counts by its failure", () =>
    Effect.gen(function* () {
      const both = (error: unknown) => Effect.failCause(Cause.combine(Cause.interrupt(1), Cause.fail(error)))
      assert.strictEqual((yield* after(both(failure()))).state, "open")
      assert.strictEqual((yield* after(both(new Refused({})))).state, "closed")
      assert.strictEqual((yield* after(Effect.failCause(Cause.interrupt(1)))).state, "closed")
    })
  )

  it.effect("an own classifier decides over values and failures, and is not asked about interruption", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const classify = (exit: Exit.Exit<unknown, unknown>): CircuitBreaker.Outcome => {
        asked.push(exit._tag)
        return Exit.isSuccess(exit) && exit.value === 503 ? "failure" : "ignored"
      }
      assert.deepStrictEqual<unknown>(yield* after(Effect.succeed(503), { classify }), {
        exit: Exit.succeed(503),
        state: "open"
      })
      assert.strictEqual((yield* after(fails, { classify })).state, "closed")
      yield* after(Effect.failCause(Cause.interrupt(1)), { classify })
      assert.deepStrictEqual(asked, ["Success", "Failure"])
    })
  )

  it.effect("a classifier that throws is the caller's defect, and the probe's slot comes back", () =>
    Effect.gen(function* () {
      const bug = new Error("classifier")
      let broken = false
      const breaker = yield* make({
        trip: CircuitBreaker.consecutive(1),
        halfOpen: { successes: 1 },
        classify: (exit) => {
          if (broken) throw bug
          return CircuitBreaker.outcomeOf(exit)
        }
      })
      yield* trip(breaker, 1)
      yield* TestClock.adjust("60 seconds")
      broken = true
      const exit = yield* Effect.exit(CircuitBreaker.protect(works, breaker))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === bug)
      assert.strictEqual(yield* breaker.state, "half_open")
      broken = false
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )
})

describe("late results", () => {
  it.effect("of 100 concurrent failures at 1 s the fifth opens it, once, until 61 s", () =>
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

  it.effect("neither close nor reopen a half-open circuit", () =>
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
  it.effect("is given up after the maximum wait; the circuit is open as of then, and probes again", () =>
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

  it.effect("gives its slot back at once when it is interrupted", () =>
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

describe("how long it stays open", () => {
  const growing = {
    trip: CircuitBreaker.consecutive(1),
    openFor: Backoff.exponential("1 second", { cap: "8 seconds" }),
    halfOpen: { successes: 1 }
  }

  it.effect("grows with every opening in a row: openings at 0, 1, 3, 7, 15, 23 s", () =>
    Effect.gen(function* () {
      const breaker = yield* make(growing)
      const openedAt: Array<number> = []
      for (let ms = 0; ms <= 23_000; ms += 500) {
        const exit = yield* Effect.exit(CircuitBreaker.protect(fails, breaker))
        if (Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Reasons.NetworkError) openedAt.push(ms / 1000)
        yield* TestClock.adjust("500 millis")
      }
      assert.deepStrictEqual(openedAt, [0, 1, 3, 7, 15, 23])
    })
  )

  it.effect("keeps growing when a recovery is shorter than the last opening, and starts again when it is as long", () =>
    Effect.gen(function* () {
      const openForAfter = (recovery: number) =>
        Effect.gen(function* () {
          const breaker = yield* make(growing)
          for (const wait of [1, 2, 4, 8]) {
            yield* trip(breaker, 1)
            yield* TestClock.adjust(Duration.seconds(wait))
          }
          yield* CircuitBreaker.protect(works, breaker)
          assert.strictEqual(yield* breaker.state, "closed")
          yield* TestClock.adjust(Duration.millis(recovery))
          yield* trip(breaker, 1)
          return Duration.toSeconds((yield* rejectionOf(breaker)).retryAfter!)
        })
      assert.strictEqual(yield* openForAfter(7999), 8)
      assert.strictEqual(yield* openForAfter(8000), 1)
    })
  )

  it.effect("is lengthened by the failure's hint, never shortened, and by one hour at most", () =>
    Effect.gen(function* () {
      const openFor = (retryAfter: Duration.Input) =>
        Effect.gen(function* () {
          const breaker = yield* make({ trip: CircuitBreaker.consecutive(1), openFor: "30 seconds" })
          yield* Effect.exit(CircuitBreaker.protect(Effect.fail(new Reasons.NetworkError({ retryAfter })), breaker))
          return Duration.toSeconds((yield* rejectionOf(breaker)).retryAfter!)
        })
      assert.strictEqual(yield* openFor("120 seconds"), 120)
      assert.strictEqual(yield* openFor("5 seconds"), 30)
      assert.strictEqual(yield* openFor("1 day"), 3600)
      assert.strictEqual(yield* openFor(-1), 30)
      assert.strictEqual(yield* openFor(Number.NaN), 30)
      assert.strictEqual(yield* openFor(Duration.infinity), 3600)
    })
  )

  it.effect("spreads 1000 circuits with jitter, so that a fleet does not come back at once", () =>
    Effect.gen(function* () {
      const openFor = Backoff.constant("30 seconds", { jitter: { plusMinus: 0.2 } })
      const bins = new Map<number, number>()
      for (let i = 0; i < 1000; i++) {
        const breaker = yield* make({ trip: CircuitBreaker.consecutive(1), openFor })
        yield* trip(breaker, 1)
        const millis = Duration.toMillis((yield* rejectionOf(breaker)).retryAfter!)
        assert.isTrue(millis >= 24_000 && millis < 36_000)
        const bin = Math.floor(millis / 100)
        bins.set(bin, (bins.get(bin) ?? 0) + 1)
      }
      assert.isAtMost(Math.max(...bins.values()), 30)
    }).pipe(Random.withSeed("herd"))
  )

  it.effect("follows the monotonic clock when somebody sets the wall clock", () =>
    Effect.gen(function* () {
      const real = yield* Clock.Clock
      let monotonic = 0
      let wall = hours(2)
      const clock: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
        currentTimeMillisUnsafe: () => wall,
        currentTimeNanosUnsafe: () => BigInt(wall) * 1_000_000n,
        monotonicTimeNanosUnsafe: () => BigInt(monotonic) * 1_000_000n
      })
      const scenario = Effect.gen(function* () {
        const breaker = yield* make({ trip: CircuitBreaker.consecutive(1), openFor: 50 })
        yield* trip(breaker, 1)
        wall -= hours(1)
        monotonic += 49
        assert.strictEqual((yield* rejectionOf(breaker)).state, "open")
        monotonic += 1
        assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
        const patient = yield* make({ trip: CircuitBreaker.consecutive(1), openFor: "30 seconds" })
        yield* trip(patient, 1)
        wall += hours(1)
        monotonic += 1000
        assert.strictEqual(Duration.toSeconds((yield* rejectionOf(patient)).retryAfter!), 29)
      })
      yield* Effect.provideService(scenario, Clock.Clock, clock)
    })
  )

  it.effect("leaves no timer behind", () =>
    Effect.gen(function* () {
      const real = yield* Clock.Clock
      let sleeps = 0
      const clock: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
        sleep: (duration: Duration.Duration) => Effect.suspend(() => (sleeps++, real.sleep(duration)))
      })
      yield* Effect.gen(function* () {
        const breaker = yield* make()
        yield* trip(breaker, 5)
        yield* rejectionOf(breaker)
      }).pipe(Effect.provideService(Clock.Clock, clock))
      assert.strictEqual(sleeps, 0)
    })
  )
})

describe("control", () => {
  it.effect("isolates until the last of several isolations ends, then starts fresh", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 4)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* breaker.isolate
          yield* Effect.scoped(breaker.isolate)
          const rejection = yield* rejectionOf(breaker)
          assert.strictEqual(rejection.state, "isolated")
          assert.isUndefined(rejection.retryAfter)
          yield* breaker.reset
          assert.strictEqual(yield* breaker.state, "isolated")
        })
      )
      yield* trip(breaker, 4)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("reset closes it and forgets the failures it saw", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 5)
      yield* breaker.reset
      assert.strictEqual(yield* breaker.state, "closed")
      yield* trip(breaker, 4)
      yield* breaker.reset
      yield* trip(breaker, 4)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )
})

describe("what a circuit reports", () => {
  it.effect("one log line, one metric increment, one span event and one stream element per transition", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const events: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      const breaker = yield* make({ name: "observed", trip: CircuitBreaker.consecutive(1), halfOpen: { successes: 1 } })
      const seen = yield* recordTransitions(breaker)
      yield* Effect.gen(function* () {
        const span = yield* Effect.currentSpan
        span.event = (name, _time, attributes) => void events.push([name, attributes])
        yield* trip(breaker, 1)
        yield* rejectionOf(breaker)
        yield* TestClock.adjust("60 seconds")
        yield* CircuitBreaker.protect(works, breaker)
      }).pipe(Effect.withSpan("charge"), Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(lines, [
        "Warn circuit observed opened",
        "Info circuit observed half-opened",
        "Info circuit observed closed"
      ])
      const steps = ["closed open", "open half_open", "half_open closed"]
      assert.deepStrictEqual(
        events,
        steps.map((step) => {
          const [from, to] = step.split(" ")
          return [
            "resilience.circuit_breaker.transition",
            {
              "resilience.circuit_breaker.name": "observed",
              "resilience.circuit_breaker.from": from,
              "resilience.circuit_breaker.to": to
            }
          ]
        })
      )
      assert.deepStrictEqual(
        seen.map(({ from, to }) => `${from} ${to}`),
        steps
      )
      assert.strictEqual(Duration.toSeconds(seen[0]!.openFor!), 60)
      const metrics = (yield* Metric.snapshot).filter(({ attributes }) => attributes?.["name"] === "observed")
      const counted = metrics.map(({ attributes, id, state }) => [
        id.replace("resilience.circuit_breaker.", ""),
        attributes?.["to"],
        (state as Metric.CounterState<number>).count
      ])
      assert.sameDeepMembers(counted, [
        ["transitions", "open", 1],
        ["transitions", "half_open", 1],
        ["transitions", "closed", 1],
        ["rejections", undefined, 1]
      ])
    })
  )

  it.effect("a logger that dies does not change the result of the call", () =>
    Effect.gen(function* () {
      const dying = Logger.make(() => {
        throw new Error("disk full")
      })
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      const error = failure()
      const exit = yield* Effect.fail(error).pipe(
        CircuitBreaker.protect(breaker),
        Effect.exit,
        Effect.provide(Logger.layer([dying]))
      )
      assert.deepStrictEqual(exit, Exit.fail(error))
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("a rejection is a declared failure that survives encoding", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      yield* trip(breaker, 1)
      const rejection = yield* rejectionOf(breaker)
      assert.instanceOf(rejection, Reasons.CircuitOpen)
      assert.strictEqual(rejection.message, "circuit open: db is open")
      assert.deepStrictEqual(yield* Schema.encodeEffect(Reasons.CircuitOpen)(rejection), {
        _tag: "CircuitOpen",
        circuit: "db",
        state: "open",
        retryAfter: 60_000
      })
    })
  )
})

describe("CircuitBreaker options", () => {
  const bad: ReadonlyArray<readonly [string, object, string]> = [
    ["name", { name: "" }, "CircuitBreaker.name: a text that is not empty"],
    ["name", { name: undefined }, "CircuitBreaker.name: a text that is not empty"],
    ["trip", { trip: CircuitBreaker.consecutive(0) }, "CircuitBreaker.trip: a rule such as"],
    ["openFor", { openFor: 0 }, "CircuitBreaker.openFor: a finite duration greater than 0 ms, or a Backoff"],
    ["openFor", { openFor: "soon" }, "CircuitBreaker.openFor"],
    ["maxHint", { maxHint: -1 }, "CircuitBreaker.maxHint: a finite duration, zero or more"],
    ["halfOpen", { halfOpen: { concurrent: 0 } }, "CircuitBreaker.halfOpen.concurrent: a whole number, 1 or more"],
    [
      "halfOpen",
      { halfOpen: { successes: 3, outOf: 2 } },
      "CircuitBreaker.halfOpen.outOf: at least halfOpen.successes"
    ],
    ["halfOpen", { halfOpen: { maxWait: Number.NaN } }, "CircuitBreaker.halfOpen.maxWait"],
    ["a misspelt one", { openfor: "1 second" }, "CircuitBreaker.openfor: no such option; there are name, trip, openFor"]
  ]
  for (const [option, options, message] of bad) {
    it.effect(`refuses ${option} out of range with a failure that says: ${message}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(make(options as Partial<CircuitBreaker.Options>))
        assert.strictEqual(error._tag, "InvalidValue")
        assert.include(error.message, message)
      })
    )
  }
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

  it.effect("can be one anonymous breaker behind a layer", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.CircuitBreaker
      assert.strictEqual(breaker.name, "only")
    }).pipe(Effect.provide(CircuitBreaker.layer({ name: "only" })))
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
