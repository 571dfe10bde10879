import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, Retry, RetryBudget } from "@holdfast/resilience"
import { dependency, recorded } from "@holdfast/resilience/testing"
import { Cause, Clock, Effect, Exit } from "effect"

import { down, exitAfter, failure } from "./helpers.ts"

const four = { attempts: 4, backoff: Backoff.none } as const

describe("a retry around a retry", () => {
  it.effect("E15 multiplies the attempts, unless it gives up where the inner one has given up", () =>
    Effect.gen(function* () {
      const calls = (nested: "retry" | "give_up") =>
        Effect.gen(function* () {
          const dep = yield* down()
          const events: Array<string> = []
          yield* Effect.currentSpan.pipe(
            Effect.tap((span) => Effect.sync(() => (span.event = (name) => void events.push(name)))),
            Effect.andThen(
              Effect.exit(dep.call.pipe(Retry.retry(Retry.make(four)), Retry.retry(Retry.make({ ...four, nested }))))
            ),
            Effect.withSpan("nested")
          )
          return [dep.calls, events.filter((name) => name === "resilience.retry.nested").length]
        })
      assert.deepStrictEqual(yield* calls("retry"), [16, 0])
      assert.deepStrictEqual(yield* calls("give_up"), [4, 1])
    })
  )

  it.effect("retries what somebody in between has judged anew, and what the inner one never retried", () =>
    Effect.gen(function* () {
      const outer = Retry.make({ ...four, nested: "give_up" })
      const dep = yield* down()
      yield* Effect.exit(
        dep.call.pipe(
          Retry.retry(Retry.make(four)),
          Effect.catch(() => Effect.fail(failure())),
          Retry.retry(outer)
        )
      )
      assert.strictEqual(dep.calls, 16)
      const shared = failure()
      const again = yield* dependency({ value: 1, failures: Infinity, failure: () => shared })
      yield* Effect.exit(again.call.pipe(Retry.retry(outer)))
      yield* Effect.exit(again.call.pipe(Retry.retry(outer)))
      assert.strictEqual(again.calls, 8)
    })
  )
})

it.effect(
  "a retry that gives up where the inner one has given up does so, too, when that has wrapped its failure",
  () =>
    Effect.gen(function* () {
      const calls = (nested: "retry" | "give_up") =>
        Effect.gen(function* () {
          const dep = yield* down()
          const inner = dep.call.pipe(Retry.retry({ ...four, exhausted: "wrap" }))
          yield* Effect.exit(inner.pipe(Retry.retry({ ...four, nested, when: ["RetriesExhausted"] })))
          return dep.calls
        })
      assert.deepStrictEqual([yield* calls("retry"), yield* calls("give_up")], [16, 4])
    })
)

describe("an unwanted result", () => {
  it.effect("E16 is retried, and given back before the wait", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const dep = yield* dependency({
        value: 200,
        steps: [Effect.succeed(503), Effect.succeed(503)]
      })
      const policy = Retry.make({
        backoff: Backoff.constant("1 second"),
        unwanted: (status: number) => status === 503,
        discard: (status: number) => Effect.map(Clock.currentTimeMillis, (at) => void log.push(`${status} at ${at}`))
      })
      assert.deepStrictEqual(yield* exitAfter("2 seconds", Retry.retry(dep.call, policy)), Exit.succeed(200))
      assert.deepStrictEqual(dep.instants, [0, 1000, 2000])
      assert.deepStrictEqual(log, ["503 at 0", "503 at 1000"])
    })
  )

  it.effect("is the caller's when no attempt is left, and was not given back", () =>
    Effect.gen(function* () {
      let discarded = 0
      const policy = Retry.make({
        backoff: Backoff.none,
        unwanted: (status: number) => status === 503,
        discard: () => Effect.sync(() => void discarded++)
      })
      assert.strictEqual(yield* Retry.retry(Effect.succeed(503), policy), 503)
      assert.strictEqual(discarded, 2)
    })
  )
})

describe("work that is not idempotent", () => {
  class Lost extends Failure.Tagged<Lost>()("NestedLost", {}, { code: "sys.nested_lost", retry: "transient" }) {}

  it.effect("is not repeated when the callee may have done it", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: 1, failures: 1, failure: () => new Lost({}) })
      const exit = yield* Effect.exit(dep.call.pipe(Retry.retry(Retry.make(four)), Retry.idempotent(false)))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Lost)
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect("is not repeated because of a result that nobody wanted, which the callee gave after doing it", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 4, ratio: 1 }))
      const dep = yield* dependency({ value: 503 })
      let discarded = 0
      const policy = Retry.make({
        ...four,
        budget,
        unwanted: (status: number) => status === 503,
        discard: () => Effect.sync(() => discarded++)
      })
      const { events, exit } = yield* recorded(dep.call.pipe(Retry.retry(policy), Retry.idempotent(false)))
      assert.deepStrictEqual(exit, Exit.succeed(503))
      assert.deepStrictEqual([dep.calls, discarded, events], [1, 0, []])
      yield* dep.call.pipe(Retry.retry({ ...four, unwanted: () => true }), Retry.idempotent(true))
      assert.strictEqual(dep.calls, 5)
    })
  )

  it.effect("is repeated when the callee was never asked", () =>
    Effect.gen(function* () {
      const full = () => new Reasons.BulkheadFull({ bulkhead: "db" })
      const dep = yield* dependency({ value: 1, failures: 2, failure: full })
      assert.strictEqual(yield* dep.call.pipe(Retry.retry(Retry.make(four)), Retry.idempotent(false)), 1)
    })
  )
})
