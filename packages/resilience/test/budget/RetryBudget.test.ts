import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, Retry, RetryBudget } from "@holdfast/resilience"
import { Effect, Exit, Fiber, Random } from "effect"
import * as fc from "fast-check"
import { TestClock } from "effect/testing"
import { open } from "../../src/budget/rules.ts"

const failure = () => new Reasons.NetworkError({})
const fails = Effect.suspend(() => Effect.fail(failure()))
const policy = Retry.make({ attempts: Infinity, backoff: Backoff.none, exhausted: "wrap" })

describe("the rule of gRPC", () => {
  it("F1 allows retries while more than half of the tokens are left after the failure", () => {
    const ledger = open({ kind: "tokens", max: 10, ratio: 0.1 })
    const fail = () => (ledger.failed(), ledger.retry(0))
    const succeed = (times: number) => Array.from({ length: times }, () => ledger.succeeded())
    assert.deepStrictEqual([fail(), fail(), fail(), fail(), fail()], [true, true, true, true, false])
    succeed(10)
    assert.isFalse(fail())
    succeed(11)
    assert.isTrue(fail())
  })

  it("never holds fewer than none or more than all of its tokens", () => {
    const events = fc.array(fc.constantFrom("S", "F"), { maxLength: 200, size: "max" })
    assert.doesNotThrow(() =>
      fc.assert(
        fc.property(events, fc.integer({ min: 1, max: 10 }), (events, max) => {
          const ledger = open({ kind: "tokens", max, ratio: 0.5 })
          let tokens = max
          for (const event of events) {
            if (event === "S") ledger.succeeded()
            else ledger.failed()
            tokens = event === "S" ? Math.min(max, tokens + 0.5) : Math.max(0, tokens - 1)
            assert.strictEqual(ledger.retry(0), tokens > max / 2)
          }
        })
      )
    )
  })
})

describe("the rule of Envoy", () => {
  const running = (calls: number) => {
    const ledger = open({ kind: "in_flight", ratio: 0.2, minimum: 3 })
    for (let i = 0; i < calls; i++) ledger.call(0)
    return ledger
  }

  it("F4 allows a share of what is running, waiting retries included", () => {
    const ledger = running(20)
    assert.strictEqual(ledger.left(0), 6)
    assert.deepStrictEqual(
      Array.from({ length: 7 }, () => ledger.retry(0)),
      [true, true, true, true, true, true, false]
    )
    ledger.retryEnd()
    assert.isTrue(ledger.retry(0))
  })

  it("allows its minimum in any case", () => {
    const ledger = running(2)
    assert.deepStrictEqual(
      Array.from({ length: 4 }, () => ledger.retry(0)),
      [true, true, true, false]
    )
  })
})

describe("the rule of Finagle", () => {
  const ledger = () => open({ kind: "window", percent: 0.2, minPerSecond: 0, timeToLive: 10_000 })

  it("F2 allows one retry for five calls, and none on credit", () => {
    const budget = ledger()
    for (let i = 0; i < 10; i++) budget.call(0)
    assert.deepStrictEqual([budget.retry(0), budget.retry(0), budget.retry(0)], [true, true, false])
  })

  it("F2 allows three retries for ten calls where a third of a deposit is no exact number", () => {
    const budget = open({ kind: "window", percent: 0.3, minPerSecond: 0, timeToLive: 10_000 })
    for (let i = 0; i < 10; i++) budget.call(0)
    assert.strictEqual(budget.left(0), 3)
    const granted = Array.from({ length: 4 }, () => budget.retry(0))
    assert.deepStrictEqual(granted, [true, true, true, false])
  })

  it("F3 lets what nobody spends expire", () => {
    const budget = ledger()
    for (let i = 0; i < 10; i++) budget.call(0)
    assert.strictEqual(budget.left(9_999), 2)
    assert.strictEqual(budget.left(10_000), 0)
  })

  it("keeps a reserve for clients that call rarely", () => {
    const budget = open({ kind: "window", percent: 0.2, minPerSecond: 1, timeToLive: 10_000 })
    budget.call(0)
    const granted = Array.from({ length: 20 }, () => budget.retry(0)).filter(Boolean)
    assert.strictEqual(granted.length, 10)
  })
})

describe("a budget", () => {
  it.effect("is shared by every retry it is provided to, and says so in the failure", () =>
    Effect.gen(function* () {
      const failures = yield* Effect.replicateEffect(Effect.flip(Retry.retry(fails, policy)), 3).pipe(
        Effect.provide(RetryBudget.layer(RetryBudget.tokens({ max: 10 })))
      )
      assert.deepStrictEqual(
        failures.map((e) => e._tag === "RetriesExhausted" && [e.limit, e.attempts]),
        [
          ["budget", 5],
          ["budget", 1],
          ["budget", 1]
        ]
      )
    })
  )

  it.effect("is not charged for what nobody would retry, a defect and an interruption included", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 10 }))
      const charged = (effect: Effect.Effect<unknown, unknown>) =>
        Effect.andThen(Effect.exit(Retry.retry(effect, { attempts: 1, budget })), budget.left)
      assert.strictEqual(yield* charged(Effect.fail(new Reasons.NotFound({}))), 5)
      assert.strictEqual(yield* charged(Effect.die("bug")), 5)
      assert.strictEqual(yield* charged(Effect.interrupt), 5)
      assert.strictEqual(yield* charged(fails), 4)
    })
  )

  it.effect("of the policy goes before the one around", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 2 }))
      const own = Retry.make({ attempts: Infinity, backoff: Backoff.none, budget, exhausted: "wrap" })
      const error = yield* Effect.flip(Retry.retry(fails, own)).pipe(
        Effect.provide(RetryBudget.layer(RetryBudget.tokens({ max: 1000 })))
      )
      assert.strictEqual(error._tag === "RetriesExhausted" && error.attempts, 1)
    })
  )

  it.effect("gives the last failure itself when the policy does not wrap", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 2 }))
      const error = failure()
      const exit = yield* Effect.exit(Retry.retry(Effect.fail(error), Retry.make({ budget })))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* Effect.flip(Retry.retry(Effect.fail(error), Retry.make({ budget }))), error)
    })
  )

  it.effect("E18 gets everything back over ten thousand random interruptions", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.inFlight({ minimum: 3 }))
      const waiting = Retry.make({ attempts: 5, backoff: Backoff.constant("3 millis"), budget })
      for (let round = 0; round < 100; round++) {
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () =>
          Effect.forkChild(Effect.andThen(Effect.sleep("1 millis"), Retry.retry(fails, waiting)))
        )
        yield* TestClock.adjust(yield* Random.nextIntBetween(0, 16))
        yield* Fiber.interruptAll(fibers)
      }
      assert.strictEqual(yield* budget.left, 3)
    })
  )
})
