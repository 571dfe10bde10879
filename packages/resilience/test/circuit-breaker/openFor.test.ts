import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker } from "@holdfast/resilience"
import { Cause, Clock, Duration, Effect, Exit, Random, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { fails, make, rejectionOf, trip, works } from "./circuit.ts"

const hours = (n: number) => n * 3_600_000

describe("how long it stays open", () => {
  const growing = {
    trip: CircuitBreaker.consecutive(1),
    openFor: Backoff.exponential("1 second", { cap: "8 seconds" }),
    halfOpen: { successes: 1 }
  }

  it.effect("C1 grows with every opening in a row: openings at 0, 1, 3, 7, 15, 23 s", () =>
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

  it.effect(
    "C2 keeps growing when a recovery is shorter than the last opening, and starts again when it is as long",
    () =>
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

  it.effect("C3 is lengthened by the failure's hint, never shortened, and by one hour at most", () =>
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

  it.effect("C7 spreads 1000 circuits with jitter, so that a fleet does not come back at once", () =>
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

  it.effect("C4 C5 follows the monotonic clock when somebody sets the wall clock", () =>
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

  it.effect("C8 leaves no timer behind", () =>
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

describe("an open time by schedule", () => {
  const opensFor = (schedule: CircuitBreaker.OpenSchedule, times: number) =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        name: "db",
        trip: CircuitBreaker.consecutive(1),
        halfOpen: { successes: 1 },
        openFor: schedule
      })
      const seen: Array<number> = []
      for (let i = 0; i < times; i++) {
        yield* trip(breaker, 1)
        const wait = Duration.toMillis((yield* rejectionOf(breaker)).retryAfter!)
        seen.push(wait)
        yield* TestClock.adjust(wait)
      }
      return seen
    })

  it.effect("is one delay per opening in a row, and the last one repeats", () =>
    Effect.gen(function* () {
      const growing = Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 }))
      assert.deepStrictEqual(yield* opensFor(growing, 5), [1000, 2000, 4000, 4000, 4000])
    })
  )

  it.effect("may be jittered, and not depend on the date, be zero or be empty", () =>
    Effect.gen(function* () {
      const [delay] = yield* opensFor(Schedule.spaced("1 second").pipe(Schedule.jittered), 1)
      assert.isTrue(delay! >= 800 && delay! <= 1200)
      const problem = (schedule: CircuitBreaker.OpenSchedule) =>
        Effect.map(
          Effect.flip(CircuitBreaker.make({ name: "db", openFor: schedule })),
          (e) => `${e.path}: ${e.expected}`
        )
      assert.strictEqual(
        yield* problem(Schedule.cron("0 4 * * *") as unknown as CircuitBreaker.OpenSchedule),
        'CircuitBreaker "db".openFor: must be a schedule that does not depend on the date'
      )
      const delays = 'CircuitBreaker "db".openFor: must be a schedule of finite delays greater than 0 ms'
      assert.strictEqual(yield* problem(Schedule.recurs(3)), delays)
      assert.strictEqual(yield* problem(Schedule.recurs(0)), delays)
    })
  )
})
