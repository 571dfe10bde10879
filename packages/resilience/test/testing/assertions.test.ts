import { assert, describe, it } from "@effect/vitest"
import { ConfigError } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { advanceTo, AssertionFailed, assertState, dependency } from "@holdfast/resilience/testing"
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
      for (const wrong of ["2 seconds", Number.NaN, "Infinity", -1, "soon" as never] as const) {
        assert.instanceOf(defectOf(yield* Effect.exit(advanceTo(wrong))), AssertionFailed)
      }
      assert.strictEqual(yield* Clock.currentTimeMillis, 3000)
    })
  )

  it.effect.each([
    [{ failures: Number.NaN }, "failures"],
    [{ failures: -1 }, "failures"],
    [{ failures: 1, failure: undefined }, "failure"],
    [{ outage: { from: 1, to: 2 }, failure: undefined }, "failure"],
    [{ outage: { from: 5, to: 1 } }, "outage.to"],
    [{ outage: { from: 5, to: 5 } }, "outage.to"],
    [{ outage: { from: 5 } }, "outage.to"],
    [{ latency: Number.NaN }, "latency"],
    [{ steps: [1] }, "steps"],
    [{ failuers: 1 }, "failuers"]
  ] as const)("dependency refuses a script that cannot be played: %j", ([script, option]) =>
    Effect.gen(function* () {
      const make = dependency({ value: 1, failure: () => "down", ...(script as object) })
      const defect = defectOf(yield* Effect.exit(make))
      assert.instanceOf(defect, ConfigError.InvalidValue)
      assert.strictEqual(defect.path, `dependency.${option}`)
    })
  )
})
