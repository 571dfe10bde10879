import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, Retry, RetryBudget } from "@holdfast/resilience"
import { recorded } from "@holdfast/resilience/testing"
import { Effect, Fiber } from "effect"
import * as fc from "fast-check"
import { TestClock } from "effect/testing"

const down = Effect.suspend(() => Effect.fail(new Reasons.NetworkError({})))

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
              maxLength: 40,
              size: "max"
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
              for (const { calls, pause, retries } of rounds) {
                const slot = Math.floor(now / 1000)
                for (let i = 0; i < calls; i++) {
                  yield* Retry.retry(Effect.void, { budget })
                  entries.push({ slot, amount: 1 })
                }
                if (retries > 0) {
                  const { of } = yield* recorded(
                    Retry.retry(down, { budget, attempts: retries + 1, backoff: Backoff.none })
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
