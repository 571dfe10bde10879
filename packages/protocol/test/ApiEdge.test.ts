import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Failure, Identity, Reasons } from "@holdfast/core"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { HttpEdge } from "@holdfast/protocol/http"
import { Effect, Layer, Schema } from "effect"
import { HttpBody, HttpClient, HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "ApiSoldOut",
  { sku: Schema.String, left: Schema.Int, card: Failure.sensitive(Schema.String) },
  {
    code: "biz.api.sold_out",
    http: 409,
    detail: ({ sku }) => `${sku} is sold out`,
    hints: { client: ["take another"] }
  }
) {}

class LedgerGone extends Failure.Tagged<LedgerGone>()(
  "ApiLedgerGone",
  { table: Schema.String },
  { code: "sys.api.ledger_gone", detail: "marker: /dev/sda1", retry: "transient" }
) {}

const Api = HttpApi.make("Shop").add(
  HttpApiGroup.make("orders").add(
    HttpApiEndpoint.post("order", "/orders", {
      payload: Schema.Struct({ sku: Schema.String, count: Schema.Int }),
      success: Schema.String,
      error: [ApiEdge.problem(SoldOut), ApiEdge.problem(LedgerGone), ApiEdge.problem(Reasons.NotFound)]
    })
  )
)

const handlers = HttpApiBuilder.group(Api, "orders", (handlers) =>
  Effect.succeed(
    handlers.handleAll({
      order: ({ payload: { sku } }) => {
        switch (sku) {
          case "gone":
            return Effect.fail(new LedgerGone({ table: "orders", retryAfter: "2 seconds", detail: "marker: /dev/sdb" }))
          case "none":
            return Effect.fail(new Reasons.NotFound({ detail: "no such sku" }))
          case "bug":
            return Effect.die(new Error("marker: bug"))
          default:
            return Effect.fail(
              new SoldOut({ sku, left: 0, card: "4111-secret-card", detail: "paid with 4111-secret-card" })
            )
        }
      }
    })
  )
)

const served = HttpRouter.serve(
  Layer.mergeAll(HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers)), HttpEdge.layer({ prefer: "problem" })),
  { disableLogger: true, disableListenLog: true }
).pipe(Layer.provideMerge(NodeHttpServer.layerTest))

const order = (sku: string) =>
  Effect.gen(function* () {
    const client = yield* HttpApiClient.make(Api)
    return yield* client.orders.order({ payload: { sku, count: 1 } })
  })

const posted = (body: string) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const response = yield* client.post("/orders", {
      headers: { "content-type": "application/json" },
      body: HttpBody.text(body, "application/json")
    })
    const text = yield* response.text
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: JSON.parse(text) as Record<string, unknown>
    }
  })

layer(served)("An HttpApi with declared failures", (it) => {
  it.effect("gives its client the declared class", () =>
    Effect.gen(function* () {
      const sold = yield* order("A-1").pipe(
        Effect.catchTag("ApiSoldOut", ({ left, sku }) => Effect.succeed(`${sku}: ${left}`))
      )
      assert.strictEqual(sold, "A-1: 0")
      const missing = yield* Effect.flip(order("none"))
      assert.instanceOf(missing, Reasons.NotFound)
      assert.strictEqual(Identity.of(missing).detail, "no such sku")
      const gone = yield* Effect.flip(order("gone"))
      assert.instanceOf(gone, LedgerGone)
      assert.strictEqual(gone.table, "orders")
    })
  )

  it.effect("answers with problem details of the declared status", () =>
    Effect.gen(function* () {
      const { headers, json, status, text } = yield* posted(`{"sku":"A-1","count":1}`)
      assert.strictEqual(status, 409)
      assert.include(headers["content-type"], "application/problem+json")
      assert.deepInclude(json, {
        type: "urn:failure:biz.api.sold_out",
        title: "sold out",
        status: 409,
        code: "biz.api.sold_out",
        hints: ["take another"],
        detail: "paid with <redacted>"
      })
      assert.notInclude(text, "4111-secret")
    })
  )

  it.effect("shows nothing internal of an internal failure", () =>
    Effect.gen(function* () {
      const { json, status, text } = yield* posted(`{"sku":"gone","count":1}`)
      assert.strictEqual(status, 503)
      assert.deepInclude(json, { title: "temporarily unavailable", retryable: true, retry_after_ms: 2000 })
      assert.notInclude(text, "marker")
    })
  )

  it.effect("answers a defect as a problem without a word of its text", () =>
    Effect.gen(function* () {
      const { json, status, text } = yield* posted(`{"sku":"bug","count":1}`)
      assert.strictEqual(status, 500)
      assert.notInclude(text, "marker")
      assert.deepInclude(json, { code: "logic.internal_invariant_broken" })
    })
  )

  it.effect("says what is wrong with a request, piece by piece", () =>
    Effect.gen(function* () {
      const { json, status } = yield* posted(`{"sku":7}`)
      assert.strictEqual(status, 400)
      assert.strictEqual(json["code"], "biz.validation_error")
      assert.deepInclude(json["violations"] as ReadonlyArray<unknown>, {
        path: "sku",
        code: "invalid_type",
        message: "has the wrong type"
      })
    })
  )
})

describe("The OpenAPI document", () => {
  it("shows each declared failure with its status, its code and its fields", () => {
    const document = OpenApi.fromApi(Api)
    const responses = document.paths["/orders"]!.post!.responses
    for (const [status, name] of [
      ["409", "ApiSoldOut"],
      ["503", "ApiLedgerGone"],
      ["404", "NotFound"]
    ] as const) {
      const content = responses[status as never] as { readonly content: Record<string, unknown> }
      assert.property(content.content, "application/problem+json")
      const text = JSON.stringify(document)
      assert.include(text, `"${name}Problem"`)
    }
    assert.include(JSON.stringify(document.components.schemas["ApiSoldOutProblem"]), "biz.api.sold_out")
    for (const field of ["sku", "left", "card"]) {
      assert.include(JSON.stringify(document.components.schemas), `"${field}":{"type"`)
    }
  })
})
