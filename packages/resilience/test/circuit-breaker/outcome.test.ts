import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { failure, fails, make, trip, works } from "./circuit.ts"

class Refused extends Failure.Tagged<Refused>()("BreakerRefused", {}, { code: "biz.breaker_test_refused" }) {}

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

  it.effect("A11 a defect counts as a failure and passes as the same defect", () =>
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

  it.effect("A15 a classifier that throws is the caller's defect, and the probe's slot comes back", () =>
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

  it.effect("an error that lets nobody read it is judged without its tag, and the probe's slot comes back", () =>
    Effect.gen(function* () {
      const closed = (): never => {
        throw new Error("nobody reads this")
      }
      const error = new Proxy({}, { get: closed, has: closed, getPrototypeOf: closed })
      const breaker = yield* make({
        trip: CircuitBreaker.consecutive(1),
        halfOpen: { successes: 1, outOf: 2 },
        outcomes: { BreakerRefused: "ignored" }
      })
      yield* trip(breaker, 1)
      yield* TestClock.adjust("60 seconds")
      const exit = yield* Effect.exit(CircuitBreaker.protect(Effect.fail(error), breaker))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.length === 1)
      assert.isTrue(Exit.isFailure(exit) && Cause.findErrorOption(exit.cause)._tag === "Some")
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )
})
