import { assert, describe, it } from "@effect/vitest"
import { Operation, Reasons } from "@holdfast/core"
import {
  assertCategory,
  assertCauses,
  assertCode,
  assertIdentity,
  assertKeepsSecret,
  assertMetadata,
  assertOperation,
  assertPath,
  assertRetry,
  AssertionFailed
} from "@holdfast/core/testing"
import { Effect } from "effect"

const exit = Effect.runSyncExit(
  new Reasons.NetworkError({ detail: "no route", cause: new Reasons.Timeout() }).pipe(
    Operation.doing("call", { at: "inventory", metadata: { "http.attempt": 3 } }),
    Operation.doing("reserve")
  )
)

describe("@holdfast/core/testing", () => {
  it("holds a failed exit against what was expected", () => {
    assertCode(exit, "sys.network_error")
    assertCode(exit, Reasons.NetworkError)
    assertCategory(exit, "sys")
    assertRetry(exit, "transient")
    assertIdentity(exit, { code: "sys.network_error", detail: "no route" })
    assertPath(exit, "reserve / call / inventory")
    assertPath(exit, ["reserve", "call", "inventory"])
    assertOperation(exit, "reserve")
    assertMetadata(exit, { "http.attempt": 3 })
    assertCauses(exit, ["sys.timeout"])
    assertKeepsSecret(exit, "hunter2")
    assert.isTrue(true)
  })

  const wrong: ReadonlyArray<readonly [string, () => void]> = [
    ["code", () => assertCode(exit, "sys.timeout")],
    ["category", () => assertCategory(exit, "biz")],
    ["retry", () => assertRetry(exit, "never")],
    ["identity", () => assertIdentity(exit, { detail: null })],
    ["path", () => assertPath(exit, ["reserve"])],
    ["operation", () => assertOperation(exit, null)],
    ["metadata", () => assertMetadata(exit, { "http.attempt": "3" })],
    ["causes", () => assertCauses(exit, [])],
    ["secret", () => assertKeepsSecret(exit, "no route")],
    ["success", () => assertCode(Effect.runSyncExit(Effect.void), "sys.timeout")]
  ]
  it.each(wrong)("says what was there instead: %s", (_name, assertion) => {
    assert.throws(assertion, AssertionFailed, /expected .*, got /)
  })
})
