import { assert, describe, it } from "@effect/vitest"
import { Classifier, ConfigError, Failure, InternalError, ProtocolError, TransportError } from "@holdfast/core"
import { Effect, Schema } from "effect"

class ExportError extends Failure.Layered<ExportError>()("ExportError", [
  ConfigError.ConfigError,
  TransportError.TransportError,
  ProtocolError.ProtocolError,
  InternalError.InternalError
]) {}

const refused = () => new TransportError.ConnectionRefused({ endpoint: "http://127.0.0.1:4318" })

describe("Failure.Layered", () => {
  it.effect("wraps a leaf in as many layers as it needs, and can be caught at each of them", () =>
    Effect.gen(function* () {
      const failing: Effect.Effect<never, ExportError> = ExportError.from(refused())
      assert.strictEqual(
        yield* Effect.catchTag(failing, "ExportError", (e) => Effect.succeed(e.reason._tag)),
        "TransportError"
      )
      assert.strictEqual(
        yield* Effect.catchReason(failing, "ExportError", "TransportError", (t) => Effect.succeed(t.reason._tag)),
        "ConnectionRefused"
      )
      const leaf = yield* failing.pipe(
        Effect.unwrapReason("ExportError"),
        Effect.catchTag("TransportError", (t) => Effect.fail(t)),
        Effect.unwrapReason("TransportError"),
        Effect.catchTag("ConnectionRefused", (c) => Effect.succeed(c.endpoint))
      )
      assert.strictEqual(leaf, "http://127.0.0.1:4318")
    })
  )

  it("keeps the leaf's classification, detail and cause at every depth", () => {
    const cause = new Error("why")
    const error = ExportError.from(new TransportError.ConnectionLost({ endpoint: "e", cause }))
    assert.strictEqual(Classifier.classify(error), TransportError.ConnectionLost.declared)
    assert.strictEqual(error.message, "connection lost: e closed the connection without an answer")
    assert.strictEqual(error.cause, cause)
    assert.strictEqual(Failure.leafOf(error)._tag, "ConnectionLost")
  })

  it("is told apart from others in a union, on the wire, too", () => {
    const Either = Schema.Union([ConfigError.InvalidValue, TransportError.ConnectionRefused, ExportError])
    const codec = Schema.toCodecJson(Either)
    for (const failure of [
      refused(),
      ExportError.from(refused()),
      new ConfigError.InvalidValue({ path: "a", expected: "b" })
    ]) {
      const back = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(failure))))
      assert.strictEqual(back._tag, failure._tag)
      assert.strictEqual(back.message, failure.message)
    }
  })

  it("survives JSON", () => {
    const codec = Schema.toCodecJson(ExportError)
    const back = Schema.decodeUnknownSync(codec)(
      JSON.parse(JSON.stringify(Schema.encodeSync(codec)(ExportError.from(refused()))))
    )
    assert.instanceOf(back, ExportError)
    assert.strictEqual(Classifier.classify(back).code, "sys.connection_refused")
  })
})
