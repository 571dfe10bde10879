import { assert, describe, it } from "@effect/vitest"
import { Classifier, Reasons } from "@holdfast/core"
import { Backoff, Deadline, Retry, Timeout } from "@holdfast/resilience"
import { dependency } from "@holdfast/resilience/testing"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"

const failure = () => new Reasons.NetworkError({})
const left = Effect.map(Deadline.remaining, Option.map(Duration.toMillis))

/** Runs it while the clock goes on, and gives the exit with the instant it came at. */
const timed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const fiber = yield* effect.pipe(
      Effect.flip,
      Effect.flatMap((error) => Effect.map(Clock.currentTimeMillis, (now) => [error, now - startedAt] as const)),
      Effect.forkChild
    )
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

describe("a deadline", () => {
  it.effect("goes with the fiber and its children, and an outer one that is sooner stays", () =>
    Effect.gen(function* () {
      const seen = yield* Effect.gen(function* () {
        yield* TestClock.adjust("400 millis")
        const child = yield* Effect.forkChild(Deadline.within(left, "10 seconds"))
        const inner = yield* Deadline.within(left, "100 millis")
        return [yield* left, yield* Fiber.join(child), inner]
      }).pipe(Deadline.within("1 second"))
      assert.deepStrictEqual(seen, [Option.some(600), Option.some(600), Option.some(100)])
      assert.isTrue(Option.isNone(yield* left))
    })
  )

  it.effect("stops the work, and says that it was the deadline", () =>
    Effect.gen(function* () {
      const [error, at] = yield* timed(Effect.never.pipe(Deadline.within("3 seconds")))
      assert.strictEqual(at, 3000)
      assert.strictEqual(error._tag, "Timeout")
      assert.strictEqual(error.message, "timeout error: no answer after 3s")
    })
  )

  it.effect("G6 shortens the timeouts inside, and their failures say so", () =>
    Effect.gen(function* () {
      const inner = Effect.sleep("2 seconds").pipe(
        Effect.andThen(Effect.never.pipe(Timeout.timeout({ after: "5 seconds", operation: "charge" }))),
        Effect.catchTag("DeadlineExceeded", (cut) => Effect.fail([Classifier.classify(cut).code, cut.message] as const))
      )
      const [error, at] = yield* timed(inner.pipe(Effect.provideService(Deadline.Deadline, yield* now("3 seconds"))))
      assert.strictEqual(at, 3000)
      assert.deepStrictEqual(error, ["sys.deadline_exceeded", "deadline exceeded: charge after 1s"])
    })
  )

  it.effect("is what is named when it stops what it left less time inside", () =>
    Effect.gen(function* () {
      const inner = Effect.never.pipe(Timeout.timeout({ after: "5 seconds", operation: "charge" }))
      const [error] = yield* timed(inner.pipe(Deadline.within("1 second")))
      assert.strictEqual(error.message, "timeout error: no answer after 1s")
      const [sooner] = yield* timed(
        inner.pipe(Deadline.within("3 seconds"), Deadline.within("1 second"), Effect.asVoid)
      )
      assert.strictEqual(sooner.message, "timeout error: no answer after 1s")
      const early = inner.pipe(
        Deadline.within("1 second"),
        Effect.catchTag("Timeout", () => Effect.fail(new Reasons.DeadlineExceeded({ operation: "elsewhere" }))),
        Deadline.within("1 minute")
      )
      assert.strictEqual((yield* timed(early))[0].message, "deadline exceeded: elsewhere")
    })
  )

  it.effect("that is as soon as the one outside leaves it to that to be named", () =>
    Effect.gen(function* () {
      const ends = Effect.never.pipe(Deadline.within("1 second"), Effect.flip)
      const fiber = yield* Effect.forkChild(Effect.provideServiceEffect(ends, Deadline.Deadline, now("1 second")), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Timeout")
    })
  )

  it.effect("takes no defect for its own end, even beside a failure that a deadline made", () =>
    Effect.gen(function* () {
      const both = Cause.combine(Cause.fail(new Reasons.DeadlineExceeded({})), Cause.die("bug"))
      const work = Effect.sleep("2 seconds").pipe(Effect.andThen(Effect.failCause(both)), Effect.uninterruptible)
      const fiber = yield* Effect.forkChild(Effect.exit(Deadline.within(work, "1 second")))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual<unknown>(yield* Fiber.join(fiber), Exit.failCause(both))
    })
  )

  it.effect("that is over starts nothing", () =>
    Effect.gen(function* () {
      let runs = 0
      const work = Effect.sync(() => ++runs).pipe(Timeout.timeout("1 second"))
      const error = yield* Effect.flip(work.pipe(Effect.provideService(Deadline.Deadline, yield* now(0))))
      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.strictEqual(runs, 0)
    })
  )

  it.effect("G7 makes a retry give up when the next wait cannot end in time, and not after it", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: 1, failures: Infinity, failure })
      const policy = Retry.make({ attempts: 10, backoff: Backoff.constant("400 millis"), exhausted: "wrap" })
      const [error, at] = yield* timed(dep.call.pipe(Retry.retry(policy), Deadline.within("1 second")))
      assert.deepStrictEqual(dep.instants, [0, 400, 800])
      assert.strictEqual(at, 800)
      assert.strictEqual(error._tag === "RetriesExhausted" && error.limit, "deadline")
    })
  )

  it.effect("crosses to the next process as a header, and back", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Deadline.toHeaders, {})
      const headers = yield* Deadline.toHeaders.pipe(Deadline.within("1500 millis"))
      assert.deepStrictEqual(headers, { "x-request-timeout-ms": "1500" })
      const read = (headers: Record<string, string>) =>
        Option.map(Deadline.fromHeaders(headers), Duration.toMillis).pipe(Option.getOrUndefined)
      assert.strictEqual(read(headers), 1500)
      assert.strictEqual(read({ "grpc-timeout": "2S" }), 2000)
      assert.strictEqual(read({ "grpc-timeout": "250m" }), 250)
      assert.strictEqual(read({ "x-request-timeout-ms": "soon", "grpc-timeout": "-1S" }), undefined)
      // A sign is nothing that the grammar of either header has: a time that nobody can have meant is none.
      assert.strictEqual(read({ "x-request-timeout-ms": "-5" }), undefined)
      assert.strictEqual(read({ "x-request-timeout-ms": "-5", "grpc-timeout": "2S" }), 2000)
      assert.strictEqual(read({}), undefined)
    })
  )

  it.effect("can be a layer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* left.pipe(Effect.provide(Deadline.layer("2 seconds"))), Option.some(2000))
      const later = left.pipe(Effect.provide(Deadline.layer("2 seconds")))
      assert.deepStrictEqual(yield* later.pipe(Deadline.within("1 second")), Option.some(1000))
    })
  )
})

const now = (later: Duration.Input) =>
  Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6 + Duration.toMillis(later))
