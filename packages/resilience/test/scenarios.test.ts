import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Fallback, Policy, Retry, RetryBudget, Timeout } from "@holdfast/resilience"
import { advanceTo, assertState, dependency, recorded } from "@holdfast/resilience/testing"
import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, Logger, Metric, Random, Schema } from "effect"
import * as fc from "fast-check"
import { TestClock } from "effect/testing"

const failure = () => new Reasons.NetworkError({})
const down = Effect.suspend(() => Effect.fail(failure()))
const shrug = Effect.suspend(() => Effect.fail(new Reasons.RateLimited({})))

const call = <X>(breaker: CircuitBreaker.Guard<X>, effect: Effect.Effect<unknown, unknown> = down) =>
  Effect.exit(CircuitBreaker.protect(effect, breaker))

const stateSeries = (name: string) =>
  Effect.map(Metric.snapshot, (all) =>
    all
      .filter(({ attributes, id }) => id === "resilience.circuit_breaker.state" && attributes?.["name"] === name)
      .map(({ state }) => (state as Metric.GaugeState<number>).value)
  )

/** A clock whose two hands are moved by the test. */
const handMade = Effect.map(Effect.service(Clock.Clock), (real) => {
  const hands = { wall: 1e12, monotonic: 0 }
  const clock: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
    currentTimeMillisUnsafe: () => hands.wall,
    currentTimeNanosUnsafe: () => BigInt(hands.wall) * 1_000_000n,
    monotonicTimeNanosUnsafe: () => BigInt(hands.monotonic) * 1_000_000n
  })
  return { hands, clock }
})

describe("windows and counting", () => {
  it.effect("A4 three in a row: F F S F F, then F; what says nothing does not end a row", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "a4", trip: CircuitBreaker.consecutive(3) })
      for (const effect of [down, down, Effect.void, down, down]) yield* call(breaker, effect)
      yield* assertState(breaker, "closed")
      yield* call(breaker)
      yield* assertState(breaker, "open")
      const ignoring = yield* CircuitBreaker.make({ name: "a4", trip: CircuitBreaker.consecutive(3) })
      for (const effect of [down, down, shrug]) yield* call(ignoring, effect)
      yield* assertState(ignoring, "closed")
      yield* call(ignoring)
      yield* assertState(ignoring, "open")
    })
  )
})

describe("half-open", () => {
  it.effect("B5 two of three probes at once: the third excess call is rejected, and the second success closes it", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        name: "b5",
        trip: CircuitBreaker.consecutive(1),
        openFor: "1 second",
        halfOpen: { concurrent: 2, successes: 2, outOf: 3 }
      })
      yield* call(breaker)
      yield* advanceTo("1 second")
      const slow = Effect.sleep("1 second")
      const probes = yield* Effect.replicateEffect(Effect.forkChild(call(breaker, slow), { startImmediately: true }), 2)
      const rejection = yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker))
      assert.strictEqual(rejection.state, "half_open")
      yield* advanceTo("2 seconds")
      yield* Fiber.joinAll(probes)
      yield* assertState(breaker, "closed")
    })
  )
})

describe("clocks", () => {
  it.effect("C6 the monotonic clock jumps an hour: the circuit probes, and the window of time is empty", () =>
    Effect.gen(function* () {
      const { clock, hands } = yield* handMade
      yield* Effect.gen(function* () {
        const open = yield* CircuitBreaker.make({ name: "c6", trip: CircuitBreaker.consecutive(1) })
        const trip = CircuitBreaker.failureRate({ window: { time: "1 minute" }, minimumCalls: 4 })
        const rated = yield* CircuitBreaker.make({ name: "c6", trip })
        yield* call(open)
        for (let i = 0; i < 3; i++) yield* call(rated)
        hands.monotonic += 3_600_000
        assert.isTrue(Exit.isSuccess(yield* call(open, Effect.void)))
        yield* call(rated)
        yield* assertState(rated, "closed")
        assert.strictEqual((yield* rated.health).rules[0]?.calls, 1)
      }).pipe(Effect.provideService(Clock.Clock, clock))
    })
  )

  it.effect("C5 the wall clock jumps an hour: what was counted stays counted", () =>
    Effect.gen(function* () {
      const { clock, hands } = yield* handMade
      yield* Effect.gen(function* () {
        const trip = CircuitBreaker.failureRate({ window: { time: "1 minute" }, minimumCalls: 4 })
        const breaker = yield* CircuitBreaker.make({ name: "c5", trip })
        for (let i = 0; i < 3; i++) yield* call(breaker)
        hands.wall += 3_600_000
        hands.monotonic += 1000
        yield* call(breaker)
        yield* assertState(breaker, "open")
      }).pipe(Effect.provideService(Clock.Clock, clock))
    })
  )
})

describe("the profiles of the guide", () => {
  it.effect("54 waits 100 ms times the attempt, and the last error says how many there were", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: Infinity, failure })
      const policy = Retry.make({ attempts: 4, backoff: Backoff.linear("100 millis"), exhausted: "wrap" })
      const fiber = yield* Effect.forkChild(Effect.flip(Retry.retry(dep.call, policy)))
      yield* TestClock.adjust("600 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual(dep.instants, [0, 100, 300, 600])
      assert.deepInclude(error, { _tag: "RetriesExhausted", attempts: 4, last: "sys.network_error" })
    })
  )

  it.effect("55 base times two to the attempt and 0 to 99 ms; the delay that is told is the one that is slept", () =>
    Effect.gen(function* () {
      const told: Array<number> = []
      const dep = yield* dependency({ value: "up", failures: Infinity, failure })
      const policy = Retry.make({
        attempts: 3,
        backoff: Backoff.exponential("100 millis", { jitter: { upTo: "99 millis" } }),
        exhausted: "wrap",
        onRetry: ({ delay }) => Effect.sync(() => told.push(Duration.toMillis(delay)))
      })
      const fiber = yield* Effect.forkChild(Effect.flip(Retry.retry(dep.call, policy)))
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      const [first, second] = told
      assert.isTrue(first! >= 100 && first! <= 199 && second! >= 200 && second! <= 299)
      // The clock of a test wakes sleepers at whole milliseconds or later, never before.
      assert.approximately(dep.instants[1]!, first!, 1)
      assert.approximately(dep.instants[2]! - dep.instants[1]!, second!, 1)
      assert.isTrue(error._tag === "RetriesExhausted" && error.cause instanceof Reasons.NetworkError)
    })
  )

  it.effect("56 only network and timeout, 1 s apart: three calls and two waits, or one call", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ when: ["NetworkError", "Timeout"], backoff: Backoff.constant("1 second") })
      const network = yield* dependency({ value: "up", failures: Infinity, failure })
      const fiber = yield* Effect.forkChild(Effect.flip(Retry.retry(network.call, policy)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "NetworkError")
      assert.deepStrictEqual(network.instants, [0, 1000, 2000])
      const invalid = yield* dependency({ value: "up", failures: 9, failure: () => new Reasons.ValidationError({}) })
      yield* Effect.flip(Retry.retry(invalid.call, policy))
      assert.strictEqual(invalid.calls, 1)
    })
  )

  it.effect("57 first call and at most five retries, 10 ms doubling with jitter", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: Infinity, failure })
      const policy = Retry.make({ attempts: 6, backoff: Backoff.exponential("10 millis", { jitter: "full" }) })
      const fiber = yield* Effect.forkChild(recorded(Retry.retry(dep.call, policy)))
      yield* TestClock.adjust("1 second")
      const delays = (yield* Fiber.join(fiber)).of("RetryScheduled").map(({ delay }) => Duration.toMillis(delay))
      assert.strictEqual(dep.calls, 6)
      assert.lengthOf(delays, 5)
      delays.forEach((delay, i) => assert.isTrue(delay >= 0 && delay < 10 * 2 ** i))
    })
  )
})

describe("composition and telemetry", () => {
  it.effect("L12 a scope that is closed leaves no fiber and no sleep", () =>
    Effect.gen(function* () {
      class Shared extends Policy.Service<Shared>()("L12", {
        timeout: "1 minute",
        retry: {},
        circuitBreaker: {},
        attemptTimeout: "10 seconds"
      }) {}
      let sleeping = 0
      const real = yield* Clock.Clock
      const clock: Clock.Clock = Object.assign(Object.create(real) as Clock.Clock, {
        sleep: (duration: Duration.Duration) =>
          Effect.suspend(() => {
            sleeping++
            return Effect.ensuring(
              real.sleep(duration),
              Effect.sync(() => void sleeping--)
            )
          })
      })
      const inside = Effect.never.pipe(Shared.protect, Effect.provide(Shared.layer))
      const fiber = yield* Effect.forkChild(Effect.provideService(inside, Clock.Clock, clock), {
        startImmediately: true
      })
      yield* TestClock.adjust(1)
      assert.isAbove(sleeping, 0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(sleeping, 0)
    })
  )

  it.effect("L15 the states of a breaker sum to one after any sequence of events", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        name: "L15",
        trip: CircuitBreaker.anyOf(CircuitBreaker.consecutive(2), CircuitBreaker.slowRate({ slowerThan: 20 })),
        openFor: 30,
        halfOpen: { concurrent: 2, successes: 2, outOf: 3, maxWait: 50 }
      })
      const modes = ["automatic", "isolated", "disabled", "metrics_only"] as const
      const seen = new Set<string>()
      for (let i = 0; i < 500; i++) {
        const event = yield* Random.nextIntBetween(0, 12)
        if (event < 4) yield* call(breaker)
        else if (event < 6) yield* call(breaker, Effect.void)
        else if (event < 7) yield* Effect.forkChild(call(breaker, Effect.sleep(60)), { startImmediately: true })
        else if (event < 10) yield* TestClock.adjust(yield* Random.nextIntBetween(1, 40))
        else if (event < 11) yield* breaker.setMode(modes[yield* Random.nextIntBetween(0, 3)]!)
        else yield* Effect.scoped(breaker.isolate)
        const series = yield* stateSeries("L15")
        assert.lengthOf(series, 6)
        assert.strictEqual(
          series.reduce((sum, value) => sum + value, 0),
          1
        )
        seen.add(yield* breaker.state)
      }
      assert.isAtLeast(seen.size, 5)
    }).pipe(Random.withSeed("L15"), Effect.provide(Logger.layer([])))
  )

  it.effect("L18 ten thousand keys, and every kind of event, leave as many series as one key does", () =>
    Effect.gen(function* () {
      const seriesOf = (name: string, keys: number) =>
        Effect.gen(function* () {
          const hosts = yield* CircuitBreaker.keyed({ name, trip: CircuitBreaker.consecutive(1), capacity: keys })
          for (let i = 0; i < keys; i++) {
            yield* call(hosts.get(`host-${i}`))
            yield* call(hosts.get(`host-${i}`))
          }
          return (yield* Metric.snapshot).filter(({ attributes }) => attributes?.["name"] === name).length
        })
      assert.strictEqual(yield* seriesOf("many", 10_000), yield* seriesOf("single", 1))
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("L20 tracing and references that are set outside are visible in every attempt and in the fallback", () =>
    Effect.gen(function* () {
      const Tenant = Context.Reference<string>("test/scenarios/Tenant", { defaultValue: () => "none" })
      const seen: Array<string> = []
      const look = Effect.gen(function* () {
        seen.push(`${yield* Tenant} ${(yield* Effect.currentSpan).name}`)
      }).pipe(Effect.orDie)
      const policy = yield* Policy.make("L20", {
        fallback: { orElse: () => look },
        timeout: "1 minute",
        retry: { attempts: 2, backoff: Backoff.none },
        circuitBreaker: {},
        attemptTimeout: "1 second"
      })
      yield* Effect.andThen(look, down).pipe(
        Policy.protect(policy),
        Effect.provideService(Tenant, "acme"),
        Effect.withSpan("order")
      )
      assert.deepStrictEqual(seen, ["acme order", "acme order", "acme order"])
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("L1 a fallback for tag A is not used for B", () =>
    Effect.gen(function* () {
      class A extends Failure.Tagged<A>()("ScenarioA", {}, { code: "sys.scenario_test_a" }) {}
      class B extends Failure.Tagged<B>()("ScenarioB", { why: Schema.String }, { code: "sys.scenario_test_b" }) {}
      const b = new B({ why: "other" })
      const fallback = Fallback.make({ value: "instead", when: ["ScenarioA"] })
      assert.strictEqual(yield* Effect.fail(new A({})).pipe(Fallback.protect(fallback)), "instead")
      assert.strictEqual(yield* Effect.flip(Effect.fail(b).pipe(Fallback.protect(fallback))), b)
    }).pipe(Effect.provide(Logger.layer([])))
  )
})

describe("a budget of deposits and a slow model of it", () => {
  interface Entry {
    readonly slot: number
    readonly amount: number
  }

  it.effect("grant the same retries over any sequence of calls, retries and times", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              calls: fc.nat(12),
              retries: fc.nat(4),
              pause: fc.constantFrom(0, 1, 999, 1000, 4321, 10_000, 60_000)
            }),
            {
              maxLength: 40
            }
          ),
          fc.constantFrom(0.1, 0.2, 0.5, 1),
          fc.constantFrom(0, 1, 3),
          (rounds, percent, minPerSecond) =>
            Effect.gen(function* () {
              const budget = yield* RetryBudget.make(RetryBudget.window({ percent, minPerSecond }))
              const entries: Array<Entry> = []
              let now = 0
              const balance = () => {
                const oldest = Math.floor(now / 1000) - 9
                return entries.reduce((sum, { amount, slot }) => (slot >= oldest ? sum + amount : sum), 0)
              }
              const reserve = (minPerSecond * 10) / percent
              const left = () => Math.max(0, Math.floor((balance() + reserve + 1e-9) * percent))
              const failing = Effect.suspend(() => down)
              for (const { calls, pause, retries } of rounds) {
                const slot = Math.floor(now / 1000)
                for (let i = 0; i < calls; i++) {
                  yield* Retry.retry(Effect.void, { budget })
                  entries.push({ slot, amount: 1 })
                }
                if (retries > 0) {
                  const { of } = yield* recorded(
                    Retry.retry(failing, { budget, attempts: retries + 1, backoff: Backoff.none })
                  )
                  entries.push({ slot, amount: 1 })
                  let granted = 0
                  while (granted < retries && left() >= 1) {
                    entries.push({ slot, amount: -1 / percent })
                    granted++
                  }
                  assert.lengthOf(of("RetryStarted"), granted)
                }
                assert.strictEqual(yield* budget.left, left())
                yield* TestClock.adjust(pause)
                now += pause
              }
            }).pipe(Effect.provide(TestClock.layer()), Effect.runPromise)
        ),
        { numRuns: 150 }
      )
    )
  )

  it.effect("is not freed by an interruption of the retry that was granted: it was spent", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.window({ percent: 1, minPerSecond: 0 }))
      const retried = Retry.retry(down, { budget, backoff: Backoff.constant("1 second") })
      const fiber = yield* Effect.forkChild(retried, { startImmediately: true })
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* budget.left, 0)
      yield* TestClock.adjust("11 seconds")
      yield* Retry.retry(Effect.void, { budget })
      assert.strictEqual(yield* budget.left, 1)
    })
  )
})

describe("limits of time", () => {
  it.effect("G8 a layer that is shared limits every call alike", () =>
    Effect.gen(function* () {
      class Limit extends Timeout.Service<Limit>()("G8", "1 second") {}
      const slow = Effect.exit(Effect.sleep("2 seconds").pipe(Limit.protect))
      const fiber = yield* Effect.forkChild(
        Effect.all([slow, slow], { concurrency: 2 }).pipe(Effect.provide(Layer.mergeAll(Limit.layer)))
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(Exit.isFailure), [true, true])
    })
  )
})
