import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Failure, Identity, Reasons, Report } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, LogEdge, type Projection } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { Cause, Effect, ErrorReporter, Layer, Logger, Schema } from "effect"
import { HttpClient, HttpRouter, HttpServerRespondable, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Rpc, RpcGroup, RpcTest } from "effect/rpc"

class Gone extends Failure.Tagged<Gone>()("BesideGone", {}, { code: "biz.beside.gone", http: 410 }) {}

class Grave extends Failure.Tagged<Grave>()("BesideGrave", {}, { code: "sys.beside.grave", http: 503 }) {}

/** An error that answers for itself. */
class Teapot {
  readonly _tag = "Teapot"
  readonly [ErrorReporter.ignore] = true;
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(HttpServerResponse.empty({ status: 418 }))
  }
}

const bug = () => Cause.die(new Error("marker: bug"))

const both = (error: unknown) => Effect.failCause(Cause.combine(Cause.fail(error), bug())) as Effect.Effect<never>

const Api = HttpApi.make("Beside").add(
  HttpApiGroup.make("orders")
    .add(HttpApiEndpoint.get("gone", "/api/gone", { success: Schema.String, error: ApiEdge.problem(Gone) }))
    .add(HttpApiEndpoint.get("both", "/api/both", { success: Schema.String, error: ApiEdge.problem(Gone) }))
    .add(HttpApiEndpoint.get("grave", "/api/grave", { success: Schema.String, error: ApiEdge.problem(Grave) }))
    .add(HttpApiEndpoint.get("bug", "/api/bug", { success: Schema.String }))
)

const handlers = HttpApiBuilder.group(Api, "orders", (handlers) =>
  Effect.succeed(
    handlers.handleAll({
      gone: () => Effect.fail(new Gone()),
      both: () => both(new Gone()),
      grave: () => Effect.fail(new Grave()),
      bug: () => Effect.failCause(bug())
    })
  )
)

const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers)),
  HttpRouter.add("GET", "/nothing", Effect.failCause(Cause.fromReasons([])) as Effect.Effect<never>),
  HttpRouter.add("GET", "/both", both(new Gone())),
  HttpRouter.add("GET", "/teapot", both(new Teapot())),
  HttpRouter.add("GET", "/ignored", both(Object.assign(new Gone(), { [ErrorReporter.ignore]: true })))
)

interface Line {
  readonly level: string
  readonly stack?: string
  readonly occurrence_id?: string
  readonly annotations?: Readonly<Record<string, unknown>>
  readonly failure: Projection.LogProjection
}

const lines: Array<string> = []

const logged = (): ReadonlyArray<Line> => lines.map((line) => JSON.parse(line) as Line)

const recording = Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])

const served = (listeners: Layer.Layer<never>) =>
  HttpRouter.serve(Layer.mergeAll(routes, HttpEdge.layer({ prefer: "problem" })), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(Layer.mergeAll(listeners, recording)),
    Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard))
  )

const get = (path: string) =>
  Effect.gen(function* () {
    lines.length = 0
    const client = yield* HttpClient.HttpClient
    const response = yield* client.get(path)
    const text = yield* response.text
    return {
      status: response.status,
      text,
      json: text === "" ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>)
    }
  })

layer(served(LogEdge.reporting))("A defect beside a failure", (it) => {
  // What catches failures alone, as HttpApi does, makes defects of both.
  for (const [path, answer] of [
    ["/both", 410],
    ["/api/both", 500]
  ] as const) {
    it.effect(`leaves the answer to the failure, and is one entry of level error, with its stack: ${path}`, () =>
      Effect.gen(function* () {
        const { json, status, text } = yield* get(path)
        assert.deepStrictEqual([status, json["code"]], [answer, "biz.beside.gone"])
        assert.notInclude(text, "marker")
        const [line, ...others] = logged()
        assert.isDefined(line)
        assert.deepStrictEqual(others, [])
        assert.strictEqual(line.level, "ERROR")
        assert.strictEqual(line.failure.code, "biz.beside.gone")
        assert.deepStrictEqual(
          line.failure.source_frames.map(({ message }) => message),
          ["marker: bug"]
        )
        assert.include(line.stack, "beside.test.ts")
      })
    )
  }

  it.effect("is reported where the failure answers for itself, or is to be ignored", () =>
    Effect.gen(function* () {
      for (const [path, status] of [
        ["/teapot", 418],
        ["/ignored", 410]
      ] as const) {
        assert.strictEqual((yield* get(path)).status, status)
        assert.deepStrictEqual(
          logged().map(({ level }) => level),
          ["ERROR"],
          path
        )
        assert.include(lines[0], "marker: bug")
      }
    })
  )
})

layer(served(LogEdge.reporting))("A cause of nothing", (it) => {
  it.effect("is a bug, and an entry of level error", () =>
    Effect.gen(function* () {
      const { json, status } = yield* get("/nothing")
      assert.deepStrictEqual([status, json["code"]], [500, "logic.internal_invariant_broken"])
      assert.deepStrictEqual(
        logged().map(({ failure, level, occurrence_id }) => [level, failure.code, `urn:occurrence:${occurrence_id}`]),
        [["ERROR", "logic.internal_invariant_broken", json["instance"]]]
      )
    })
  )
})

layer(served(LogEdge.reporting))("What HttpApi reports before its edge does", (it) => {
  it.effect("goes by the name that the answer gives it, once", () =>
    Effect.gen(function* () {
      for (const path of ["/api/gone", "/api/grave", "/api/both", "/api/bug"]) {
        const { json } = yield* get(path)
        assert.deepStrictEqual(
          logged().map(({ occurrence_id }) => `urn:occurrence:${occurrence_id}`),
          [json["instance"]],
          path
        )
        assert.isString(logged()[0]?.annotations?.["correlation_id"])
      }
      const [one, two] = [yield* get("/api/gone"), yield* get("/api/gone")]
      assert.notStrictEqual(one.json["instance"], two.json["instance"])
    })
  )
})

const broken = ErrorReporter.layer([
  {
    [ErrorReporter.TypeId]: ErrorReporter.TypeId,
    report: () => {
      throw new Error("marker: reporter")
    }
  }
])

layer(served(Layer.empty))("Where nobody listens", (it) => {
  it.effect("what is grave is logged once, whoever reported it", () =>
    Effect.gen(function* () {
      for (const [path, count] of [
        ["/api/gone", 0],
        ["/api/grave", 1],
        ["/api/both", 1],
        ["/api/bug", 1],
        ["/both", 1],
        ["/nothing", 1],
        ["/teapot", 1]
      ] as const) {
        const { json } = yield* get(path)
        assert.strictEqual(lines.length, count, path)
        if (count === 0) continue
        const { annotations, level } = JSON.parse(lines[0]!) as Line
        assert.strictEqual(level, "ERROR", path)
        if (path !== "/teapot")
          assert.strictEqual(`urn:occurrence:${String(annotations?.["occurrence_id"])}`, json["instance"])
      }
    })
  )
})

class Orders extends RpcGroup.make(Rpc.make("both", { success: Schema.String, error: Gone })).middleware(
  RpcEdge.Failures
) {}

describe("A defect beside a failure of a procedure", () => {
  it.effect("is reported once as an error, and the caller gets the failure", () =>
    Effect.gen(function* () {
      lines.length = 0
      const client = yield* RpcTest.makeClient(Orders)
      const failure = yield* Effect.flip(client.both())
      assert.instanceOf(failure, Gone)
      assert.deepStrictEqual(
        logged().map(({ level, failure }) => [level, failure.source_frames[0]?.message]),
        [["ERROR", "marker: bug"]]
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(Orders.toLayer({ both: () => both(new Gone()) }), RpcEdge.layer())),
      Effect.provide(Layer.mergeAll(LogEdge.reporting, recording))
    )
  )
})

describe("How bad a cause is", () => {
  const table: ReadonlyArray<readonly [string, Cause.Cause<unknown>, string]> = [
    ["a failure", Cause.fail(new Reasons.NotFound()), "Info"],
    ["two failures", Cause.combine(Cause.fail(new Reasons.NotFound()), Cause.fail(new Grave())), "Error"],
    ["a failure and a defect", Cause.combine(Cause.fail(new Reasons.NotFound()), bug()), "Error"],
    ["a failure and an interruption", Cause.combine(Cause.fail(new Reasons.NotFound()), Cause.interrupt(1)), "Info"],
    ["a failure that was thrown", Cause.die(new Reasons.NotFound()), "Error"],
    ["an interruption", Cause.interrupt(1), "Debug"],
    ["nothing", Cause.fromReasons([]), "Error"]
  ]
  for (const [name, cause, severity] of table) {
    it(`of ${name} is ${severity}`, () => {
      assert.strictEqual(Identity.severityOf(cause), severity)
    })
  }

  it.effect("is the level that Report.logged writes it with", () =>
    Effect.gen(function* () {
      const levels: Array<string> = []
      const recorder = Logger.make<unknown, void>(({ logLevel }) => void levels.push(logLevel))
      yield* Effect.exit(Report.logged(both(new Gone()))).pipe(Effect.provide(Logger.layer([recorder])))
      assert.deepStrictEqual(levels, ["Error"])
    })
  )
})

describe("A policy that throws", () => {
  const policy = () => {
    throw new Error("marker: policy")
  }

  it.effect("is heard of where nobody listens, and where whoever listens throws", () =>
    Effect.gen(function* () {
      for (const listeners of [Layer.empty, broken]) {
        const said: Array<string> = []
        const recorder = Logger.make<unknown, void>(({ message }) => void said.push(String(message)))
        yield* ErrorSnapshot.make(new Gone()).pipe(
          Effect.provideService(ExposurePolicy.ExposurePolicy, policy),
          Effect.provide(Layer.mergeAll(listeners, Logger.layer([recorder])))
        )
        assert.strictEqual(said.length, 1)
      }
    })
  )
})
