import { NodeHttpServer } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Classifier, Failure, Identity, Reasons } from "@holdfast/core"
import { ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { Cause, Duration, Effect, ErrorReporter, Layer, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpRouter, HttpServerResponse } from "effect/http"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "HttpEdgeSoldOut",
  { sku: Schema.String, left: Schema.Int },
  { code: "biz.http_edge.sold_out", detail: ({ sku }) => `${sku} is sold out`, http: 409 }
) {}

class Bug extends Error {}

const reported: Array<unknown> = []

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/fine", HttpServerResponse.text("fine")),
  HttpRouter.add("GET", "/missing", Effect.fail(new Reasons.NotFound({ detail: "order 7" }))),
  HttpRouter.add("GET", "/sold", Effect.fail(new SoldOut({ sku: "A-1", left: 0 }))),
  HttpRouter.add("GET", "/busy", Effect.fail(new Reasons.RateLimited({ retryAfter: "1500 millis" }))),
  HttpRouter.add(
    "GET",
    "/defect",
    Effect.suspend(() => Effect.die(new Bug("marker: row 7 of ledger")))
  ),
  HttpRouter.add("GET", "/declared-defect", Effect.die(new Reasons.NotFound({ detail: "marker: row 7" }))),
  HttpRouter.add("GET", "/foreign", Effect.fail(new Bug("marker: driver said no"))),
  HttpRouter.add(
    "GET",
    "/interrupted",
    Effect.suspend(() => Effect.failCause(Cause.interrupt(7)))
  ),
  HttpRouter.add(
    "GET",
    "/huge",
    Effect.suspend(() => Effect.fail(new Reasons.NotFound({ detail: "x\n\u001b[31m".repeat(1_000_000) })))
  ),
  HttpRouter.add("GET", "/own", Effect.die(HttpServerResponse.text("own answer", { status: 418 }))),
  HttpRouter.add("GET", "/html", HttpServerResponse.html("<h1>later</h1>").pipe(HttpServerResponse.setStatus(503)))
)

const served = (edge: HttpEdge.Options, policy: ExposurePolicy.Policy) =>
  HttpRouter.serve(Layer.mergeAll(routes, HttpEdge.layer(edge)), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, policy)),
    Layer.provideMerge(ErrorReporter.layer([ErrorReporter.make(({ error }) => void reported.push(error))]))
  )

const get = (path: string, headers: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const response = yield* HttpClient.execute(HttpClientRequest.get(path, { headers }))
    return { status: response.status, headers: response.headers, body: yield* response.text }
  })

const problem = { accept: "application/problem+json" }

layer(served({}, ExposurePolicy.contract))("An HttpRouter with the edge", (it) => {
  it.effect("leaves a success alone", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* get("/fine"), { status: 200, body: "fine" })
    })
  )

  it.effect("answers a failure with the seed's JSON, byte for byte", () =>
    Effect.gen(function* () {
      const { body, headers, status } = yield* get("/missing")
      assert.strictEqual(status, 400)
      assert.strictEqual(body, Projection.stringify(Projection.toHttp(new Reasons.NotFound({ detail: "order 7" }))))
      assert.include(headers["content-type"], "application/json")
    })
  )

  it.effect("answers with problem details whoever prefers them", () =>
    Effect.gen(function* () {
      for (const accept of [
        "application/problem+json",
        "application/json;q=0.5, application/problem+json",
        "text/html, application/problem+json, */*;q=0.1"
      ]) {
        const { body, headers, status } = yield* get("/missing", { accept })
        assert.include(headers["content-type"], "application/problem+json", accept)
        assert.strictEqual(status, 400)
        assert.deepInclude(JSON.parse(body), { code: "biz.not_found", detail: "order 7", status: 400 })
      }
      for (const accept of ["*/*", "application/json", "text/html", "application/problem+json;q=0, */*", ";;q=,"]) {
        const { headers } = yield* get("/missing", { accept })
        assert.include(headers["content-type"], "application/json", accept)
      }
    })
  )

  it.effect("answers a defect, an undeclared error and an interruption without a word of their text", () =>
    Effect.gen(function* () {
      for (const path of ["/defect", "/declared-defect", "/foreign", "/interrupted"]) {
        for (const headers of [{}, problem]) {
          const { body, status } = yield* get(path, headers)
          assert.isAtLeast(status, 500, path)
          assert.notInclude(body, "marker", path)
          assert.strictEqual((JSON.parse(body) as { status: number }).status, status, path)
        }
      }
    })
  )

  it.effect("answers a route that does not exist, under any policy, with 404", () =>
    Effect.gen(function* () {
      const { body, status } = yield* get("/nowhere/<script>")
      assert.strictEqual(status, 404)
      assert.deepInclude(JSON.parse(body), { status: 404, code: "biz.not_found" })
      assert.notInclude(body, "script")
    })
  )

  it.effect("answers a huge failure with a short answer on one line", () =>
    Effect.gen(function* () {
      const { body, status } = yield* get("/huge")
      assert.strictEqual(status, 400)
      assert.isBelow(body.length, 80_000)
      for (const char of ["\n", "\u001b"]) assert.notInclude(body, char)
    })
  )

  it.effect("lets an error that brings its own answer give that", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* get("/own"), { status: 418, body: "own answer" })
    })
  )

  it.effect("gives the request back its own name, or a new one, and never one that could forge a header", () =>
    Effect.gen(function* () {
      const named = yield* get("/missing", { "x-correlation-id": "req-7" })
      assert.strictEqual(named.headers["x-correlation-id"], "req-7")
      const [one, two] = [yield* get("/missing"), yield* get("/missing", { "x-correlation-id": "a b\tc" })]
      for (const { headers } of [one, two]) assert.match(headers["x-correlation-id"] ?? "", /^[0-9a-f]{32}$/)
      assert.notStrictEqual(one.headers["x-correlation-id"], two.headers["x-correlation-id"])
    })
  )

  it.effect("reports what happened to the error reporters, but no interruption", () =>
    Effect.gen(function* () {
      reported.length = 0
      yield* get("/defect")
      yield* get("/interrupted")
      assert.deepStrictEqual(
        reported.map((error) => (error as Error).message),
        ["marker: row 7 of ledger"]
      )
    })
  )
})

const rich: HttpEdge.Options = {
  prefer: "problem",
  typeBase: "https://errors.example.org/",
  carry: "public",
  correlationHeader: "X-Request-Id",
  titles: {
    de: { "biz.not_found": "Nicht gefunden", "http.500": "interner Fehler" },
    fr: { "biz.not_found": "introuvable" }
  }
}

layer(served(rich, ExposurePolicy.standard))("An HttpRouter with a richer edge", (it) => {
  it.effect("says when to come back", () =>
    Effect.gen(function* () {
      const { headers, status } = yield* get("/busy")
      assert.strictEqual(status, 429)
      assert.strictEqual(headers["retry-after"], "2")
      assert.notProperty((yield* get("/missing")).headers, "retry-after")
    })
  )

  it.effect("speaks the caller's language where it can, and says which it speaks", () =>
    Effect.gen(function* () {
      const german = yield* get("/missing", { "accept-language": "de-AT, en;q=0.5" })
      assert.strictEqual(german.headers["content-language"], "de")
      assert.deepInclude(JSON.parse(german.body), { title: "Nicht gefunden", code: "biz.not_found" })
      const french = yield* get("/missing", { "accept-language": "de;q=0.2, fr" })
      assert.deepInclude(JSON.parse(french.body), { title: "introuvable" })
      const generic = yield* get("/defect", { "accept-language": "de" })
      assert.deepInclude(JSON.parse(generic.body), { title: "interner Fehler" })
      const other = yield* get("/missing", { "accept-language": "ja" })
      assert.notProperty(other.headers, "content-language")
      assert.deepInclude(JSON.parse(other.body), { title: "not found error" })
    })
  )

  it.effect("gives the client the declared class, so that catchTag works across the wire", () =>
    Effect.gen(function* () {
      const client = HttpEdge.client(yield* HttpClient.HttpClient, [SoldOut, Reasons.NotFound])
      const caught = yield* client.get("/sold").pipe(
        Effect.map(() => "no failure"),
        Effect.catchTag("HttpEdgeSoldOut", ({ left, sku }) => Effect.succeed(`${sku}: ${left}`))
      )
      assert.strictEqual(caught, "A-1: 0")
      const missing = yield* Effect.flip(client.get("/missing"))
      assert.instanceOf(missing, Reasons.NotFound)
      assert.strictEqual(Identity.of(missing).detail, "order 7")
    })
  )

  it.effect("gives a client that knows no class the code, and everybody the pause", () =>
    Effect.gen(function* () {
      const client = HttpEdge.client(yield* HttpClient.HttpClient)
      const sold = yield* Effect.flip(client.get("/sold"))
      assert.strictEqual(Identity.of(sold).code, "biz.http_edge.sold_out")
      const busy = yield* Effect.flip(client.get("/busy"))
      assert.deepStrictEqual(Classifier.retryAfterOf(busy), Duration.millis(1500))
      assert.strictEqual(Classifier.classify(busy).retry, "transient")
    })
  )

  it.effect("gives the client a typed failure for a body that nobody of ours wrote", () =>
    Effect.gen(function* () {
      const client = HttpEdge.client(yield* HttpClient.HttpClient)
      const failure = yield* Effect.flip(client.get("/html"))
      assert.instanceOf(failure, RemoteFailure.UndecodableRemote)
      assert.deepInclude(failure, { status: 503, excerpt: "<h1>later</h1>" })
      assert.strictEqual(Classifier.classify(failure).retry, "transient")
    })
  )

  it.effect("leaves a success to the client", () =>
    Effect.gen(function* () {
      const client = HttpEdge.client(yield* HttpClient.HttpClient, [SoldOut])
      assert.strictEqual(yield* Effect.flatMap(client.get("/fine"), ({ text }) => text), "fine")
    })
  )
})
