import { assert, describe, it } from "@effect/vitest"
import { Classifier, Reasons } from "@holdfast/core"
import { Timeout } from "@holdfast/resilience"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { sleepers } from "../sleepers.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const exitOf = (fiber: Fiber.Fiber<unknown, unknown>) => fiber.pollUnsafe()

describe("Timeout", () => {
  it.effect("G1 fails at exactly 30 s, not a millisecond before, with a declared timeout", () =>
    Effect.gen(function* () {
      const fiber = yield* start(Effect.flip(Timeout.timeout(Effect.never, "30 seconds")))
      yield* TestClock.adjust("29999 millis")
      assert.isUndefined(exitOf(fiber))
      yield* TestClock.adjust("1 millis")
      assert.isDefined(exitOf(fiber))
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, Reasons.Timeout)
      assert.strictEqual(Classifier.classify(error).code, "sys.timeout")
      assert.strictEqual(error.message, "timeout error: no answer after 30s")
    })
  )

  it.effect("says which operation took too long", () =>
    Effect.gen(function* () {
      const fiber = yield* start(
        Effect.never.pipe(Timeout.timeout({ after: "1 second", operation: "charge" }), Effect.flip)
      )
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.operation, "charge")
      assert.strictEqual(Duration.toMillis(error.after!), 1000)
      assert.strictEqual(error.message, "timeout error: charge after 1s")
    })
  )

  it.effect("passes values, failures, defects and interruptions before the deadline unchanged", () =>
    Effect.gen(function* () {
      const error = new Reasons.NetworkError({})
      const defect = { oops: true }
      for (const before of [Effect.void, Effect.sleep("999 millis")]) {
        const run = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.gen(function* () {
            const fiber = yield* start(Timeout.timeout(Effect.andThen(before, effect), "1 second"))
            yield* TestClock.adjust("999 millis")
            return exitOf(fiber)!
          })
        assert.deepStrictEqual<unknown>(yield* run(Effect.succeed(1)), Exit.succeed(1))
        assert.deepStrictEqual<unknown>(yield* run(Effect.fail(error)), Exit.fail(error))
        assert.deepStrictEqual<unknown>(yield* run(Effect.die(defect)), Exit.die(defect))
        const interrupted = yield* run(Effect.interrupt)
        assert.isTrue(Exit.isFailure(interrupted) && Cause.hasInterruptsOnly(interrupted.cause))
      }
    })
  )

  it.effect("G2 keeps the real outcome when the work ends at the very instant of the deadline", () =>
    Effect.gen(function* () {
      const error = new Reasons.NetworkError({})
      const work = Effect.andThen(Effect.sleep("1 second"), Effect.fail(error))
      const fiber = yield* start(Timeout.timeout(work, "1 second"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual<unknown>(exitOf(fiber), Exit.fail(error))
    })
  )

  it.effect("G3 keeps a failure that the work reports while it is being stopped", () =>
    Effect.gen(function* () {
      const defect = new Error("finalizer")
      const work = Effect.onInterrupt(Effect.never, () => Effect.die(defect))
      const fiber = yield* start(Timeout.timeout(work, "1 second"))
      yield* TestClock.adjust("1 second")
      const exit = exitOf(fiber)!
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === defect)
    })
  )

  it.effect("gives the caller the real failure alone, without the interruption that was to stop the work", () =>
    Effect.gen(function* () {
      const error = new Reasons.NetworkError({})
      const defect = new Error("finalizer")
      const answers = (last: Effect.Effect<never, Reasons.NetworkError>) =>
        Effect.gen(function* () {
          const work = Effect.sleep("2 seconds").pipe(Effect.andThen(last), Effect.uninterruptible)
          const fiber = yield* start(Timeout.timeout(work, "1 second"))
          yield* TestClock.adjust("2 seconds")
          return exitOf(fiber)
        })
      assert.deepStrictEqual<unknown>(yield* answers(Effect.fail(error)), Exit.fail(error))
      assert.deepStrictEqual<unknown>(yield* answers(Effect.die(defect)), Exit.die(defect))
      const both = Cause.combine(Cause.fail(error), Cause.die(defect))
      assert.deepStrictEqual<unknown>(yield* answers(Effect.failCause(both)), Exit.failCause(both))
    })
  )

  it.effect("G4 waits for the finalizers of the work, unless it is disconnected", () =>
    Effect.gen(function* () {
      const endsAt = (disconnect: boolean) =>
        Effect.gen(function* () {
          let finalized = false
          const work = Effect.onInterrupt(Effect.never, () =>
            Effect.andThen(
              Effect.sleep("5 seconds"),
              Effect.sync(() => void (finalized = true))
            )
          )
          const fiber = yield* start(Timeout.timeout(work, { after: "1 second", disconnect }))
          yield* TestClock.adjust("1 second")
          const early = exitOf(fiber) !== undefined
          yield* TestClock.adjust("5 seconds")
          assert.isTrue(finalized)
          assert.isDefined(exitOf(fiber))
          return early ? 1 : 6
        })
      assert.strictEqual(yield* endsAt(false), 6)
      assert.strictEqual(yield* endsAt(true), 1)
    })
  )

  it.effect("G5 stops the work and its timer when the caller is interrupted", () =>
    Effect.gen(function* () {
      for (const disconnect of [false, true]) {
        let stopped = 0
        const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void stopped++))
        const fiber = yield* start(Timeout.timeout(work, { after: "1 second", disconnect }))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(fiber)
        yield* Effect.yieldNow
        assert.strictEqual(stopped, 1)
        assert.isTrue(Exit.hasInterrupts(exitOf(fiber)!))
      }
    })
  )

  it.effect("G9 stops its timer at once when the caller is interrupted, however long the finalizers take", () =>
    Effect.gen(function* () {
      const sleeping = yield* sleepers
      const finalizing = yield* Deferred.make<void>()
      const work = Effect.never.pipe(Effect.onInterrupt(() => Deferred.await(finalizing)))
      const fiber = yield* Effect.forkChild(
        work.pipe(Timeout.timeout("1 second"), Effect.provideService(Clock.Clock, sleeping.clock)),
        { startImmediately: true }
      )
      assert.strictEqual(sleeping.now, 1)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust(0)
      assert.strictEqual(sleeping.now, 0)
      yield* Deferred.succeed(finalizing, undefined)
      yield* Fiber.join(interrupting)
    })
  )

  it.effect("waits for the finalizers of what it stops, also when the caller is interrupted meanwhile", () =>
    Effect.gen(function* () {
      const work = Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds"))
      const fiber = yield* start(Timeout.timeout(work, "1 second"))
      yield* TestClock.adjust("2 seconds")
      const interrupting = yield* start(Fiber.interrupt(fiber))
      yield* TestClock.adjust("3999 millis")
      assert.isUndefined(exitOf(fiber))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(interrupting)
      const exit = exitOf(fiber)!
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause), String(exit))
    })
  )

  it.effect("never ends an effect whose limit is infinite", () =>
    Effect.gen(function* () {
      const fiber = yield* start(Timeout.timeout(Effect.never, "Infinity"))
      yield* TestClock.adjust("365 days")
      assert.isUndefined(exitOf(fiber))
    })
  )

  it.effect("leaves an event on the span", () =>
    Effect.gen(function* () {
      const events: Array<unknown> = []
      const traced = Effect.gen(function* () {
        const span = yield* Effect.currentSpan
        span.event = (name, time, attributes) => void events.push([name, time, attributes])
        return yield* Timeout.timeout(Effect.never, "1500 millis")
      })
      const fiber = yield* start(Effect.withSpan(traced, "charge"))
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(exitOf(fiber))
      assert.deepStrictEqual(events, [
        [
          "resilience.timeout",
          1_500_000_000n,
          { "resilience.timeout.after": 1.5, "resilience.timeout.limit": "timeout" }
        ]
      ])
    })
  )
})

it.effect("asks a function for its limit at every run, and takes no time as no limit", () =>
  Effect.gen(function* () {
    const limits: Array<Duration.Input> = ["1 second", 0, "2 seconds"]
    const limited = Effect.sleep("10 seconds").pipe(Timeout.timeout({ after: () => limits.shift()! }))
    const took = yield* Effect.forkChild(
      Effect.replicateEffect(
        Effect.gen(function* () {
          const startedAt = yield* Clock.currentTimeMillis
          yield* Effect.exit(limited)
          return (yield* Clock.currentTimeMillis) - startedAt
        }),
        3
      )
    )
    yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual(yield* Fiber.join(took), [1000, 10_000, 2000])
  })
)
