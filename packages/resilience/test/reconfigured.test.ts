import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Deadline, Policy, Retry, RetryBudget } from "@holdfast/resilience"
import { Effect, Exit, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"

const down = Effect.suspend(() => Effect.fail(new Reasons.NetworkError({})))

describe("the total timeout of a pipeline", () => {
  it.effect("ends what runs between two attempts", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("hooked", {
        timeout: "1 second",
        retry: { attempts: 3, backoff: Backoff.constant("10 millis"), onRetry: () => Effect.never }
      })
      const fiber = yield* Effect.forkChild(Effect.flip(Policy.protect(down, policy)))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Timeout")
    })
  )
})

describe("a deadline that came over the network", () => {
  it.effect.each(["0", "00"])("is over when nothing is left: %s", (left) =>
    Effect.gen(function* () {
      const limit = Option.getOrThrow(Deadline.fromHeaders({ "x-request-timeout-ms": left }))
      const fiber = yield* Effect.forkChild(Effect.exit(Deadline.within(Effect.never, limit)))
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
    })
  )
})

describe("a circuit that is reconfigured while it probes", () => {
  const slow = CircuitBreaker.slowRate({ slowerThan: "1 second", window: { calls: 10 }, minimumCalls: 5 })

  it.effect("gives the slot of a running probe back when its rule changes", () =>
    Effect.gen(function* () {
      const trip = CircuitBreaker.anyOf(CircuitBreaker.consecutive(1), slow)
      const breaker = yield* CircuitBreaker.make({ name: "a", trip, openFor: "1 second" })
      yield* Effect.exit(CircuitBreaker.protect(down, breaker))
      yield* TestClock.adjust("1 second")
      const probe = yield* Effect.forkChild(CircuitBreaker.protect(Effect.sleep("100 millis"), breaker), {
        startImmediately: true
      })
      yield* breaker.reconfigure({ openFor: "1 second", trip: CircuitBreaker.consecutive(2) })
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(probe)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(CircuitBreaker.protect(Effect.void, breaker))))
    })
  )

  it.effect("judges by the new numbers from the beginning", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        name: "b",
        trip: CircuitBreaker.consecutive(1),
        openFor: "1 second",
        halfOpen: { successes: 3, outOf: 5 }
      })
      yield* Effect.exit(CircuitBreaker.protect(down, breaker))
      yield* TestClock.adjust("1 second")
      const probe = CircuitBreaker.protect(Effect.void, breaker)
      yield* Effect.andThen(probe, probe)
      yield* breaker.reconfigure({
        trip: CircuitBreaker.consecutive(1),
        openFor: "1 second",
        halfOpen: { successes: 2, outOf: 2 }
      })
      yield* Effect.andThen(probe, probe)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )
})

describe("a budget of tokens", () => {
  it.effect("earns nothing by a result that nobody wanted", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 10, ratio: 1 }))
      const unwanted = Retry.retry(Effect.succeed(0), { attempts: 1, unwanted: () => true, budget })
      yield* Effect.andThen(unwanted, unwanted)
      assert.strictEqual(yield* budget.left, 3)
    })
  )
})
