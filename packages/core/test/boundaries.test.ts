/** A declared failure as an error of Effect's own boundaries, without anything of Holdfast in between. */
import { assert, describe, it } from "@effect/vitest"
import { Failure } from "@holdfast/core"
import { Effect, Layer, Schema } from "effect"
import { HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiTest } from "effect/http-api"
import { Rpc, RpcGroup, RpcTest } from "effect/rpc"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "BoundarySoldOut",
  { sku: Schema.String, token: Failure.sensitive(Schema.String) },
  { code: "biz.boundary.sold_out", retry: "throttled" }
) {}

const soldOut = new SoldOut({
  sku: "A-1",
  token: "hunter2-SECRET",
  retryAfter: "2 seconds",
  cause: new Error("internal")
})

const check = (error: SoldOut): void => {
  assert.instanceOf(error, SoldOut)
  assert.deepInclude(error, { sku: "A-1", token: "<redacted>" })
  assert.strictEqual(Failure.detailOf(error), null)
  assert.isUndefined(error.cause)
}

describe("a declared failure", () => {
  it.effect("is an error of an HttpApi endpoint, and is caught as its class by the client", () => {
    const api = HttpApi.make("shop").add(
      HttpApiGroup.make("orders").add(
        HttpApiEndpoint.get("order", "/order", { success: Schema.String, error: SoldOut })
      )
    )
    const handlers = HttpApiBuilder.group(api, "orders", (group) => group.handle("order", () => Effect.fail(soldOut)))
    return Effect.gen(function* () {
      const client = yield* HttpApiTest.groups(api, ["orders"])
      check(yield* Effect.flip(client.orders.order()).pipe(Effect.map((error) => error as SoldOut)))
      const caught = client.orders.order().pipe(Effect.catchTag("BoundarySoldOut", ({ sku }) => Effect.succeed(sku)))
      assert.strictEqual(yield* caught, "A-1")
    }).pipe(Effect.provide(Layer.mergeAll(handlers, HttpServer.layerServices)), Effect.scoped)
  })

  it.effect("is an error of an Rpc, and is caught as its class by the client", () => {
    const group = RpcGroup.make(Rpc.make("order", { success: Schema.String, error: SoldOut }))
    const handlers = group.toLayer({ order: () => Effect.fail(soldOut) })
    return Effect.gen(function* () {
      const client = yield* RpcTest.makeClient(group)
      const caught = client.order().pipe(Effect.catchTag("BoundarySoldOut", ({ sku }) => Effect.succeed(sku)))
      assert.strictEqual(yield* caught, "A-1")
    }).pipe(Effect.provide(handlers), Effect.scoped)
  })
})
