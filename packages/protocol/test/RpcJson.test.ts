import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { ExposurePolicy, RemoteFailure } from "@holdfast/protocol"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { assertNothingLeaks } from "@holdfast/protocol/testing"
import { Effect, Layer, Schema } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { Rpc, RpcClient, RpcGroup, type RpcSerialization, RpcServer } from "effect/rpc"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "RpcJsonSoldOut",
  { sku: Schema.String },
  { code: "biz.rpc_json.sold_out" }
) {}

class Shop extends RpcGroup.make(
  Rpc.make("order", {
    payload: { sku: Schema.String },
    success: Schema.String,
    error: Schema.Union([SoldOut, Reasons.ValidationError])
  }),
  Rpc.make("ship", { payload: { sku: Schema.String }, success: Schema.String })
).middleware(RpcEdge.Failures) {}

const handlers = Shop.toLayer({
  order: ({ sku }) =>
    sku === "ok"
      ? Effect.succeed(sku)
      : sku === ""
        ? Effect.fail(new Reasons.ValidationError({ detail: "sku is empty" }))
        : Effect.fail(new SoldOut({ sku })),
  ship: ({ sku }) => {
    switch (sku) {
      case "bug":
        return Effect.die(new Error("marker"))
      case "later":
        return Effect.fail(new Reasons.Unimplemented() as never)
      case "limited":
        return Effect.fail(new Reasons.RateLimited({ detail: "7 a second" }) as never)
      default:
        return Effect.fail(new Reasons.Timeout({ detail: "marker" }) as never)
    }
  }
})

const serializations = {
  JSON: RpcEdge.layerJsonRpc(),
  "lines of JSON": RpcEdge.layerNdJsonRpc()
}

const served = (serialization: Layer.Layer<RpcSerialization.RpcSerialization>) =>
  HttpRouter.serve(
    RpcServer.layerHttp({ group: Shop, path: "/rpc", protocol: "http" }).pipe(
      Layer.provide(Layer.mergeAll(handlers, RpcEdge.layer())),
      Layer.provide(serialization)
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard))
  )

const address = Effect.map(
  HttpServer.HttpServer,
  ({ address }) => `${HttpServer.formatAddress(address).replace(/\[::\]|0\.0\.0\.0/, "127.0.0.1")}/rpc`
)

interface Answer {
  readonly jsonrpc: "2.0"
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly code: unknown; readonly message: unknown; readonly data?: unknown }
}

/** What comes back on the wire for these requests. */
const asked = (...requests: ReadonlyArray<object>) =>
  Effect.gen(function* () {
    const url = yield* address
    const body = requests.length === 1 ? JSON.stringify(requests[0]) : JSON.stringify(requests)
    const answer = yield* Effect.promise(() =>
      fetch(url, { method: "POST", body: `${body}\n` }).then((response) => response.text())
    )
    const answers = answer
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => [JSON.parse(line) as Answer | Array<Answer>].flat())
    return { text: answer, answers: answers.toSorted((one, other) => one.id - other.id) }
  })

const call = (id: number, method: string, sku: string) => ({ jsonrpc: "2.0", id, method, params: { sku } })

for (const [name, serialization] of Object.entries(serializations)) {
  describe(`An RPC server that speaks JSON-RPC in ${name}`, () => {
    it.effect("sends errors that are those of JSON-RPC 2.0, by the table", () =>
      Effect.gen(function* () {
        for (const [method, sku, code, message] of [
          ["order", "A-1", -32_000, "RpcJsonSoldOut"],
          ["order", "", -32_602, "sku is empty"],
          ["ship", "bug", -32_603, "internal error"],
          ["ship", "later", -32_601, "not implemented"],
          ["ship", "limited", -32_000, "7 a second"],
          ["ship", "slow", -32_000, "timed out"]
        ] as const) {
          const { answers, text } = yield* asked(call(7, method, sku))
          assert.strictEqual(answers.length, 1)
          assert.deepInclude(answers[0], { jsonrpc: "2.0", id: 7 })
          assert.notProperty(answers[0], "result")
          assert.deepStrictEqual([answers[0]?.error?.code, answers[0]?.error?.message], [code, message], text)
          assertNothingLeaks(text, ["marker"])
        }
      }).pipe(Effect.provide(served(serialization)))
    )

    it.effect("answers a batch, whichever of its calls fail", () =>
      Effect.gen(function* () {
        const { answers } = yield* asked(call(1, "order", "A-1"), call(2, "order", "ok"), call(3, "ship", "later"))
        assert.deepStrictEqual(
          answers.map(({ error, result }) => result ?? error?.code),
          [-32_000, "ok", -32_601]
        )
      }).pipe(Effect.provide(served(serialization)))
    )

    it.effect("says the same to a client of Effect as ever", () =>
      Effect.gen(function* () {
        const client = yield* RpcEdge.client(Shop, [Reasons.RateLimited])
        assert.strictEqual(yield* client.order({ sku: "ok" }), "ok")
        const sold = yield* Effect.flip(client.order({ sku: "A-1" }))
        assert.instanceOf(sold, SoldOut)
        assert.strictEqual(sold.sku, "A-1")
        assert.instanceOf(yield* Effect.flip(client.ship({ sku: "limited" })), Reasons.RateLimited)
        const bug = yield* Effect.flip(client.ship({ sku: "bug" }))
        assert.instanceOf(bug, RemoteFailure.RemoteFailure)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.unwrap(Effect.map(address, (url) => RpcClient.layerProtocolHttp({ url }))).pipe(
            Layer.provide([FetchHttpClient.layer, serialization])
          )
        ),
        Effect.provide(served(serialization))
      )
    )
  })
}
