import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@holdfast/resilience"
import { advanceTo, AssertionFailed, assertState } from "@holdfast/resilience/testing"
import { Cause, Clock, Effect, Exit } from "effect"

const defectOf = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)

describe("helpers for the tests of applications", () => {
  it.effect("assertState says what is there instead", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "db" })
      yield* assertState(breaker, "closed")
      const defect = defectOf(yield* Effect.exit(assertState(breaker, "open")))
      assert.instanceOf(defect, AssertionFailed)
      assert.strictEqual(
        String(defect),
        "AssertionFailed: circuit db: expected open, is closed (5 failures in a row: 0 calls, 0 failed, 0 slow)"
      )
    })
  )

  it.effect("advanceTo goes to an instant, and not back", () =>
    Effect.gen(function* () {
      yield* advanceTo("3 seconds")
      assert.strictEqual(yield* Clock.currentTimeMillis, 3000)
      assert.instanceOf(defectOf(yield* Effect.exit(advanceTo("2 seconds"))), AssertionFailed)
    })
  )
})
