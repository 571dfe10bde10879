import { assert, describe, it } from "@effect/vitest"
import { ConfigError, Failure, ProtocolError, Reasons, TransportError } from "@holdfast/core"
import { ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause, Schema } from "effect"

class Usage extends Failure.Tagged<Usage>()("ExitUsage", {}, { code: "biz.exit.usage" }) {}
class MissingInput extends Failure.Tagged<MissingInput>()(
  "ExitMissingInput",
  { file: Schema.String },
  { code: "biz.exit.missing_input" }
) {}
class Deep extends Failure.Tagged<Deep>()("ExitDeep", {}, { code: "sys.exit.spool.unwritable" }) {}

describe("Projection.exitCode", () => {
  const table: ReadonlyArray<readonly [string, unknown, number]> = [
    ["usage", new Usage(), 64],
    ["bad data", new Reasons.ValidationError(), 65],
    ["data that cannot be", new Reasons.DataError(), 65],
    ["malformed data", new ProtocolError.MalformedData({ what: "line 3" }), 65],
    ["a missing input file", new MissingInput({ file: "traces.json" }), 66],
    ["something that does not exist", new Reasons.NotFound(), 66],
    ["an unavailable service", new Reasons.ExternalServiceError(), 69],
    ["an open circuit", new Reasons.CircuitOpen({ circuit: "c", state: "open" }), 69],
    ["a bug", new Reasons.LogicError(), 70],
    ["a thrown string", "boom", 70],
    ["a defect", Cause.die(new Error("bug")), 70],
    ["disk trouble", new Reasons.SystemError(), 74],
    ["a timeout that may pass", new Reasons.Timeout(), 75],
    ["a network that may recover", new Reasons.NetworkError(), 75],
    ["a refused permission", new Reasons.PermissionDenied(), 77],
    ["a missing setting", new ConfigError.MissingField({ path: "endpoint" }), 78],
    ["a refused certificate", new TransportError.TlsError({ endpoint: "e" }), 78],
    ["an interruption", Cause.interrupt(), 130]
  ]
  it.each(table)("ends a command after %s", (_name, failure, code) => {
    assert.strictEqual(Projection.exitCode(failure), code)
  })

  it("calls what may be tried again a temporary failure, by the policy's word", () => {
    const failure = new TransportError.ConnectionRefused({ endpoint: "e" })
    assert.strictEqual(Projection.exitCode(failure), 69)
    assert.strictEqual(Projection.exitCode(failure, { policy: ExposurePolicy.standard }), 75)
  })

  it("asks the given table first: the code, its beginnings, its end, its category", () => {
    const exit = (exitTable: Projection.ExitTable) => Projection.exitCode(new Deep(), { exitTable })
    const all = {
      "sys.exit.spool.unwritable": 1,
      "sys.exit.spool.*": 2,
      "sys.exit.*": 3,
      "*.unwritable": 4,
      "sys.*": 5
    }
    const { "sys.exit.spool.unwritable": _exact, ...withoutExact } = all
    const { "sys.exit.spool.*": _near, ...withoutNear } = withoutExact
    const { "sys.exit.*": _far, ...withoutFar } = withoutNear
    const { "*.unwritable": _end, ...onlyCategory } = withoutFar
    assert.deepStrictEqual(
      [all, withoutExact, withoutNear, withoutFar, onlyCategory, {}].map(exit),
      [1, 2, 3, 4, 5, 69]
    )
  })

  it("ignores numbers that no process can exit with, and the one of success", () => {
    for (const code of [-1, 256, 1.5, NaN, 0]) {
      assert.strictEqual(Projection.exitCode(new Usage(), { exitTable: { "biz.exit.usage": code } }), 64)
    }
  })
})
