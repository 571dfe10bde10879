import { NodeHttpServer } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { ExposurePolicy, LogEdge } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { Effect, Layer, Logger, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"

const Order = Schema.Struct({
  sku: Schema.String,
  count: Schema.Int.check(Schema.isGreaterThan(0)),
  to: Schema.Struct({ street: Schema.String }),
  notes: Schema.Record(Schema.String, Schema.Int)
})

const ok = () => HttpServerResponse.text("fine")

const stored = Schema.decodeUnknownEffect(Schema.Struct({ row: Schema.Int }))({ row: "marker" })

const Api = HttpApi.make("Requests").add(
  HttpApiGroup.make("orders")
    .add(HttpApiEndpoint.post("order", "/api/orders", { payload: Order, success: Schema.String }))
    .add(
      HttpApiEndpoint.post("upload", "/api/upload", {
        payload: HttpApiSchema.StreamUint8Array({ maxBytes: 8 }),
        success: Schema.String
      })
    )
)

const handlers = HttpApiBuilder.group(Api, "orders", (handlers) =>
  Effect.succeed(handlers.handleAll({ order: () => Effect.succeed("fine"), upload: () => Effect.succeed("fine") }))
)

const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers)),
  HttpRouter.add("POST", "/orders", Effect.map(HttpServerRequest.schemaBodyJson(Order), ok)),
  HttpRouter.add(
    "POST",
    "/form",
    Effect.map(HttpServerRequest.schemaBodyUrlParams(Schema.Struct({ a: Schema.String })), ok)
  ),
  HttpRouter.add(
    "GET",
    "/headers",
    Effect.map(HttpServerRequest.schemaHeaders(Schema.Struct({ "x-shop": Schema.String })), ok)
  ),
  HttpRouter.add(
    "GET",
    "/cookies",
    Effect.map(HttpServerRequest.schemaCookies(Schema.Struct({ shop: Schema.String })), ok)
  ),
  HttpRouter.add(
    "GET",
    "/search",
    Effect.map(HttpServerRequest.schemaSearchParams(Schema.Struct({ q: Schema.String })), ok)
  ),
  HttpRouter.add(
    "GET",
    "/orders/:id",
    Effect.map(HttpRouter.schemaPathParams(Schema.Struct({ id: Schema.FiniteFromString })), ok)
  ),
  HttpRouter.add("GET", "/stored", Effect.orDie(Effect.map(stored, ok))),
  HttpRouter.add("GET", "/teapot", HttpServerResponse.text("short and stout", { status: 415 }))
)

const lines: Array<string> = []

const served = HttpRouter.serve(Layer.mergeAll(routes, HttpEdge.layer({ prefer: "problem" })), {
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.provideMerge(NodeHttpServer.layerTest),
  Layer.provideMerge(LogEdge.reporting),
  Layer.provideMerge(Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])),
  Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard))
)

interface Problem {
  readonly code: string
  readonly instance?: string
  readonly detail?: string
  readonly violations?: ReadonlyArray<{ readonly path: string; readonly code: string; readonly message: string }>
}

const sent = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    lines.length = 0
    const response = yield* HttpClient.execute(request)
    const text = yield* response.text
    const json = text.startsWith("{") ? (JSON.parse(text) as Problem) : undefined
    return { status: response.status, headers: response.headers, text, json }
  })

const post = (path: string, body: string, type = "application/json") =>
  sent(HttpClientRequest.post(path).pipe(HttpClientRequest.bodyText(body, type)))

const bad = JSON.stringify({ sku: 7, count: -1, to: { street: ["hunter2"] }, notes: { hunter2: "hunter2" } })

layer(served)("A request that does not decode", (it) => {
  it.effect("is answered piece by piece, whichever way it was decoded", () =>
    Effect.gen(function* () {
      for (const [request, path] of [
        [HttpClientRequest.get("/headers"), "x-shop"],
        [HttpClientRequest.get("/cookies"), "shop"],
        [HttpClientRequest.get("/search"), "q"],
        [HttpClientRequest.get("/orders/seven"), "id"],
        [HttpClientRequest.post("/form").pipe(HttpClientRequest.bodyUrlParams({ b: "hunter2" })), "a"]
      ] as const) {
        const { json, status, text } = yield* sent(request)
        assert.deepStrictEqual([status, json?.code], [422, "biz.validation_error"], request.url)
        assert.deepStrictEqual(
          json?.violations?.map((violation) => violation.path),
          [path]
        )
        assert.notInclude(text, "hunter2")
        assert.notInclude(text, "seven")
      }
    })
  )

  it.effect("repeats no value, and keeps the status of the policy", () =>
    Effect.gen(function* () {
      const { json, status, text } = yield* post("/orders", `{"sku":7,"count":1,"to":{"street":"x"},"notes":{}}`)
      assert.strictEqual(status, 422)
      assert.notProperty(json, "detail")
      assert.deepStrictEqual(json?.violations, [{ path: "sku", code: "invalid_type", message: "has the wrong type" }])
      assert.notInclude(text, "7,")
      const second = yield* post("/orders", bad)
      assert.strictEqual(second.status, 422)
      assert.isNotEmpty(second.json?.violations)
      assert.notInclude(second.text.replaceAll("notes.hunter2", ""), "hunter2")
    })
  )

  it.effect("says no more than 64 things, each of them short", () =>
    Effect.gen(function* () {
      const notes = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${"k".repeat(2000)}${i}`, "x"]))
      const body = JSON.stringify({ sku: "a", count: 1, to: { street: "x" }, notes })
      const { json, text } = yield* post("/orders", body)
      assert.isAtMost(json?.violations?.length ?? 0, 64)
      assert.isBelow(text.length, 100_000)
    })
  )

  it.effect("is not what a bug is: what a program cannot decode of its own stays inside", () =>
    Effect.gen(function* () {
      const { json, status, text } = yield* sent(HttpClientRequest.get("/stored"))
      assert.strictEqual(status, 500)
      assert.notProperty(json, "violations")
      assert.notInclude(text, "row")
    })
  )
})

layer(served)("What HttpApi answers by itself", (it) => {
  it.effect("is a problem with a name, like any other answer", () =>
    Effect.gen(function* () {
      for (const [name, answer, status, code] of [
        ["another content type", post("/api/orders", "<a/>", "text/xml"), 415, "biz.validation_error"],
        [
          "a body that is too large",
          post("/api/upload", "x".repeat(100), "application/octet-stream"),
          413,
          "biz.payload_too_large"
        ],
        ["a body that does not decode", post("/api/orders", bad), 400, "biz.validation_error"],
        ["a body that is no JSON", post("/api/orders", "{"), 400, "biz.validation_error"],
        ["a route that is not there", sent(HttpClientRequest.get("/api/nowhere")), 404, "biz.not_found"]
      ] as const) {
        const { headers, json, status: given } = yield* answer
        assert.deepStrictEqual([given, json?.code], [status, code], name)
        assert.include(headers["content-type"], "application/problem+json", name)
        assert.match(json?.instance ?? "", /^urn:occurrence:[0-9a-f]{32}$/, name)
        assert.property(headers, "x-correlation-id", name)
        // A route that is not there is whoever calls it's own affair; the rest is logged as it is on a plain route.
        const heard = lines.map(
          (line) => JSON.parse(line) as { readonly level: string; readonly occurrence_id: string }
        )
        assert.deepStrictEqual(
          heard.map(({ level, occurrence_id }) => [level, `urn:occurrence:${occurrence_id}`]),
          status === 404 ? [] : [["INFO", json?.instance]],
          name
        )
      }
    })
  )

  it.effect("is told from an answer of the program's own", () =>
    Effect.gen(function* () {
      const { status, text } = yield* sent(HttpClientRequest.get("/teapot"))
      assert.deepStrictEqual([status, text], [415, "short and stout"])
    })
  )
})
