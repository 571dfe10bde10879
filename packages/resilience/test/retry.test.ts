import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, Retry } from "@holdfast/resilience"
import { dependency } from "@holdfast/resilience/testing"
import { Cause, Duration, Effect, Exit, Fiber, Random, Schedule, type Tracer } from "effect"
import { TestClock } from "effect/testing"

class Refused extends Failure.Tagged<Refused>()("Refused", {}, { code: "biz.test_refused" }) {}

const failure = () => new Reasons.NetworkError({})

const down = (latency?: Duration.Input) =>
  dependency<string, Reasons.NetworkError>({ value: "up", failures: Infinity, failure, latency })

/** Runs it as a fiber, lets `time` pass, and gives the exit, which must have come by then. */
const exitAfter = <A, E>(time: Duration.Input, effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(time)
    const exit = fiber.pollUnsafe()
    assert.isDefined(exit)
    return exit as Exit.Exit<A, E>
  })

const isRunning = (fiber: Fiber.Fiber<unknown, unknown>) => fiber.pollUnsafe() === undefined

describe("Retry attempts and delays", () => {
  it.effect("calls at 0, 100, 200, 300 ms with 4 attempts 100 ms apart, and fails at 300 ms", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const fiber = yield* dep.call.pipe(
        Retry.retry(Retry.make({ attempts: 4, backoff: Backoff.constant("100 millis"), exhausted: "wrap" })),
        Effect.flip,
        Effect.forkChild
      )
      yield* TestClock.adjust("299 millis")
      assert.isTrue(isRunning(fiber))
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual(dep.instants, [0, 100, 200, 300])
      assert.instanceOf(error, Reasons.RetriesExhausted)
      assert.strictEqual(error.attempts, 4)
      assert.strictEqual(error.limit, "attempts")
      assert.strictEqual(Duration.toMillis(error.elapsed), 300)
      assert.instanceOf(error.cause, Reasons.NetworkError)
    })
  )

  it.effect("waits 100, 200, 300 ms when linear", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      yield* exitAfter(
        "1 second",
        dep.call.pipe(Retry.retry(Retry.make({ attempts: 4, backoff: Backoff.linear(100) })))
      )
      assert.deepStrictEqual(dep.instants, [0, 100, 300, 600])
    })
  )

  it.effect("stops growing at the cap", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const backoff = Backoff.exponential("100 millis", { cap: "500 millis" })
      yield* exitAfter("2 seconds", dep.call.pipe(Retry.retry(Retry.make({ attempts: 6, backoff }))))
      assert.deepStrictEqual(dep.instants, [0, 100, 300, 700, 1200, 1700])
    })
  )

  it.effect("makes at most 6 calls with 5 retries from 10 ms with jitter", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const backoff = Backoff.exponential("10 millis", { jitter: "full" })
      yield* exitAfter("310 millis", dep.call.pipe(Retry.retry(Retry.make({ attempts: 6, backoff }))))
      assert.strictEqual(dep.calls, 6)
    })
  )

  it.effect("never sleeps for a delay of zero", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: 3, failure })
      const value = yield* dep.call.pipe(Retry.retry(Retry.make({ attempts: 4, backoff: Backoff.none })))
      assert.strictEqual(value, "up")
      assert.deepStrictEqual(dep.instants, [0, 0, 0, 0])
    })
  )

  it.effect("takes its delays from a schedule, and ends when the schedule ends", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const backoff = Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 2 }))
      const policy = Retry.make({ attempts: 10, backoff, exhausted: "wrap" })
      const exit = yield* exitAfter("1 second", Effect.flip(dep.call.pipe(Retry.retry(policy))))
      assert.deepStrictEqual(dep.instants, [0, 50, 100])
      assert.strictEqual(Exit.isSuccess(exit) && exit.value._tag, "RetriesExhausted")
    })
  )

  it.effect("gives the same delays for the same seed", () =>
    Effect.gen(function* () {
      const delays = Effect.gen(function* () {
        const seen: Array<number> = []
        const dep = yield* down()
        const policy = Retry.make({
          attempts: 5,
          onRetry: ({ delay }) => Effect.sync(() => seen.push(Duration.toMillis(delay)))
        })
        yield* exitAfter("10 seconds", dep.call.pipe(Retry.retry(policy)))
        return seen
      })
      const first = yield* Random.withSeed(delays, "seed")
      assert.deepStrictEqual(yield* Random.withSeed(delays, "seed"), first)
      assert.notDeepEqual(yield* Random.withSeed(delays, "other"), first)
    })
  )

  it.effect("counts per call, not per policy", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ attempts: 4, backoff: Backoff.constant("10 millis") })
      const one = yield* dependency({ value: 1, failures: 3, failure })
      const two = yield* dependency({ value: 2, failures: 3, failure })
      const both = Effect.all([one.call.pipe(Retry.retry(policy)), Retry.retry(two.call, policy)], { concurrency: 2 })
      assert.deepStrictEqual<unknown>(yield* exitAfter("30 millis", both), Exit.succeed([1, 2]))
    })
  )

  it.effect("survives 100 000 failures in a row", () =>
    Effect.gen(function* () {
      let calls = 0
      const error = failure()
      const flaky = Effect.suspend(() => (++calls <= 100_000 ? Effect.fail(error) : Effect.succeed(calls)))
      const value = yield* flaky.pipe(Retry.retry(Retry.make({ attempts: Infinity, backoff: Backoff.none })))
      assert.strictEqual(value, 100_001)
    })
  )
})

describe("what Retry retries", () => {
  const policy = Retry.make({ attempts: 3, backoff: Backoff.none })

  it.effect("returns a failure that is not declared retryable after one call, as the same instance", () =>
    Effect.gen(function* () {
      const refused = new Refused({})
      const dep = yield* dependency({ value: 1, failures: Infinity, failure: () => refused })
      assert.strictEqual(yield* Effect.flip(dep.call.pipe(Retry.retry(policy))), refused)
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect("returns the last failure itself when attempts are used up, unless asked to wrap", () =>
    Effect.gen(function* () {
      const seen: Array<Reasons.NetworkError> = []
      const dep = yield* dependency({
        value: 1,
        failures: Infinity,
        failure: () => {
          const error = failure()
          seen.push(error)
          return error
        }
      })
      assert.strictEqual(yield* Effect.flip(dep.call.pipe(Retry.retry(policy))), seen[2]!)
    })
  )

  it.effect("does not wrap a failure that it would not have retried", () =>
    Effect.gen(function* () {
      const wrapping = Retry.make({ backoff: Backoff.none, exhausted: "wrap" })
      const error = yield* Effect.flip(Retry.retry(Effect.fail(new Refused({})), wrapping))
      assert.instanceOf(error, Refused)
    })
  )

  it.effect("asks the predicate instead of the declaration when there is one", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: 1, failure: () => new Refused({}) })
      const chosen = Retry.make({ when: (e: Refused) => e._tag === "Refused", backoff: Backoff.none })
      assert.strictEqual(yield* dep.call.pipe(Retry.retry(chosen)), "up")
      const network = yield* down()
      yield* Effect.flip(network.call.pipe(Retry.retry(Retry.make({ when: () => false }))))
      assert.strictEqual(network.calls, 1)
    })
  )

  it.effect("never retries a defect, not even beside a failure, and passes the same one on", () =>
    Effect.gen(function* () {
      const defect = { oops: true }
      let calls = 0
      const dies = Effect.suspend(() => {
        calls++
        return Effect.failCause(Cause.combine(Cause.fail(failure()), Cause.die(defect)))
      })
      const exit = yield* Effect.exit(dies.pipe(Retry.retry(policy)))
      assert.strictEqual(calls, 1)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      const only = yield* Effect.exit(Effect.die(defect).pipe(Retry.retry(policy)))
      assert.isTrue(Exit.isFailure(only) && Cause.squash(only.cause) === defect)
    })
  )

  it.effect("ends at once, interrupted, when it is interrupted while waiting", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const fiber = yield* dep.call.pipe(
        Retry.retry(Retry.make({ backoff: Backoff.constant("300 millis") })),
        Effect.forkChild
      )
      yield* TestClock.adjust("20 millis")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect("runs the finalizer of an interrupted attempt once and begins no other", () =>
    Effect.gen(function* () {
      let finalized = 0
      const dep = yield* down("50 millis")
      const fiber = yield* dep.call.pipe(
        Effect.ensuring(Effect.sync(() => void finalized++)),
        Retry.retry(Retry.make({ backoff: Backoff.constant("100 millis") })),
        Effect.forkChild
      )
      yield* TestClock.adjust("170 millis")
      assert.strictEqual(dep.calls, 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(finalized, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(dep.calls, 2)
      assert.strictEqual(dep.inFlight, 0)
    })
  )
})

describe("Retry limits", () => {
  it.effect("gives up at 800 ms, not at 1200, when the next wait would not fit into 1 s", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const policy = Retry.make({
        attempts: 10,
        backoff: Backoff.constant("400 millis"),
        maxElapsed: "1 second",
        exhausted: "wrap"
      })
      const fiber = yield* Effect.forkChild(Effect.flip(dep.call.pipe(Retry.retry(policy))))
      yield* TestClock.adjust("799 millis")
      assert.isTrue(isRunning(fiber))
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual(dep.instants, [0, 400, 800])
      assert.strictEqual(error._tag === "RetriesExhausted" && error.limit, "elapsed")
    })
  )

  const hinted = (retryAfter: Duration.Input, policy: Retry.Retry) =>
    Effect.gen(function* () {
      const dep = yield* dependency({
        value: "up",
        failures: 1,
        failure: () => new Reasons.RateLimited({ retryAfter })
      })
      yield* exitAfter("1 hour", dep.call.pipe(Retry.retry(policy)))
      return dep.instants[1]
    })

  it.effect("waits at least as long as the callee asked, at most as long as the hint may be", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ backoff: Backoff.constant("100 millis"), maxHint: "30 seconds" })
      assert.strictEqual(yield* hinted("5 seconds", policy), 5000)
      assert.strictEqual(yield* hinted("10 millis", policy), 100)
      assert.strictEqual(yield* hinted(-1, policy), 100)
      assert.strictEqual(yield* hinted("10 minutes", policy), 30_000)
    })
  )

  it.effect("puts jitter on top of the hint, never below", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ backoff: Backoff.constant("100 millis", { jitter: "full" }) })
      for (let seed = 0; seed < 20; seed++) {
        const at = yield* hinted("5 seconds", policy).pipe(Random.withSeed(seed))
        assert.isTrue(at! >= 5000 && at! < 5100)
      }
    })
  )

  const open = () =>
    Failure.stackless(Reasons.CircuitOpen, { circuit: "db", state: "open", retryAfter: Duration.seconds(30) })

  it.effect("does not retry the rejection of an open circuit when nothing limits the wait", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: 1, failures: Infinity, failure: open })
      const error = yield* Effect.flip(
        dep.call.pipe(Retry.retry(Retry.make({ attempts: 4, backoff: Backoff.constant(100) })))
      )
      assert.strictEqual(error._tag, "CircuitOpen")
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect("waits out an open circuit when its retryAfter fits, and gives up at once when it does not", () =>
    Effect.gen(function* () {
      const calls = (maxElapsed: Duration.Input) =>
        Effect.gen(function* () {
          const dep = yield* dependency({ value: 1, failures: 1, failure: open })
          yield* exitAfter(
            "1 hour",
            dep.call.pipe(Retry.retry(Retry.make({ backoff: Backoff.none, maxElapsed, maxHint: 0 })))
          )
          return dep.instants
        })
      assert.deepStrictEqual(yield* calls("31 seconds"), [0, 30_000])
      assert.deepStrictEqual(yield* calls("30 seconds"), [0])
    })
  )

  it("refuses options out of range when the policy is made", () => {
    assert.throws(() => Retry.make({ attempts: 0 }), "Retry.attempts: a whole number, 1 or more")
    assert.throws(() => Retry.make({ attempts: 1.5 }), "Retry.attempts")
    assert.throws(() => Retry.make({ maxElapsed: 0 }), "Retry.maxElapsed")
    assert.throws(() => Retry.make({ maxHint: -1 }), "Retry.maxHint")
  })
})

describe("what Retry reports", () => {
  it.effect("tells the hook which attempt failed, why, and how long it waits", () =>
    Effect.gen(function* () {
      const seen: Array<readonly [number, number, string]> = []
      const dep = yield* dependency({ value: "up", failures: 3, failure })
      const policy = Retry.make({
        attempts: 4,
        backoff: Backoff.linear("100 millis"),
        onRetry: ({ attempt, delay, failure }: Retry.Attempt<Reasons.NetworkError>) =>
          Effect.sync(() => seen.push([attempt, Duration.toMillis(delay), failure._tag]))
      })
      assert.deepStrictEqual(yield* exitAfter("600 millis", dep.call.pipe(Retry.retry(policy))), Exit.succeed("up"))
      assert.deepStrictEqual(seen, [
        [1, 100, "NetworkError"],
        [2, 200, "NetworkError"],
        [3, 300, "NetworkError"]
      ])
    })
  )

  it.effect("leaves events and the number of attempts on the span", () =>
    Effect.gen(function* () {
      let span: Tracer.Span | undefined
      const events: Array<readonly [string, bigint, unknown]> = []
      const dep = yield* down()
      const policy = Retry.make({ attempts: 3, backoff: Backoff.linear("350 millis") })
      yield* exitAfter(
        "2 seconds",
        Effect.currentSpan.pipe(
          Effect.tap((current) =>
            Effect.sync(() => {
              span = current
              span.event = (name, time, attributes) => void events.push([name, time, attributes])
            })
          ),
          Effect.andThen(dep.call.pipe(Retry.retry(policy))),
          Effect.withSpan("charge")
        )
      )
      assert.deepStrictEqual(events, [
        [
          "resilience.retry.attempt_failed",
          0n,
          { "resilience.retry.attempt": 1, "error.type": "sys.network_error", "resilience.retry.delay": 0.35 }
        ],
        [
          "resilience.retry.attempt_failed",
          350_000_000n,
          { "resilience.retry.attempt": 2, "error.type": "sys.network_error", "resilience.retry.delay": 0.7 }
        ]
      ])
      assert.strictEqual(span?.attributes.get("resilience.retry.attempts"), 3)
    })
  )
})
