import { assert, describe, it } from "@effect/vitest"
import { Failure, Identity, Reasons, TransportError } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause } from "effect"

const io = ["check filesystem state", "verify file permissions"]
const network = ["check network connectivity", "retry the request"]
const timeout = ["retry later", "inspect downstream service latency"]
const configuration = ["check configuration values", "validate config source"]

interface Row {
  readonly failure: Failure.Any
  readonly code: string
  readonly reason: string
  readonly contract: readonly [
    status: number,
    visibility: "public" | "internal",
    hints: ReadonlyArray<string>,
    retry: boolean
  ]
  readonly standard: readonly [status: number, grpc: string, retry: boolean]
}

const table: ReadonlyArray<Row> = [
  {
    failure: new Reasons.ValidationError(),
    code: "biz.validation_error",
    reason: "validation error",
    contract: [400, "public", [], false],
    standard: [422, "INVALID_ARGUMENT", false]
  },
  {
    failure: new Reasons.BusinessError(),
    code: "biz.business_error",
    reason: "business logic error",
    contract: [400, "public", [], false],
    standard: [409, "FAILED_PRECONDITION", false]
  },
  {
    failure: new Reasons.NotFound(),
    code: "biz.not_found",
    reason: "not found error",
    contract: [400, "public", [], false],
    standard: [404, "NOT_FOUND", false]
  },
  {
    failure: new Reasons.PermissionDenied(),
    code: "biz.permission_denied",
    reason: "permission error",
    contract: [400, "public", [], false],
    standard: [403, "PERMISSION_DENIED", false]
  },
  {
    failure: new Reasons.LogicError(),
    code: "logic.internal_invariant_broken",
    reason: "BUG :logic error",
    contract: [500, "internal", [], false],
    standard: [500, "INTERNAL", false]
  },
  {
    failure: new Reasons.RuleError(),
    code: "biz.run_rule_error",
    reason: "run rule error",
    contract: [400, "public", [], false],
    standard: [422, "FAILED_PRECONDITION", false]
  },
  {
    failure: new Reasons.DataError(),
    code: "sys.data_error",
    reason: "data error",
    contract: [500, "internal", [], false],
    standard: [500, "DATA_LOSS", false]
  },
  {
    failure: new Reasons.SystemError(),
    code: "sys.io_error",
    reason: "system error",
    contract: [500, "internal", io, false],
    standard: [500, "INTERNAL", false]
  },
  {
    failure: new Reasons.NetworkError(),
    code: "sys.network_error",
    reason: "network error",
    contract: [500, "internal", network, true],
    standard: [503, "UNAVAILABLE", true]
  },
  {
    failure: new Reasons.ResourceExhausted(),
    code: "sys.resource_exhausted",
    reason: "resource error",
    contract: [500, "internal", [], false],
    standard: [503, "RESOURCE_EXHAUSTED", true]
  },
  {
    failure: new Reasons.Timeout(),
    code: "sys.timeout",
    reason: "timeout error",
    contract: [500, "internal", timeout, true],
    standard: [504, "DEADLINE_EXCEEDED", true]
  },
  {
    failure: new Reasons.CoreConfigInvalid(),
    code: "conf.core_invalid",
    reason: "configuration error << core config",
    contract: [500, "internal", configuration, false],
    standard: [500, "INTERNAL", false]
  },
  {
    failure: new Reasons.FeatureConfigInvalid(),
    code: "conf.feature_invalid",
    reason: "configuration error << feature config error",
    contract: [500, "internal", configuration, false],
    standard: [500, "INTERNAL", false]
  },
  {
    failure: new Reasons.DynamicConfigInvalid(),
    code: "conf.dynamic_invalid",
    reason: "configuration error << dynamic config error",
    contract: [500, "internal", configuration, false],
    standard: [500, "INTERNAL", false]
  },
  {
    failure: new Reasons.ExternalServiceError(),
    code: "sys.external_service_error",
    reason: "external service error",
    contract: [500, "internal", [], false],
    standard: [502, "UNAVAILABLE", false]
  },
  {
    failure: new Reasons.Unauthenticated(),
    code: "biz.unauthenticated",
    reason: "unauthenticated",
    contract: [400, "public", [], false],
    standard: [401, "UNAUTHENTICATED", false]
  },
  {
    failure: new Reasons.RateLimited(),
    code: "biz.rate_limited",
    reason: "rate limited",
    contract: [400, "public", [], false],
    standard: [429, "RESOURCE_EXHAUSTED", true]
  },
  {
    failure: new Reasons.Cancelled(),
    code: "sys.cancelled",
    reason: "cancelled",
    contract: [500, "internal", [], false],
    standard: [499, "CANCELLED", false]
  },
  {
    failure: new Reasons.CircuitOpen({ circuit: "payments", state: "open" }),
    code: "sys.circuit_open",
    reason: "circuit open",
    contract: [500, "internal", [], false],
    standard: [503, "UNAVAILABLE", true]
  }
]

const subjectOf = (failure: Failure.Any): ExposurePolicy.Subject => ({
  identity: Identity.of(failure),
  classification: failure[Failure.TypeId],
  origin: "failure",
  metadata: {},
  causes: []
})

describe("ExposurePolicy.contract", () => {
  for (const { code, contract, failure, reason } of table) {
    it(`decides ${code} as the seed does`, () => {
      const snapshot = ErrorSnapshot.of(failure)
      assert.strictEqual(snapshot.identity.code, code)
      assert.strictEqual(snapshot.identity.reason, reason)
      const [http_status, visibility, default_hints, retryable] = contract
      assert.strictEqual(
        JSON.stringify(snapshot.decision),
        JSON.stringify({ http_status, visibility, default_hints, retryable })
      )
    })
  }

  it("gives hints and retries to exact codes only, whatever a failure declares", () => {
    const { decision } = ErrorSnapshot.of(new TransportError.ConnectionRefused({ endpoint: "e" }))
    assert.deepStrictEqual(decision, { http_status: 500, visibility: "internal", default_hints: [], retryable: false })
  })

  it("does not show the text of an error that nobody declared, not even one that is the caller's fault", () => {
    const foreign = new Cause.NoSuchElementError("row 7 of table accounts")
    const http = Projection.toHttp(Cause.fail(foreign))
    assert.strictEqual(http.code, "biz.not_found")
    assert.strictEqual(http.status, 400)
    assert.strictEqual(http.message, "not found error")
    assert.strictEqual(http.visibility, "internal")
  })
})

describe("ExposurePolicy.standard", () => {
  for (const { code, failure, standard } of table) {
    it(`maps ${code} to its own status`, () => {
      const decision = ExposurePolicy.decide(ExposurePolicy.standard, subjectOf(failure))
      assert.deepStrictEqual<unknown>([decision.http_status, decision.grpc_code, decision.retryable], [...standard])
      assert.strictEqual(decision.visibility, code.startsWith("biz.") ? "public" : "internal")
    })
  }

  it("reads status, retries and hints from the declaration", () => {
    class StockUnavailable extends Failure.Tagged<StockUnavailable>()(
      "ExposureStockUnavailable",
      {},
      {
        code: "biz.exposure.stock_unavailable",
        http: 410,
        grpc: "OUT_OF_RANGE",
        retry: "transient",
        hints: { client: ["reduce the quantity"], operator: ["check the warehouse feed"] }
      }
    ) {}
    const snapshot = ErrorSnapshot.of(new StockUnavailable(), { policy: ExposurePolicy.standard })
    assert.deepStrictEqual(snapshot.decision, {
      http_status: 410,
      visibility: "public",
      default_hints: ["reduce the quantity"],
      retryable: true,
      audience_hints: { operator: ["check the warehouse feed"] },
      grpc_code: "OUT_OF_RANGE",
      severity: "Info",
      alert: "never",
      metric_labels: { "error.type": "biz.exposure.stock_unavailable", "error.category": "biz" }
    })
    assert.deepStrictEqual(Projection.toHttp(snapshot).hints, ["reduce the quantity"])
    assert.deepStrictEqual(Projection.toRpc(snapshot).hints, ["reduce the quantity"])
    assert.deepStrictEqual(Projection.toLog(snapshot).hints, ["reduce the quantity", "check the warehouse feed"])
    assert.deepStrictEqual(Projection.toCli(snapshot).hints, ["reduce the quantity", "check the warehouse feed"])
  })

  it("shows what was declared public and hides what was declared internal, whatever the category", () => {
    class Sealed extends Failure.Tagged<Sealed>()(
      "ExposureSealed",
      {},
      { code: "biz.exposure.sealed", visibility: "internal" }
    ) {}
    class Maintenance extends Failure.Tagged<Maintenance>()(
      "ExposureMaintenance",
      {},
      { code: "sys.exposure.maintenance", visibility: "public" }
    ) {}
    const options = { policy: ExposurePolicy.standard }
    assert.notInclude(JSON.stringify(Projection.toHttp(new Sealed({ detail: "fraud score 9" }), options)), "fraud")
    assert.strictEqual(Projection.toHttp(new Maintenance({ detail: "until 8 pm" }), options).message, "until 8 pm")
    const died = Cause.die(new Maintenance({ detail: "until 8 pm" }))
    assert.notInclude(JSON.stringify(Projection.toHttp(died, options)), "until")
    assert.strictEqual(Projection.toHttp(new Sealed({ detail: "seen by the contract" })).visibility, "public")
  })

  it("derives what is not declared from category and retryability", () => {
    class Flaky extends Failure.Tagged<Flaky>()(
      "ExposureFlaky",
      {},
      { code: "sys.exposure.flaky", retry: "transient" }
    ) {}
    class Refused extends Failure.Tagged<Refused>()("ExposureRefused", {}, { code: "biz.exposure.refused" }) {}
    assert.strictEqual(ExposurePolicy.decide(ExposurePolicy.standard, subjectOf(new Flaky())).http_status, 503)
    assert.strictEqual(ExposurePolicy.decide(ExposurePolicy.standard, subjectOf(new Refused())).http_status, 400)
  })

  it("shows a caller a generic title and no operator's hint where the failure is internal", () => {
    const options = { policy: ExposurePolicy.standard }
    const failure = new Reasons.CoreConfigInvalid({ detail: "missing db config" })
    const outside = [Projection.toHttp(failure, options), Projection.toRpc(failure, options)]
    for (const text of outside.map((projection) => JSON.stringify(projection))) {
      assert.notInclude(text, "configuration error")
      assert.notInclude(text, "validate config source")
      assert.notInclude(text, "missing db config")
    }
    assert.strictEqual(Projection.toHttp(failure, options).message, "internal error")
    assert.deepStrictEqual(Projection.toLog(failure, options).hints, configuration)
  })
})
