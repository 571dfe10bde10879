import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Identity, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Cause, Effect, Exit, Schema } from "effect"
import * as fc from "fast-check"

const policy = ExposurePolicy.standard
const options = { policy }

const decoders = {
  http: RemoteFailure.decodeHttp,
  rpc: RemoteFailure.decodeRpc,
  log: RemoteFailure.decodeLog,
  problem: RemoteFailure.decodeProblem,
  snapshot: RemoteFailure.decodeSnapshot
}

const bodies = (failure: Failure.Any): Record<keyof typeof decoders, string> => ({
  http: Projection.stringify(Projection.toHttp(failure, options)),
  rpc: Projection.stringify(Projection.toRpc(failure, options)),
  log: Projection.stringify(Projection.toLog(failure, options)),
  problem: Projection.stringify(Projection.toProblem(failure, options)),
  snapshot: Projection.stringify(ErrorSnapshot.of(failure, options))
})

const formats = Object.keys(decoders) as ReadonlyArray<keyof typeof decoders>

describe("RemoteFailure", () => {
  it.effect("keeps code, category and detail through every format", () =>
    Effect.gen(function* () {
      const sent = bodies(new Reasons.NotFound({ detail: "order 7" }))
      for (const format of formats) {
        const failure = yield* decoders[format](sent[format])
        assert.strictEqual(failure._tag, "RemoteFailure")
        assert.isTrue(Failure.isFailure(failure))
        const identity = Identity.of(failure)
        assert.deepStrictEqual([identity.code, identity.category, identity.detail], ["biz.not_found", "biz", "order 7"])
        assert.strictEqual(Projection.toHttp(failure).code, "biz.not_found", format)
        assert.strictEqual(Projection.toHttp(failure).message, "order 7", format)
      }
    })
  )

  it.effect("says again whether to try again, and with which status", () =>
    Effect.gen(function* () {
      const sent = bodies(new Reasons.Timeout({ detail: "inventory-7" }))
      for (const format of ["http", "rpc", "problem", "snapshot"] as const) {
        const failure = yield* decoders[format](sent[format])
        assert.strictEqual(Classifier.classify(failure).retry, "transient", format)
        assert.strictEqual(Projection.toHttp(failure, options).status, 504, format)
        if (format !== "snapshot") assert.isUndefined(failure.detail, format)
      }
    })
  )

  it.effect("gives an RPC projection back as it came", () =>
    Effect.gen(function* () {
      for (const failure of [new Reasons.NotFound({ detail: "" }), new Reasons.RateLimited(), new Reasons.Timeout()]) {
        const sent = Projection.toRpc(failure)
        const back = Projection.toRpc(yield* RemoteFailure.decodeRpc(sent))
        assert.deepStrictEqual(back, sent)
      }
    })
  )

  it("survives its own schema", () => {
    const failure = Effect.runSync(
      RemoteFailure.decodeRpc(Projection.toRpc(new Reasons.NotFound({ detail: "order 7" })))
    )
    const codec = Schema.toCodecJson(RemoteFailure.RemoteFailure)
    const back = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(failure))))
    assert.deepStrictEqual(Identity.of(back), Identity.of(failure))
    assert.strictEqual(back.message, "not found error: order 7")
  })

  it.effect("accepts unknown codes, more members, and categories of a later version", () =>
    Effect.gen(function* () {
      const sent = {
        ...Projection.toRpc(new Reasons.NotFound()),
        code: "biz.later.kind",
        category: "social",
        more: [1]
      }
      const failure = yield* RemoteFailure.decodeRpc(sent)
      assert.strictEqual(failure.code, "biz.later.kind")
      assert.strictEqual(failure.category, "biz")
    })
  )

  it.effect("reads a problem that somebody else made, and ignores members of the wrong type", () =>
    Effect.gen(function* () {
      const failure = yield* RemoteFailure.decodeProblem(
        `{"title":"Out of stock","status":"409","detail":7,"hints":{}}`
      )
      assert.deepStrictEqual(
        [failure.code, failure.reason, failure.status, failure.detail, failure.hints],
        ["sys.remote_failure", "remote failure", null, "Out of stock", []]
      )
    })
  )

  const malformed: ReadonlyArray<readonly [string, unknown]> = [
    ["nothing", undefined],
    ["no JSON", "<html>502 Bad Gateway</html>"],
    ["another JSON", "[1,2]"],
    ["a code that is no text", { ...Projection.toRpc(new Reasons.NotFound()), code: 7 }],
    ["a code that forges a line", { ...Projection.toRpc(new Reasons.NotFound()), code: "biz.x\nbiz.y" }],
    ["a huge body", JSON.stringify({ ...Projection.toRpc(new Reasons.NotFound()), detail: "x".repeat(2_000_000) })],
    ["a deep body", "[".repeat(500_000)],
    ["only an inherited code", Object.create(Projection.toRpc(new Reasons.NotFound()))],
    [
      "a getter that throws",
      {
        get code() {
          throw new Error("trap")
        }
      }
    ]
  ]
  for (const [name, body] of malformed) {
    it.effect(`is a typed failure with a short excerpt when the body is ${name}`, () =>
      Effect.gen(function* () {
        for (const decode of [RemoteFailure.decodeRpc, RemoteFailure.decodeHttp, RemoteFailure.decodeSnapshot]) {
          const failure = yield* Effect.flip(decode(body))
          assert.strictEqual(failure._tag, "UndecodableRemote")
          assert.isBelow(failure.excerpt.length, 300)
          assert.notInclude(Projection.toHttp(failure).message, "html")
        }
      })
    )
  }

  it("never dies of anything", () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything({ withNullPrototype: true }), fc.json(), fc.string()), (body) => {
        for (const format of formats) {
          const exit = Effect.runSyncExit(decoders[format](body))
          assert.isTrue(Exit.isSuccess(exit) || exit.cause.reasons.every(Cause.isFailReason))
        }
      })
    )
  })
})

describe("The fields that came along with a failure nobody here knows", () => {
  const body = (sku: string) =>
    `{"status":409,"code":"biz.stock.sold_out","category":"biz","reason":"sold out","detail":null,"visibility":"public",` +
    `"hints":[],"retryable":false,"failure":{"version":1,"data":{"_tag":"SoldOut","sku":${sku}}}}`

  it("are kept for whoever does, as far as they would be sent from here", () => {
    const { failure } = Effect.runSync(RemoteFailure.decodeRpc(body(`"A-1"`)))
    assert.deepStrictEqual(failure, { version: 1, data: { _tag: "SoldOut", sku: "A-1" } })
    for (const sku of [`"${"x".repeat(20_000)}"`, "[".repeat(300_000) + "]".repeat(300_000)]) {
      const huge = Effect.runSync(RemoteFailure.decodeRpc(body(sku)))
      assert.isUndefined(huge.failure)
      assert.strictEqual(Identity.of(huge).code, "biz.stock.sold_out")
    }
  })
})
