import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, Retry } from "@holdfast/resilience"
import { dependency, recorded } from "@holdfast/resilience/testing"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

const failure = () => new Reasons.NetworkError({})

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
