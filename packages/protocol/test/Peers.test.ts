import { assert, describe, it } from "@effect/vitest"
import { Failure, Identity, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure, WireFormat } from "@holdfast/protocol"
import { Cause, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"

class Sold extends Failure.Tagged<Sold>()("PeersSold", { sku: Schema.String }, { code: "biz.peers.sold" }) {}

describe("A JSON-RPC error", () => {
  it("has the protocol's own codes where they fit", () => {
    for (const [error, code] of [
      [new Reasons.ValidationError(), -32_602],
      [new Reasons.Unimplemented(), -32_601],
      [Cause.die(new Error("marker")), -32_603],
      [new Reasons.NotFound(), -32_000]
    ] as const) {
      const sent = Projection.toJsonRpc(error)
      assert.strictEqual(sent.code, code)
      assert.notInclude(JSON.stringify(sent), "marker")
    }
  })

  it.effect("comes back, from the error or from the whole response", () =>
    Effect.gen(function* () {
      const error = Projection.toJsonRpc(new Sold({ sku: "A-1", retryAfter: 1500 }), { carry: "public" })
      for (const body of [error, JSON.stringify({ jsonrpc: "2.0", id: 1, error })]) {
        const sold = yield* RemoteFailure.decodeJsonRpc(body, [Sold])
        assert.instanceOf(sold, Sold)
        assert.strictEqual(sold.sku, "A-1")
      }
      const stranger = yield* RemoteFailure.decodeJsonRpc({ code: -32_601, message: "Method not found" })
      assert.deepInclude(stranger, { code: "sys.remote_failure", reason: "remote failure", detail: "Method not found" })
      assert.strictEqual((yield* Effect.flip(RemoteFailure.decodeJsonRpc({ result: 1 })))._tag, "UndecodableRemote")
    })
  )
})

describe("A GraphQL error", () => {
  it.effect("comes back, from the error or from the whole response", () =>
    Effect.gen(function* () {
      const error = Projection.toGraphQl(new Reasons.NotFound({ detail: "order 7" }))
      for (const body of [error, { data: null, errors: [error] }, JSON.stringify({ errors: [error] })]) {
        const failure = yield* RemoteFailure.decodeGraphQl(body)
        assert.deepInclude(Identity.of(failure), { code: "biz.not_found", detail: "order 7" })
      }
      const stranger = yield* RemoteFailure.decodeGraphQl({
        errors: [{ message: "Cannot query field", extensions: 7 }]
      })
      assert.deepInclude(stranger, {
        code: "sys.remote_failure",
        reason: "remote failure",
        detail: "Cannot query field"
      })
      assert.strictEqual((yield* Effect.flip(RemoteFailure.decodeGraphQl({ errors: [] })))._tag, "UndecodableRemote")
    })
  )

  it("shows nothing internal", () => {
    const options = { policy: ExposurePolicy.standard }
    const error = Projection.toGraphQl(new Reasons.SystemError({ detail: "marker" }), options)
    assert.strictEqual(error.message, "internal error")
    assert.notInclude(JSON.stringify(error), "marker")
  })
})

describe("The headers of a message", () => {
  class Held extends Failure.Tagged<Held>()("PeersHeld", { größe: Schema.String }, { code: "biz.peers.held" }) {}

  it("say in ASCII what a broker routes by, and the rest as JSON", () => {
    const headers = Projection.toMessageHeaders(new Held({ größe: "riesig 😀", detail: "größe\u2028\u001b[31m" }), {
      carry: "all"
    })
    assert.deepInclude(headers, { "error-type": "biz.peers.held", "error-category": "biz", "error-retryable": "false" })
    assert.isFalse(Object.hasOwn(headers, "error-retry-after-ms"))
    for (const value of Object.values(headers)) assert.match(value, /^[ -~]*$/)
    assert.deepInclude(JSON.parse(headers["error-data"]), { code: "biz.peers.held", reason: "held" })
  })

  it.effect("come back as the class, from text or bytes, whatever a broker has made of the names", () =>
    Effect.gen(function* () {
      const held = new Held({ größe: "riesig 😀", retryAfter: "2 seconds" })
      const headers = Projection.toMessageHeaders(held, { carry: "all", policy: ExposurePolicy.standard })
      const bytes = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]))
      const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]))
      for (const body of [headers, bytes, upper, { ...headers, "x-death": [{ count: 1 }] }]) {
        const failure = yield* RemoteFailure.decodeMessageHeaders(body, [Held])
        assert.instanceOf(failure, Held)
        assert.strictEqual(failure.größe, "riesig 😀")
      }
    })
  )

  it.effect("of another house are a remote failure with its type, and of no failure are none", () =>
    Effect.gen(function* () {
      const stranger = yield* RemoteFailure.decodeMessageHeaders({ "error-type": "java.io.IOException" })
      assert.deepInclude(stranger, { code: "sys.remote_failure", detail: "java.io.IOException" })
      for (const headers of [{}, { "error-data": "{}" }, "no headers", null]) {
        const undecodable = yield* Effect.flip(RemoteFailure.decodeMessageHeaders(headers))
        assert.strictEqual(undecodable._tag, "UndecodableRemote")
        assert.include(undecodable.message, "no header error-type says what went wrong")
      }
      const torn = yield* Effect.flip(RemoteFailure.decodeMessageHeaders({ "error-type": "sys.x", "error-data": "{" }))
      assert.deepInclude(torn, { problem: "not_json" })
      assert.include(torn.message, "the header error-data is no JSON")
    })
  )
})

describe("A stamped snapshot", () => {
  it.effect("says when and where it happened, and comes back with it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const made = yield* ErrorSnapshot.make(new Reasons.Timeout())
      const stamped = yield* ErrorSnapshot.stamp(made, { service: "orders", attempt: 2 }).pipe(Effect.withSpan("ship"))
      const { id, span_id, trace_id, ...rest } = stamped.occurrence!
      assert.deepStrictEqual(rest, { time: "2023-11-14T22:13:20.000Z", service: "orders", attempt: 2 })
      assert.match(id, /^[0-9a-f]{32}$/)
      assert.match(`${trace_id} ${span_id}`, /^[0-9a-f]{32} [0-9a-f]{16}$/)
      const codec = Schema.toCodecJson(ErrorSnapshot.ErrorSnapshot)
      const back = yield* Schema.decodeUnknownEffect(codec)(JSON.parse(Projection.stringify(stamped)))
      assert.deepStrictEqual(back, stamped)
      assert.deepStrictEqual(Projection.toHttp(stamped), Projection.toHttp(made))
      assert.notStrictEqual((yield* ErrorSnapshot.stamp(made)).occurrence?.id, id)
    })
  )

  it.effect("of another version is not read", () =>
    Effect.gen(function* () {
      const later = { ...ErrorSnapshot.of(new Reasons.Timeout()), schema_version: WireFormat.version + 1 }
      assert.strictEqual((yield* Effect.flip(RemoteFailure.decodeSnapshot(later)))._tag, "UndecodableRemote")
    })
  )
})
