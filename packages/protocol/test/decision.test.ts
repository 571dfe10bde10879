import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Reasons, type Severity } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { Cause, Effect, Schema } from "effect"
import { HttpEffect } from "effect/http"
import * as fc from "fast-check"
import { anyFailure, known } from "./arbitrary.ts"

const standard = { policy: ExposurePolicy.standard } as const

// The log level and the alert of the table of 5.8; what alerts on a transition alerts at a rate, which rises with it.
const table: ReadonlyArray<readonly [Failure.Any, Severity, ExposurePolicy.Alert]> = [
  [new Reasons.ValidationError(), "Info", "never"],
  [new Reasons.BusinessError(), "Info", "never"],
  [new Reasons.RuleError(), "Info", "never"],
  [new Reasons.NotFound(), "Info", "never"],
  [new Reasons.PermissionDenied(), "Warn", "rate"],
  [new Reasons.Unauthenticated(), "Info", "rate"],
  [new Reasons.Conflict(), "Info", "never"],
  [new Reasons.RateLimited(), "Warn", "rate"],
  [new Reasons.DataError(), "Error", "each"],
  [new Reasons.SystemError(), "Error", "each"],
  [new Reasons.NetworkError(), "Warn", "rate"],
  [new Reasons.ResourceExhausted(), "Error", "each"],
  [new Reasons.Timeout(), "Warn", "rate"],
  [new Reasons.ExternalServiceError(), "Error", "rate"],
  [new Reasons.CircuitOpen({ circuit: "payments", state: "open" }), "Warn", "rate"],
  [new Reasons.Cancelled(), "Debug", "never"],
  [new Reasons.CoreConfigInvalid(), "Error", "each"],
  [new Reasons.LogicError(), "Error", "each"]
]

describe("A decision of the standard policy", () => {
  for (const [failure, severity, alert] of table) {
    it(`says how bad ${failure._tag} is, whom to wake, and how to count it`, () => {
      const { decision, identity } = ErrorSnapshot.of(failure, standard)
      assert.deepStrictEqual([decision.severity, decision.alert], [severity, alert])
      assert.deepStrictEqual(decision.metric_labels, {
        "error.type": identity.code,
        "error.category": identity.category
      })
    })
  }

  it("says of what was thrown that it is an error, whatever it would be as an answer", () => {
    const { decision } = ErrorSnapshot.of(Cause.die(new Reasons.NotFound()), standard)
    assert.deepStrictEqual([decision.severity, decision.alert, decision.http_status], ["Error", "each", 500])
    assert.strictEqual(decision.title, "internal error")
  })

  it("says under the contract no more than the seed did", () => {
    assert.deepStrictEqual(Object.keys(ErrorSnapshot.of(new Reasons.NotFound()).decision), [
      "http_status",
      "visibility",
      "default_hints",
      "retryable"
    ])
  })

  it("is kept by composition, and by a snapshot that was written down", () => {
    const policy = ExposurePolicy.make({
      byCode: { "biz.not_found": { alert: "each", metric_labels: { shop: "eu" } } },
      byCategory: { biz: { severity: "Fatal", audience_hints: { partner: ["p"], developer: ["d"] } } },
      otherwise: ExposurePolicy.standard
    })
    const snapshot = ErrorSnapshot.of(new Reasons.NotFound(), { policy })
    const back = ErrorSnapshot.fromUnknown(JSON.parse(Projection.stringify(snapshot)))
    for (const { decision } of [snapshot, ...(back._tag === "Some" ? [back.value] : [])]) {
      assert.deepInclude(decision, {
        http_status: 404,
        severity: "Fatal",
        alert: "each",
        metric_labels: { shop: "eu" },
        audience_hints: { partner: ["p"], developer: ["d"] }
      })
    }
    assert.strictEqual(back._tag, "Some")
  })

  const broken: ReadonlyArray<readonly [string, object]> = [
    ["a severity that is none", { severity: "Bad" }],
    ["an alert that is none", { alert: "sometimes" }],
    ["labels that are no texts", { metric_labels: { a: 1 } }],
    ["labels that are none", { metric_labels: null }],
    ["hints that are no list", { audience_hints: { partner: "p" } }],
    ["audiences that are none", { audience_hints: null }]
  ]
  for (const [name, part] of broken) {
    it(`closes, and reports the policy, where it gives ${name}`, () => {
      const policy: ExposurePolicy.Policy = (subject) => ({ ...ExposurePolicy.standard(subject), ...(part as object) })
      const subject = { policy } as const
      const { decision } = ErrorSnapshot.of(new Reasons.NotFound({ detail: "x" }), subject)
      assert.deepStrictEqual(decision, {
        http_status: 500,
        visibility: "internal",
        default_hints: [],
        retryable: false,
        title: "internal error"
      })
    })
  }

  it("is bounded however much a policy says", () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`l${i}`, "v".repeat(10_000)]))
    const texts = Array.from({ length: 1000 }, () => "h".repeat(10_000))
    const policy: ExposurePolicy.Policy = (subject) => ({
      ...ExposurePolicy.standard(subject),
      metric_labels: many,
      audience_hints: { partner: texts, operator: texts, developer: texts }
    })
    assert.isBelow(JSON.stringify(ErrorSnapshot.of(new Reasons.NotFound(), { policy }).decision).length, 40_000)
  })
})

describe("Whether to come back, and when", () => {
  const retryInfo = "type.googleapis.com/google.rpc.RetryInfo"

  it("is said by every format alike, for failures of every kind under any policy", () => {
    const policies = [
      ExposurePolicy.contract,
      ExposurePolicy.standard,
      ExposurePolicy.bare,
      ExposurePolicy.make({ otherwise: (subject) => ({ ...ExposurePolicy.contract(subject), retryable: true }) })
    ]
    fc.assert(
      fc.property(anyFailure, fc.constantFrom(...policies), (error, policy) => {
        const options = { policy } as const
        const { decision, retry_after_ms } = ErrorSnapshot.of(error, options)
        const { retryable } = decision
        if (!retryable) assert.isUndefined(retry_after_ms)
        const problem = Projection.toProblem(error, options)
        assert.strictEqual(Projection.toRpc(error, options).retryable, retryable)
        assert.deepStrictEqual([problem["retryable"], problem["retry_after_ms"]], [retryable, retry_after_ms])
        for (const peer of [
          Projection.toJsonRpc(error, options).data,
          Projection.toGraphQl(error, options).extensions,
          Projection.toRpc(error, { ...options, carry: "all" }).failure!
        ]) {
          assert.strictEqual(peer.retry_after_ms, retry_after_ms)
        }
        const text = new TextDecoder().decode(Projection.toGrpc(error, options).details)
        assert.strictEqual(text.includes(retryInfo), retry_after_ms !== undefined)
      })
    )
  })

  it.effect("is said by the HTTP header only of what may be tried again", () =>
    Effect.gen(function* () {
      const ask = (failure: Failure.Any) =>
        Effect.gen(function* () {
          const handler = HttpEffect.toWebHandler(
            HttpEdge.handled(Effect.fail(failure)).pipe(
              Effect.provideService(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard)
            )
          )
          const response = yield* Effect.promise(() => handler(new Request("http://localhost/")))
          return response.headers.get("retry-after")
        })
      assert.strictEqual(yield* ask(new Reasons.RateLimited({ retryAfter: "1500 millis" })), "2")
      // Declared as something that never succeeds when it is done again.
      assert.isNull(yield* ask(new Reasons.NotFound({ retryAfter: "1500 millis" })))
    })
  )

  it("is one thing in a snapshot from elsewhere, too", () => {
    const snapshot = { ...ErrorSnapshot.of(new Reasons.NotFound()), retry_after_ms: 1500 }
    const read = ErrorSnapshot.fromUnknown(JSON.parse(JSON.stringify(snapshot)))
    assert.strictEqual(read._tag, "Some")
    if (read._tag === "Some") assert.notProperty(read.value, "retry_after_ms")
  })

  it("is what a body says of it, and else whether it names a time", () => {
    const { retryable: _, ...silent } = Projection.toProblem(new Reasons.NotFound())
    const failure = Effect.runSync(RemoteFailure.decodeProblem({ ...silent, retry_after_ms: 1500 }))
    assert.isTrue(failure.retryable)
    assert.strictEqual(Projection.toProblem(failure, standard)["retry_after_ms"], 1500)
    const refused = { ...silent, retryable: false, retry_after_ms: 1500 }
    assert.isFalse(Effect.runSync(RemoteFailure.decodeProblem(refused)).retryable)
  })

  const policies = [ExposurePolicy.contract, ExposurePolicy.standard, ExposurePolicy.bare]

  const carrying = {
    http: [
      (u: unknown, o: Projection.Options) => Projection.stringify(Projection.toHttp(u, o)),
      RemoteFailure.decodeHttp
    ],
    rpc: [(u: unknown, o: Projection.Options) => Projection.stringify(Projection.toRpc(u, o)), RemoteFailure.decodeRpc],
    problem: [
      (u: unknown, o: Projection.Options) => Projection.stringify(Projection.toProblem(u, o)),
      RemoteFailure.decodeProblem
    ],
    grpc: [
      (u: unknown, o: Projection.Options) =>
        Projection.toGrpc(u, { ...o, budget: 60_000 }).trailers["grpc-status-details-bin"],
      RemoteFailure.decodeGrpc
    ],
    snapshot: [
      (u: unknown, o: Projection.Options) => Projection.stringify(ErrorSnapshot.of(u, o)),
      RemoteFailure.decodeSnapshot
    ]
  } as const

  for (const [format, [encode, decode]] of Object.entries(carrying)) {
    it(`is the same for the class that comes back as for whoever decided it: ${format}`, () => {
      fc.assert(
        fc.property(anyFailure, fc.constantFrom(...policies), (error, policy) => {
          const { decision } = ErrorSnapshot.of(error, { policy })
          const sent = encode(error, { policy, carry: "all" })
          const text = format === "grpc" ? Buffer.from(sent, "base64").toString() : sent
          if (!decision.retryable) assert.notInclude(text, "retryAfter")
          const back = Effect.runSync(decode(sent, known))
          const { retry } = back[Failure.TypeId]
          if (!decision.retryable) assert.deepStrictEqual([retry, Classifier.retryAfterOf(back)], ["never", undefined])
          // Whoever sent it may not make more of it than its class declares.
          else if (back._tag !== "RemoteFailure") {
            assert.strictEqual(retry, known.find(({ declared }) => declared.tag === back._tag)?.declared.retry)
          }
        })
      )
    })
  }

  it("cannot be contradicted by what stands among the fields", () => {
    const body = Projection.toRpc(new Reasons.Timeout(), { ...standard, carry: "all" })
    const { decision, ...failure } = body.failure!
    for (const refusing of [
      { ...body, retryable: false, failure: { ...failure, data: { ...failure.data, retryAfter: 1500 } } },
      { ...body, failure: { ...failure, decision: { ...decision!, retryable: false }, retry_after_ms: 1500 } }
    ]) {
      const back = Effect.runSync(RemoteFailure.decodeRpc(refusing, [Reasons.Timeout]))
      assert.instanceOf(back, Reasons.Timeout)
      assert.strictEqual(Classifier.classify(back).retry, "never")
      assert.isUndefined(Classifier.retryAfterOf(back))
      assert.isTrue(Schema.is(Reasons.Timeout)(back))
      assert.isFalse(ErrorSnapshot.of(back, standard).decision.retryable)
    }
    // Only this one: the next of its class is as it was declared.
    assert.strictEqual(new Reasons.Timeout()[Failure.TypeId].retry, "transient")
  })

  it("stays with the declaration where the format says nothing of it", () => {
    const back = Effect.runSync(RemoteFailure.decodeHttp(Projection.toHttp(new Reasons.Timeout()), [Reasons.Timeout]))
    assert.strictEqual(Classifier.classify(back).retry, "transient")
  })

  it("is what the policy here says, where that shows less of a snapshot from elsewhere", () => {
    const snapshot = ErrorSnapshot.of(new Reasons.RateLimited({ retryAfter: 1500 }), { ...standard, carry: "all" })
    const elsewhere: unknown = JSON.parse(JSON.stringify(snapshot))
    const shut = ExposurePolicy.make({
      otherwise: (subject) => ({ ...ExposurePolicy.contract(subject), visibility: "internal", retryable: false })
    })
    const text = JSON.stringify(Projection.toProblem(elsewhere, { policy: shut, carry: "all" }))
    assert.notMatch(text, /retryAfter|retry_after_ms/)
    assert.match(JSON.stringify(Projection.toProblem(elsewhere, { ...standard, carry: "all" })), /"retryAfter":1500/)
  })
})
