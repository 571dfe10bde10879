import { NodeHttpServer } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Classifier, Failure, Identity, Reasons } from "@holdfast/core"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { Cause, Duration, Effect, Layer, Schema } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "RpcSoldOut",
  { sku: Schema.String },
  { code: "biz.rpc.sold_out", detail: ({ sku }) => `${sku} is sold out` }
) {}

class LedgerGone extends Failure.Tagged<LedgerGone>()(
  "RpcLedgerGone",
  { table: Schema.String, key: Failure.sensitive(Schema.String) },
  { code: "sys.rpc.ledger_gone" }
) {}

class OrderError extends Failure.Layered<OrderError>()("RpcOrderError", [LedgerGone]) {}

class Orders extends RpcGroup.make(
  Rpc.make("order", {
    payload: { sku: Schema.String },
    success: Schema.String,
    error: Schema.Union([SoldOut, LedgerGone, OrderError])
  })
).middleware(RpcEdge.Failures) {}

const gone = () => new LedgerGone({ table: "orders", key: "marker-key", detail: "marker: /dev/sda1" })

const handlers = Orders.toLayer({
  order: ({ sku }) => {
    switch (sku) {
      case "fine":
        return Effect.succeed("ordered")
      case "bug":
        return Effect.die(new Error("marker: row 7"))
      case "declared":
        return Effect.die(new Reasons.NotFound({ detail: "marker: row 7" }))
      case "stop":
        return Effect.failCause(Cause.interrupt(7))
      case "undeclared":
        return Effect.fail(new Reasons.Timeout({ retryAfter: "2 seconds" }) as never)
      case "gone":
        return Effect.fail(gone())
      case "layers":
        return Effect.fail(OrderError.from(gone()))
      case "secret":
        return Effect.fail(new SoldOut({ sku: "A-1", detail: "paid with marker-key", cause: gone() }))
      default:
        return Effect.fail(new SoldOut({ sku }))
    }
  }
})

const served = HttpRouter.serve(
  RpcServer.layerHttp({ group: Orders, path: "/rpc", protocol: "http" }).pipe(
    Layer.provide(Layer.mergeAll(handlers, RpcEdge.layer())),
    Layer.provide(RpcSerialization.layerJson)
  ),
  { disableLogger: true, disableListenLog: true }
).pipe(Layer.provideMerge(NodeHttpServer.layerTest))

const client = Layer.unwrap(
  Effect.map(HttpServer.HttpServer, ({ address }) =>
    RpcClient.layerProtocolHttp({
      url: `${HttpServer.formatAddress(address).replace(/\[::\]|0\.0\.0\.0/, "127.0.0.1")}/rpc`
    })
  )
).pipe(Layer.provide([RpcSerialization.layerJson, FetchHttpClient.layer]), Layer.provideMerge(served))

const order = (sku: string) => Effect.scoped(Effect.flatMap(RpcClient.make(Orders), (client) => client.order({ sku })))

layer(client)("An RPC group with the edge", (it) => {
  it.effect("leaves a success alone", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* order("fine"), "ordered")
    })
  )

  it.effect("gives the client the declared class", () =>
    Effect.gen(function* () {
      const caught = yield* order("A-1").pipe(Effect.catchTag("RpcSoldOut", ({ sku }) => Effect.succeed(sku)))
      assert.strictEqual(caught, "A-1")
    })
  )

  it.effect("gives it the fields of an internal failure, and neither its detail nor a secret", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(order("gone"))
      assert.instanceOf(failure, LedgerGone)
      assert.deepStrictEqual([failure.table, failure.key, failure.detail], ["orders", "<redacted>", undefined])
      const layered = yield* Effect.flip(order("layers"))
      assert.instanceOf(layered, OrderError)
      assert.strictEqual(layered.reason.table, "orders")
      const sold = yield* Effect.flip(order("secret"))
      assert.strictEqual(Identity.of(sold).detail, "paid with <redacted>")
      for (const one of [failure, layered, sold]) assert.notInclude(JSON.stringify(one), "marker")
    })
  )

  it.effect("gives it a remote failure for anything else, without a word of a defect's text", () =>
    Effect.gen(function* () {
      for (const [sku, code] of [
        ["bug", "logic.internal_invariant_broken"],
        ["declared", "biz.not_found"],
        ["stop", "sys.cancelled"]
      ] as const) {
        const cause = yield* Effect.flip(Effect.sandbox(order(sku)))
        assert.notInclude(JSON.stringify(cause), "marker", sku)
        const failure = yield* Effect.flip(order(sku))
        assert.strictEqual(failure._tag, "RemoteFailure", sku)
        assert.strictEqual(Identity.of(failure).code, code)
      }
    })
  )

  it.effect("keeps the pause of a failure that the procedure did not declare", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(order("undeclared"))
      assert.strictEqual(Identity.of(failure).code, "sys.timeout")
      assert.deepStrictEqual(Classifier.retryAfterOf(failure), Duration.seconds(2))
      assert.strictEqual(Classifier.classify(failure).retry, "transient")
    })
  )
})
