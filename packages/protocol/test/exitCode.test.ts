import { assert, describe, it } from "@effect/vitest"
import { ConfigError, Failure, InternalError, ProtocolError, Reasons, TransportError } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause, Schema } from "effect"

class Usage extends Failure.Tagged<Usage>()("ExitUsage", {}, { code: "biz.exit.usage" }) {}
class MissingInput extends Failure.Tagged<MissingInput>()(
  "ExitMissingInput",
  { file: Schema.String },
  { code: "biz.exit.missing_input" }
) {}
class Deep extends Failure.Tagged<Deep>()("ExitDeep", {}, { code: "sys.exit.spool.unwritable" }) {}
class PaymentDown extends Failure.Tagged<PaymentDown>()(
  "ExitPaymentDown",
  {},
  { code: "sys.exit.payment.down", retry: "transient" }
) {}

describe("Projection.exitCode", () => {
  const table: ReadonlyArray<readonly [string, unknown, number]> = [
    ["usage", new Usage(), 64],
    ["bad data", new Reasons.ValidationError(), 65],
    ["data that cannot be", new Reasons.DataError(), 65],
    ["malformed data", new ProtocolError.MalformedData({ what: "line 3" }), 65],
    ["a missing input file", new MissingInput({ file: "traces.json" }), 66],
    ["something that does not exist", new Reasons.NotFound(), 66],
    ["an unavailable service", new Reasons.ExternalServiceError(), 69],
    ["an open circuit, which closes again", new Reasons.CircuitOpen({ circuit: "c", state: "open" }), 75],
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

  it("calls what is declared to pass a temporary failure, whatever a policy tells callers", () => {
    const failure = new TransportError.ConnectionRefused({ endpoint: "e" })
    assert.strictEqual(Projection.exitCode(failure), 75)
    assert.strictEqual(Projection.exitCode(Cause.fail(new PaymentDown())), 75)
    // All that is left in a snapshot is what was decided.
    assert.strictEqual(Projection.exitCode(ErrorSnapshot.of(failure)), 69)
    assert.strictEqual(Projection.exitCode(ErrorSnapshot.of(failure, { policy: ExposurePolicy.standard })), 75)
  })

  it("says of every declared reason what the table of the documentation says", () => {
    const own: Readonly<Record<string, number>> = {
      "biz.business_error": 69,
      "biz.not_found": 66,
      "biz.permission_denied": 77,
      "biz.rate_limited": 75,
      "biz.unauthenticated": 77,
      "sys.cancelled": 130,
      "sys.data_error": 65,
      "sys.io_error": 74,
      "sys.malformed_data": 65,
      "sys.partial_success": 65,
      "sys.resource_exhausted": 71,
      "sys.unsupported_encoding": 76,
      "sys.version_mismatch": 76
    }
    const byCategory = { biz: 65, conf: 78, logic: 70, sys: 69 }
    const declared = [Reasons, ConfigError, ProtocolError, TransportError, InternalError].flatMap((module) =>
      Object.values(module).flatMap((Class): ReadonlyArray<{ readonly declared: Failure.Declared }> =>
        "declared" in Class ? [Class] : []
      )
    )
    assert.isAbove(declared.length, 40)
    for (const Class of declared) {
      const { category, code, retry } = Class.declared
      const instance = Failure.stackless(Class as never, {} as never)
      const expected = own[code] ?? (retry === "never" ? byCategory[category] : 75)
      assert.strictEqual(Projection.exitCode(instance), expected, code)
    }
  })

  it("knows foreign errors by the table that is given", () => {
    const classify = () => Reasons.RateLimited.declared
    assert.strictEqual(Projection.exitCode(new Error("quota"), { classify }), 75)
  })

  it("takes an answer of that table which says nothing for none", () => {
    for (const answer of [
      {},
      "sys.timeout",
      7,
      null,
      { code: "sys.timeout" },
      { ...Reasons.Timeout.declared, code: 7 }
    ]) {
      const classify = () => answer as never
      assert.strictEqual(Projection.exitCode(new Error("quota"), { classify }), 70)
      assert.strictEqual(Projection.toHttp(new Error("quota"), { classify }).code, "logic.unclassified")
    }
  })

  it("is one even of what cannot be looked at", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const hostile of [proxy, Cause.fail(proxy), Cause.die(proxy)]) {
      assert.strictEqual(Projection.exitCode(hostile), 70)
    }
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
