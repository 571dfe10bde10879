import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { ExposurePolicy, LogEdge, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Effect, Layer, Logger, Schema } from "effect"
import { HttpClient, HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"

class Broken extends Failure.Tagged<Broken>()(
  "BareBroken",
  { file: Schema.String, dsn: Failure.sensitive(Schema.String) },
  { code: "conf.bare.broken", http: 503 }
) {}

class Other extends Schema.TaggedError<Other>()("BareOther", { why: Schema.String }, { httpApiStatus: 418 }) {}

const Api = HttpApi.make("Shop").add(
  HttpApiGroup.make("orders").add(
    HttpApiEndpoint.get("bare", "/bare", {
      success: Schema.String,
      error: [Broken, Other, ApiEdge.problem(Reasons.NotFound)]
    })
  )
)

const failing = (which: string) => {
  switch (which) {
    case "other":
      return new Other({ why: "short" })
    case "problem":
      return new Reasons.NotFound({ detail: "order 7" })
    default:
      return new Broken({ file: "/etc/x", dsn: "hunter2-dsn", detail: "internal: hunter2-dsn" })
  }
}

const lines: Array<string> = []

const messages = () => lines.map((line) => JSON.parse(line) as { readonly level: string; readonly message: string })

const served = (api: typeof Api, which: string) => {
  const handlers = HttpApiBuilder.group(api, "orders", (handlers) => handlers.handle("bare", () => failing(which)))
  return HttpRouter.serve(
    Layer.mergeAll(HttpApiBuilder.layer(api).pipe(Layer.provide(handlers)), HttpEdge.layer({ prefer: "problem" })),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(LogEdge.reporting),
    Layer.provideMerge(Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])),
    Layer.provideMerge(ExposurePolicy.layer(ExposurePolicy.standard))
  )
}

const got = Effect.gen(function* () {
  const response = yield* HttpClient.get("/bare?q=1", { headers: { "x-correlation-id": "req-7" } })
  return { status: response.status, headers: response.headers, text: yield* response.text }
})

const called = (api: typeof Api) =>
  Effect.flatMap(HttpApiClient.make(api), (client) => Effect.flip(client.orders.bare({})))

describe("A class that an endpoint declares as it is", () => {
  it.effect("has the headers of the edge, and is a warning, once", () =>
    Effect.gen(function* () {
      lines.length = 0
      const { headers, status, text } = yield* got
      yield* got
      assert.strictEqual(status, 503)
      assert.deepInclude(headers, {
        "x-correlation-id": "req-7",
        "cache-control": "no-store",
        vary: "accept, accept-language"
      })
      assert.strictEqual((JSON.parse(text) as { readonly _tag: string })._tag, "BareBroken")
      assert.notInclude(text, "hunter2")
      assert.deepStrictEqual(
        messages().filter(({ level }) => level === "WARN"),
        messages().filter(({ message }) => message.startsWith("GET /bare answers with the bare class BareBroken"))
      )
      assert.instanceOf(yield* called(Api), Broken)
    }).pipe(Effect.provide(served(Api, "broken")))
  )

  it.effect("is told from other errors, and from problems", () =>
    Effect.gen(function* () {
      lines.length = 0
      const { headers, status } = yield* got.pipe(Effect.provide(served(Api, "other")))
      assert.strictEqual(status, 418)
      assert.notProperty(headers, "cache-control")
      const problem = yield* got.pipe(Effect.provide(served(Api, "problem")))
      assert.strictEqual(problem.headers["vary"], "accept, accept-language")
      assert.deepStrictEqual(
        messages().filter(({ level }) => level === "WARN"),
        []
      )
    })
  )
})

describe("ApiEdge.api", () => {
  const told = ApiEdge.api(Api, { typeBase: "https://errors.example.org/" })

  it.effect("makes problems of the classes that endpoints declare as they are", () =>
    Effect.gen(function* () {
      const { headers, status, text } = yield* got
      assert.strictEqual(status, 503)
      assert.include(headers["content-type"], "application/problem+json")
      assert.deepInclude(JSON.parse(text), {
        type: "https://errors.example.org/conf.bare.broken",
        code: "conf.bare.broken",
        status: 503
      })
      assert.notInclude(text, "hunter2")
      const failure = yield* called(told)
      assert.instanceOf(failure, Broken)
      assert.notInstanceOf(failure, RemoteFailure.RemoteFailure)
    }).pipe(Effect.provide(served(told, "broken")))
  )

  it("documents what the edge answers beside: headers of a problem, and whatever is not declared", async () => {
    const own = Api.annotate(OpenApi.Transform, (spec) => ({ ...spec, "x-own": Object.keys(spec["components"]) }))
    const document = OpenApi.fromApi(ApiEdge.api(own)) as unknown as {
      readonly "x-own": ReadonlyArray<string>
      readonly paths: Record<string, Record<string, { readonly responses: Record<string, Record<string, object>> }>>
    }
    const all = Object.values(document.paths).flatMap((path) => Object.values(path).map(({ responses }) => responses))
    assert.isAbove(all.length, 0)
    for (const responses of all)
      assert.deepStrictEqual<unknown>(responses["default"], { $ref: "#/components/responses/Failure" })
    const problems = all.flatMap((responses) =>
      Object.values(responses).filter(({ content = {} }) => "application/problem+json" in content)
    )
    assert.isAbove(problems.length, 0)
    for (const { headers } of problems) {
      assert.deepStrictEqual(Object.keys(headers!), ["Retry-After", "X-Correlation-Id", "Content-Language"])
    }
    assert.include(document["x-own"], "responses")
    const validator = new Validator()
    const result = await validator.validate(document as never)
    assert.isTrue(result.valid, JSON.stringify(result.errors))
    assert.notInclude(JSON.stringify(validator.resolveRefs()), "$ref")
  })

  it.effect("leaves other errors, problems and the API it is given as they are", () =>
    Effect.gen(function* () {
      assert.instanceOf(yield* called(told), Other)
      const contents = (api: typeof Api) =>
        Object.entries(OpenApi.fromApi(api).paths["/bare"]!.get!.responses).flatMap(([status, response]) =>
          Object.keys((response as { readonly content?: object }).content ?? {}).map((type) => `${status} ${type}`)
        )
      assert.includeMembers(contents(told), [
        "503 application/problem+json",
        "418 application/json",
        "404 application/problem+json"
      ])
      assert.include(contents(Api), "503 application/json")
    }).pipe(Effect.provide(served(told, "other")))
  )
})
