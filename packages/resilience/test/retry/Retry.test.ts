import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, Retry } from "@holdfast/resilience"
import { dependency } from "@holdfast/resilience/testing"
import { Duration, Effect, Exit, Fiber, flow, Random, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { down, exitAfter, failure, isRunning } from "./helpers.ts"

describe("Retry attempts and delays", () => {
  it.effect("E1 calls at 0, 100, 200, 300 ms with 4 attempts 100 ms apart, and fails at 300 ms", () =>
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
      assert.strictEqual(error.last, "sys.network_error")
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

  it.effect("E2 stops growing at the cap", () =>
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

  it.effect("E14 never sleeps for a delay of zero", () =>
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

  it.effect("E11 gives the same delays for the same seed", () =>
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

  it.effect("E12 counts per call, not per policy", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ attempts: 4, backoff: Backoff.constant("10 millis") })
      const one = yield* dependency({ value: 1, failures: 3, failure })
      const two = yield* dependency({ value: 2, failures: 3, failure })
      const both = Effect.all([one.call.pipe(Retry.retry(policy)), Retry.retry(two.call, policy)], { concurrency: 2 })
      assert.deepStrictEqual<unknown>(yield* exitAfter("30 millis", both), Exit.succeed([1, 2]))
    })
  )

  it.effect("E17 survives 100 000 failures in a row", () =>
    Effect.gen(function* () {
      let calls = 0
      const error = failure()
      const flaky = Effect.suspend(() => (++calls <= 100_000 ? Effect.fail(error) : Effect.succeed(calls)))
      const value = yield* flaky.pipe(Retry.retry(Retry.make({ attempts: Infinity, backoff: Backoff.none })))
      assert.strictEqual(value, 100_001)
    })
  )
})

describe("the functions of a retry know the failures and the results of the effect", () => {
  const self = Effect.succeed(1) as Effect.Effect<number, Reasons.NetworkError | Reasons.NotFound, "needs">
  type Same = typeof self

  it("behind it in a pipe", () => {
    const retried = self.pipe(
      Retry.retry({
        when: (failure) => {
          expectTypeOf(failure).toEqualTypeOf<Reasons.NetworkError | Reasons.NotFound>()
          return failure._tag === "NetworkError"
        },
        unwanted: (value) => value.toFixed() === "0",
        onRetry: ({ failure }) => Effect.logDebug(failure._tag)
      })
    )
    expectTypeOf(retried).toEqualTypeOf<Same>()
    // What judges more than there is changes nothing about the failures.
    const isAny = (failure: unknown) => failure !== undefined
    expectTypeOf(self.pipe(Retry.retry({ when: isAny, exhausted: "wrap" }))).toEqualTypeOf<
      Effect.Effect<number, Reasons.NetworkError | Reasons.NotFound | Reasons.RetriesExhausted, "needs">
    >()
    // @ts-expect-error there is no such failure to judge
    const _other = self.pipe(Retry.retry({ when: (failure: Reasons.Timeout) => failure.retryAfter === undefined }))
    // @ts-expect-error there is no such option
    const _misspelt = () => self.pipe(Retry.retry({ attempt: 3 }))
  })

  it("in front of it", () => {
    expectTypeOf(
      Retry.retry(self, {
        when: (failure) => failure._tag === "NetworkError",
        onRetry: ({ failure }) => Effect.logDebug(failure._tag)
      })
    ).toEqualTypeOf<Same>()
  })

  it("where they are written down, and need none of them otherwise", () => {
    const written = Retry.retry({
      when: (failure: Reasons.NetworkError | Reasons.NotFound) => failure._tag === "NotFound"
    })
    expectTypeOf(written(self)).toEqualTypeOf<Same>()
    const plain = Retry.retry({ attempts: 4, when: ["NotFound"] })
    expectTypeOf(plain(self)).toEqualTypeOf<Same>()
  })

  it("kept as a value, and keep those of every effect behind it", () => {
    const again = Retry.retry({ onRetry: () => Effect.log("again") })
    expectTypeOf(self.pipe(again)).toEqualTypeOf<Same>()
    expectTypeOf(again(self)).toEqualTypeOf<Same>()
    const always = Retry.retry({ when: () => true })
    expectTypeOf(self.pipe(always)).toEqualTypeOf<Same>()
    const isAny = Retry.retry({ when: (failure: unknown) => failure !== undefined })
    expectTypeOf(self.pipe(isAny)).toEqualTypeOf<Same>()
    const first = flow(Retry.retry({ onRetry: () => Effect.log("again") }), Effect.asVoid)
    expectTypeOf(self.pipe(first)).toEqualTypeOf<
      Effect.Effect<void, Reasons.NetworkError | Reasons.NotFound, "needs">
    >()
  })
})
