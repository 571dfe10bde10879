import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Fallback, Policy, Timeout } from "@holdfast/resilience"
import { advanceTo, assertState } from "@holdfast/resilience/testing"
import { Clock, Context, Effect, Exit, Fiber, Layer, Logger, Metric, Random, Schema } from "effect"
import { TestClock } from "effect/testing"
import { sleepers } from "./sleepers.ts"

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

describe("composition and telemetry", () => {
  it.effect("L12 a scope that is closed leaves no fiber and no sleep", () =>
    Effect.gen(function* () {
      class Shared extends Policy.Service<Shared>()("L12", {
        timeout: "1 minute",
        retry: {},
        circuitBreaker: {},
        attemptTimeout: "10 seconds"
      }) {}
      const sleeping = yield* sleepers
      const inside = Effect.never.pipe(Shared.protect, Effect.provide(Shared.layer))
      const fiber = yield* Effect.forkChild(Effect.provideService(inside, Clock.Clock, sleeping.clock), {
        startImmediately: true
      })
      yield* TestClock.adjust(1)
      assert.isAbove(sleeping.now, 0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(sleeping.now, 0)
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
