import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Reasons, Redaction } from "@holdfast/core"
import { ExposurePolicy, LogEdge } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { Effect, Layer, Logger, Schema } from "effect"
import { TestConsole } from "effect/testing"
import { HttpClient, HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Rpc, RpcGroup, RpcTest } from "effect/rpc"

const routes = HttpRouter.add("GET", "/missing", Effect.fail(new Reasons.NotFound({ detail: "order 7" })))

const edge = HttpEdge.layer()

const standard = ExposurePolicy.layer(ExposurePolicy.standard)

const quiet = { disableLogger: true, disableListenLog: true }

type App = Layer.Layer<never, never, HttpRouter.HttpRouter | HttpRouter.Request<"Error", Reasons.NotFound>>

const served = (app: App) => HttpRouter.serve(app, quiet)

const node = NodeHttpServer.layerTest

type Server = Layer.Layer<HttpServer.HttpServer | HttpClient.HttpClient, unknown>

const status = Effect.map(
  Effect.flatMap(HttpClient.HttpClient, (client) => client.get("/missing")),
  (response) => response.status
)

const web = async (app: App, path = "/missing"): Promise<Response> => {
  const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
  const response = await handler(new Request(`http://localhost${path}`))
  await response.clone().text()
  await dispose()
  return response
}

const served404: Readonly<Record<string, Server>> = {
  "the server": served(Layer.mergeAll(routes, edge)).pipe(Layer.provide(standard), Layer.provideMerge(node)),
  "the routes and the edge together": served(Layer.mergeAll(routes, edge).pipe(Layer.provide(standard))).pipe(
    Layer.provideMerge(node)
  ),
  "the edge alone": served(Layer.mergeAll(routes, edge.pipe(Layer.provide(standard)))).pipe(Layer.provideMerge(node)),
  "everything, the platform included": served(Layer.mergeAll(routes, edge)).pipe(
    Layer.provideMerge(node),
    Layer.provide(standard)
  )
}

describe("An exposure policy reaches the edge", () => {
  for (const [whom, server] of Object.entries(served404)) {
    it.effect(`when it is provided to ${whom}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* status, 404)
      }).pipe(Effect.provide(server))
    )
  }

  it.effect("when the program that launches the server has it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* status, 404)
    }).pipe(
      Effect.provide(served(Layer.mergeAll(routes, edge)).pipe(Layer.provideMerge(node))),
      Effect.provideService(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard)
    )
  )

  it("when it is provided to a web handler, to its edge, to an edge that is provided to routes, or merged into what it serves", async () => {
    for (const app of [
      Layer.mergeAll(routes, edge).pipe(Layer.provide(standard)),
      Layer.mergeAll(routes, edge.pipe(Layer.provide(standard))),
      routes.pipe(Layer.provide(edge.pipe(Layer.provide(standard)))),
      Layer.mergeAll(routes, edge, standard)
    ]) {
      assert.strictEqual((await web(app)).status, 404)
    }
  })

  it("and the one that the request brings along goes first", async () => {
    const teapot = ExposurePolicy.make({
      otherwise: (subject) => ({ ...ExposurePolicy.standard(subject), http_status: 418 })
    })
    const ofRequest = HttpRouter.middleware(Effect.provideService(ExposurePolicy.ExposurePolicy, teapot), {
      global: true
    })
    const app = Layer.mergeAll(edge.pipe(Layer.provide(standard)), routes).pipe(Layer.provide(ofRequest))
    assert.strictEqual((await web(app)).status, 418)
  })
})

describe("A second edge on a router", () => {
  it("is said once, because the first one decides for all routes", async () => {
    const lines: Array<string> = []
    const logging = Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])
    const app = Layer.mergeAll(
      routes,
      HttpEdge.layer().pipe(Layer.provide(standard)),
      HttpEdge.layer({ prefer: "problem" })
    )
    const { dispose, handler } = HttpRouter.toWebHandler(app.pipe(Layer.provide(logging)), { disableLogger: true })
    for (const path of ["/missing", "/missing"]) await handler(new Request(`http://localhost${path}`))
    await dispose()
    assert.deepStrictEqual(
      lines.filter((line) => line.includes("two edges")).map((line) => (JSON.parse(line) as { level: string }).level),
      ["WARN"]
    )
  })
})

describe("What an edge is given of other policies", () => {
  const shown: Redaction.Policy = { ...Redaction.standard, text: (text) => text.replaceAll("order 7", "…") }

  it("holds for its answers: redaction", async () => {
    const redacting = Layer.succeed(Redaction.Redaction, shown)
    assert.notInclude(await (await web(Layer.mergeAll(routes, edge).pipe(Layer.provide(redacting)))).text(), "order 7")
  })

  it("holds for its reports: reporters and loggers", async () => {
    const lines: Array<string> = []
    const logging = Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])
    await web(Layer.mergeAll(routes, edge).pipe(Layer.provide([standard, LogEdge.reporting, logging])))
    assert.strictEqual(lines.length, 1)
    assert.include(lines[0], "biz.not_found")
  })

  it.effect("holds for a log", () =>
    Effect.gen(function* () {
      const redacting = Layer.succeed(Redaction.Redaction, shown)
      yield* Effect.provide(Effect.logInfo("lost order 7"), LogEdge.layer.pipe(Layer.provide(redacting)))
      const [line] = yield* TestConsole.logLines
      assert.strictEqual((JSON.parse(String(line)) as { readonly message: string }).message, "lost …")
    })
  )

  it("holds for failures that an HttpApi declares", async () => {
    const find = HttpApiEndpoint.get("find", "/missing", {
      success: Schema.String,
      error: ApiEdge.problem(Reasons.RateLimited)
    })
    const Api = HttpApi.make("Shop").add(HttpApiGroup.make("orders").add(find))
    const handlers = HttpApiBuilder.group(Api, "orders", (handlers) =>
      handlers.handle("find", () => new Reasons.RateLimited({ retryAfter: "2 seconds" }))
    )
    const api = HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers), Layer.provide(HttpServer.layerServices))
    const { headers } = await web(Layer.mergeAll(api, edge.pipe(Layer.provide(standard))))
    assert.strictEqual(headers.get("retry-after"), "2")
  })

  it.effect("holds for failures of a procedure", () =>
    Effect.gen(function* () {
      class Orders extends RpcGroup.make(Rpc.make("find", { success: Schema.String })).middleware(RpcEdge.Failures) {}
      const handlers = Orders.toLayer({ find: () => Effect.die(new Error("bug")) })
      const titled = ExposurePolicy.make({
        otherwise: (subject) => ({ ...ExposurePolicy.standard(subject), title: "not today" })
      })
      const client = yield* RpcTest.makeClient(Orders).pipe(
        Effect.provide([handlers, RpcEdge.layer().pipe(Layer.provide(ExposurePolicy.layer(titled)))])
      )
      assert.include(JSON.stringify(yield* Effect.flip(client.find())), "not today")
    }).pipe(Effect.scoped)
  )
})

describe("A server that nobody has chosen a policy for", () => {
  const saidBy = async (policy: Layer.Layer<never>) => {
    const lines: Array<string> = []
    const logging = Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])
    const { dispose, handler } = HttpRouter.toWebHandler(
      Layer.mergeAll(routes, edge).pipe(Layer.provide([logging, policy])),
      { disableLogger: true }
    )
    for (const path of ["/missing", "/missing"]) await handler(new Request(`http://localhost${path}`))
    await dispose()
    return lines.map((line) => (JSON.parse(line) as { readonly message: string }).message)
  }

  it("says so once", async () => {
    assert.deepStrictEqual(await saidBy(Layer.empty), [
      "HttpEdge: no ExposurePolicy is provided, ExposurePolicy.contract is in force"
    ])
    assert.deepStrictEqual(await saidBy(ExposurePolicy.layer(ExposurePolicy.contract)), [])
  })
})
