import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Identity, Operation, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Duration, Effect, Schema } from "effect"
import * as fc from "fast-check"
import { raised } from "./support.ts"

class Sold extends Failure.Tagged<Sold>()(
  "KnownSold",
  {
    sku: Schema.String,
    left: Schema.Int,
    on: Schema.optionalKey(Schema.Date),
    card: Schema.optionalKey(Failure.sensitive(Schema.String))
  },
  {
    code: "biz.known.sold",
    detail: ({ left, sku }) => `${left} of ${sku} left`,
    http: 409,
    retry: "transient",
    hints: { client: ["take fewer"] }
  }
) {}

class Torn extends Failure.Tagged<Torn>()("KnownTorn", { row: Schema.Int }, { code: "sys.known.torn" }) {}

const known = [Sold, Torn, Reasons.NotFound, Reasons.Timeout] as const

const options = { policy: ExposurePolicy.standard, carry: "all" } as const

const bodies = {
  rpc: [RemoteFailure.decodeRpc, (u: unknown) => Projection.stringify(Projection.toRpc(u, options))],
  problem: [RemoteFailure.decodeProblem, (u: unknown) => Projection.stringify(Projection.toProblem(u, options))],
  snapshot: [RemoteFailure.decodeSnapshot, (u: unknown) => Projection.stringify(ErrorSnapshot.of(u, options))]
} as const

const formats = Object.entries(bodies)

describe("Decoding with the classes at hand", () => {
  for (const [format, [decode, encode]] of formats) {
    it.effect(`gives back the declared class, so that catchTag works across the network: ${format}`, () =>
      Effect.gen(function* () {
        const sent = new Sold({ sku: "A-1", left: 3, on: new Date(7), retryAfter: "2 seconds" })
        const seen = yield* decode(encode(sent), known).pipe(
          Effect.flatMap(Effect.fail),
          Effect.catchTag("KnownSold", ({ left, on, retryAfter, sku }) => Effect.succeed({ sku, left, on, retryAfter }))
        )
        assert.deepStrictEqual(seen, { sku: "A-1", left: 3, on: new Date(7), retryAfter: sent.retryAfter })
      })
    )

    it.effect(`stays a remote failure with its code when the class is not at hand: ${format}`, () =>
      Effect.gen(function* () {
        const failure = yield* decode(encode(new Torn({ row: 7 })), [Sold])
        assert.strictEqual(failure._tag, "RemoteFailure")
        assert.strictEqual(Identity.of(failure).code, "sys.known.torn")
      })
    )

    it(`keeps identity and decision of any failure: ${format}`, () => {
      const text = fc.string({ maxLength: 40 })
      fc.assert(
        fc.property(text, fc.integer(), fc.option(text), fc.option(fc.nat(100_000)), (sku, left, detail, pause) => {
          const sent = new Sold({
            sku,
            left,
            ...(detail === null ? {} : { detail }),
            ...(pause === null ? {} : { retryAfter: pause })
          })
          const back = Effect.runSync(decode(encode(sent), known))
          const before = ErrorSnapshot.of(sent, options)
          const after = ErrorSnapshot.of(back, options)
          assert.strictEqual(back._tag, "KnownSold")
          assert.deepStrictEqual(
            { ...after.identity, decision: after.decision, fields: after.failure, pause: after.retry_after_ms },
            { ...before.identity, decision: before.decision, fields: before.failure, pause: before.retry_after_ms }
          )
          const stranger = ErrorSnapshot.of(Effect.runSync(decode(encode(sent))), options)
          assert.deepStrictEqual(stranger.identity, before.identity)
          assert.deepStrictEqual(stranger.decision, before.decision)
        })
      )
    })
  }

  it.effect("rebuilds a class without fields from what every format says", () =>
    Effect.gen(function* () {
      const sent = new Reasons.NotFound({ detail: "order 7" })
      for (const [decode, body] of [
        [RemoteFailure.decodeHttp, Projection.toHttp(sent)],
        [RemoteFailure.decodeRpc, Projection.toRpc(sent)],
        [RemoteFailure.decodeLog, Projection.toLog(sent)],
        [RemoteFailure.decodeProblem, Projection.toProblem(sent)]
      ] as const) {
        const failure = yield* decode(body, known)
        assert.strictEqual(failure._tag, "NotFound")
        assert.instanceOf(failure, Reasons.NotFound)
        assert.deepStrictEqual(Identity.of(failure), Identity.of(sent))
      }
    })
  )

  it.effect("stays a remote failure when fields are missing, wrong, or of a later version", () =>
    Effect.gen(function* () {
      const body = Projection.toRpc(new Sold({ sku: "A-1", left: 3 }), { carry: "all" })
      const { failure, ...bare } = body
      for (const sent of [
        bare,
        { ...body, failure: { ...failure!, version: 2 } },
        { ...body, failure: { version: 1, data: { ...failure!.data, left: "three" } } },
        { ...body, failure: { version: 1, data: { ...failure!.data, _tag: "KnownTorn" } } }
      ]) {
        const back = yield* RemoteFailure.decodeRpc(sent, known)
        assert.strictEqual(back._tag, "RemoteFailure")
        assert.strictEqual(Identity.of(back).code, "biz.known.sold")
      }
    })
  )

  it.effect("waits no longer for a pause among the fields than for one beside them", () =>
    Effect.gen(function* () {
      const body = Projection.toRpc(new Reasons.Timeout(), options)
      for (const [retryAfter, millis] of [
        [-5, 0],
        [1e300, 2 ** 31],
        ["Infinity", 2 ** 31],
        [1500, 1500]
      ] as const) {
        const data = { ...body.failure!.data, retryAfter }
        const back = yield* RemoteFailure.decodeRpc({ ...body, failure: { version: 1, data } }, known)
        assert.instanceOf(back, Reasons.Timeout)
        assert.deepStrictEqual(Classifier.retryAfterOf(back), Duration.millis(millis))
      }
    })
  )

  it.effect("keeps path and metadata where the format says them", () =>
    Effect.gen(function* () {
      const sent = raised(new Torn({ row: 7 }), Operation.doing("import", { at: "a.csv", metadata: { line: 7 } }))
      for (const failure of [
        yield* RemoteFailure.decodeSnapshot(ErrorSnapshot.of(sent)),
        yield* RemoteFailure.decodeLog(Projection.toLog(sent))
      ]) {
        assert.deepStrictEqual([failure.path, failure.metadata], ["import / a.csv", { line: 7 }])
      }
    })
  )
})

describe("The failure's own fields", () => {
  const sent = new Sold({ sku: "A-1", left: 3, card: "4111-secret-card" })

  it("do not leave unless they are asked for", () => {
    for (const body of [Projection.toRpc(sent), Projection.toProblem(sent), ErrorSnapshot.of(sent)]) {
      assert.notProperty(body, "failure")
    }
  })

  it("leave without their secrets, wherever these occur", () => {
    const repeated = new Sold({
      sku: "4111-secret-card",
      left: 1,
      card: "4111-secret-card",
      detail: "4111-secret-card"
    })
    const nested = new Sold({ sku: "a 4111-secret-card", left: 1, cause: sent })
    for (const failure of [sent, repeated, nested]) {
      for (const [, [, encode]] of formats) assert.notInclude(encode(failure), "4111-secret")
    }
  })

  it("of an internal failure leave only for those who are told everything", () => {
    const torn = new Torn({ row: 7 })
    assert.notProperty(Projection.toRpc(torn, { carry: "public" }), "failure")
    assert.property(Projection.toRpc(torn, { carry: "all" }), "failure")
    const snapshot = ErrorSnapshot.of(torn, { carry: "all" })
    assert.notProperty(Projection.toRpc(snapshot), "failure")
    assert.notProperty(Projection.toRpc(snapshot, { carry: "public" }), "failure")
  })

  it("do not leave by halves", () => {
    const { failure } = Projection.toRpc(new Sold({ sku: "x".repeat(20_000), left: 1 }), { carry: "all" })
    assert.notProperty(failure, "data")
    assert.strictEqual(failure?.identity?.code, "biz.known.sold")
  })
})

describe("What is wrong with a request", () => {
  const Order = Schema.Struct({ items: Schema.Array(Schema.Struct({ sku: Schema.String, count: Schema.Int })) })

  it("is said piece by piece, without what was sent", () => {
    const error = Effect.runSync(
      Effect.flip(
        Schema.decodeUnknownEffect(Order)({ items: [{ sku: 7, count: 1.5 }, { count: 1 }] }, { errors: "all" })
      )
    )
    const problem = Projection.toProblem(new Reasons.ValidationError({ cause: error }))
    assert.deepStrictEqual(problem["violations"], [
      { path: "items.0.sku", code: "invalid_type", message: "has the wrong type" },
      { path: "items.0.count", code: "invalid_value", message: "is not an allowed value" },
      { path: "items.1.sku", code: "missing_key", message: "is required" }
    ])
  })

  it("can be declared by the failure itself", () => {
    class Refused extends Failure.Tagged<Refused>()(
      "KnownRefused",
      { violations: Schema.Array(ErrorSnapshot.Violation) },
      { code: "biz.known.refused" }
    ) {}
    const violations = [{ path: "age", code: "too_young", message: "must be 18 or more" }]
    assert.deepStrictEqual(Projection.toProblem(new Refused({ violations }))["violations"], violations)
  })
})
