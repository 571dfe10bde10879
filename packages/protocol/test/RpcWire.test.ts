import { NodeHttpServer, NodeSocket } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Classifier, Identity } from "@holdfast/core"
import { ExposurePolicy, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { assertNothingLeaks } from "@holdfast/protocol/testing"
import { Cause, Effect, ErrorReporter, Exit, Layer, Schema, Stream } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"

const Kind = Schema.Literals(["marker-a", "marker-b"])

class Shop extends RpcGroup.make(
  Rpc.make("pay", { payload: { pin: Schema.Int, kind: Kind }, success: Schema.String }),
  Rpc.make("watch", { payload: { pin: Schema.Int }, success: Schema.Int, stream: true }),
  Rpc.make("broken", { success: Schema.String })
).middleware(RpcEdge.Failures) {}

/** What an older client knows of the same server. */
class Older extends RpcGroup.make(
  Rpc.make("pay", { payload: { pin: Schema.String }, success: Schema.String }),
  Rpc.make("watch", { payload: { pin: Schema.String }, success: Schema.Int, stream: true }),
  Rpc.make("broken", { success: Schema.String }),
  Rpc.make("dropped", { success: Schema.String }),
  Rpc.make("strict", { payload: { pin: Schema.String.check(Schema.isMaxLength(1)) }, success: Schema.String })
) {}

const seen: Array<Readonly<Record<string, string | undefined>>> = []

const handlers = Shop.toLayer({
  pay: (_, { headers }) =>
    Effect.sync(() => {
      seen.push(headers)
      return "paid"
    }),
  watch: (_, { headers }) => {
    seen.push(headers)
    return Stream.make(1)
  },
  broken: () => Effect.succeed(7 as never)
})

const reported: Array<string> = []

const reporting = ErrorReporter.layer([ErrorReporter.make(({ cause }) => void reported.push(Identity.of(cause).code))])

type Serialization = Layer.Layer<RpcSerialization.RpcSerialization>

const served = (serialization: Serialization, protocol: "http" | "websocket" = "http") =>
  HttpRouter.serve(
    RpcServer.layerHttp({ group: Shop, path: "/rpc", protocol }).pipe(
      Layer.provide(Layer.mergeAll(handlers, RpcEdge.layer())),
      Layer.provide(serialization)
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(reporting),
    Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard))
  )

const address = Effect.map(
  HttpServer.HttpServer,
  ({ address }) => `${HttpServer.formatAddress(address).replace(/\[::\]|0\.0\.0\.0/, "127.0.0.1")}/rpc`
)

const overHttp = Layer.unwrap(Effect.map(address, (url) => RpcClient.layerProtocolHttp({ url }))).pipe(
  Layer.provide(FetchHttpClient.layer)
)

const overWebsocket = Layer.unwrap(
  Effect.map(address, (url) =>
    RpcClient.layerProtocolSocket().pipe(Layer.provide(NodeSocket.layerWebSocket(url.replace("http", "ws"))))
  )
)

const transports = {
  JSON: Layer.provideMerge(Layer.provide(overHttp, RpcSerialization.layerJson), served(RpcSerialization.layerJson)),
  "a websocket": Layer.provideMerge(
    Layer.provide(overWebsocket, RpcSerialization.layerNdjson),
    served(RpcSerialization.layerNdjson, "websocket")
  )
}

const guardedTransports = {
  JSON: [RpcEdge.guarded(RpcSerialization.layerJson), RpcSerialization.layerJson],
  "lines of JSON": [RpcEdge.guarded(RpcSerialization.layerNdjson), RpcSerialization.layerNdjson],
  "a binary format": [RpcEdge.guarded(RpcSerialization.layerSchemaBinary()), RpcSerialization.layerSchemaBinary()],
  "JSON-RPC": [RpcEdge.layerJsonRpc(), RpcEdge.layerJsonRpc()]
} as const

for (const [name, transport] of Object.entries(transports)) {
  describe(`An RPC client over ${name}`, () => {
    it.effect("fails where the other side has a defect, as a policy and a handler of errors can see", () =>
      Effect.gen(function* () {
        const client = yield* RpcEdge.client(Older)
        for (const call of [
          client.pay({ pin: "x" }),
          client.dropped(undefined),
          Stream.runDrain(client.watch({ pin: "x" }))
        ]) {
          const failure = yield* Effect.flip(call)
          assert.instanceOf(failure, RemoteFailure.RemoteFailure)
          assert.strictEqual(Identity.of(failure).code, "logic.internal_invariant_broken")
          assert.strictEqual(failure.visibility, "internal")
          assert.strictEqual(Classifier.classify(failure).retry, "never")
        }
      }).pipe(Effect.scoped, Effect.provide(transport))
    )

    it.effect("keeps a defect of its own", () =>
      Effect.gen(function* () {
        const client = yield* RpcEdge.client(Older)
        const exit = yield* Effect.exit(Effect.suspend(() => client.strict({ pin: "too long" })))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }).pipe(Effect.scoped, Effect.provide(transport))
    )
  })
}

for (const [name, [server, client]] of Object.entries(guardedTransports)) {
  describe(`An RPC server guarded over ${name}`, () => {
    it.effect("answers what it cannot read with a code, and is the only one to know more, once", () =>
      Effect.gen(function* () {
        reported.length = 0
        const older = yield* RpcEdge.client(Older)
        for (const [call, code] of [
          [older.pay({ pin: "x" }), "biz.validation_error"],
          [Stream.runDrain(older.watch({ pin: "x" })), "biz.validation_error"],
          [older.dropped(undefined), "sys.unimplemented"],
          [older.broken(undefined), "logic.internal_invariant_broken"]
        ] as const) {
          const failure = yield* Effect.flip(call)
          assert.instanceOf(failure, RemoteFailure.RemoteFailure)
          assert.strictEqual(Identity.of(failure).code, code)
          assertNothingLeaks(JSON.stringify(failure), ["marker", "Expected", "dropped"])
        }
        assert.deepStrictEqual(reported, [
          "biz.validation_error",
          "biz.validation_error",
          "sys.unimplemented",
          "logic.internal_invariant_broken"
        ])
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Layer.provide(overHttp, client), served(server))))
    )

    it.effect("answers everything else as ever", () =>
      Effect.gen(function* () {
        const shop = yield* RpcEdge.client(Shop)
        assert.strictEqual(yield* shop.pay({ pin: 1, kind: "marker-a" }), "paid")
        assert.deepStrictEqual(yield* Stream.runCollect(shop.watch({ pin: 1 })), [1])
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Layer.provide(overHttp, client), served(server))))
    )
  })
}

describe("An RPC client inside of a request that an edge answers", () => {
  const correlation = (headers?: Record<string, string>) =>
    Effect.gen(function* () {
      seen.length = 0
      const shop = yield* RpcEdge.client(Shop)
      yield* shop.pay({ pin: 1, kind: "marker-a" }, headers === undefined ? undefined : { headers })
      yield* Stream.runDrain(shop.watch({ pin: 1 }, headers === undefined ? undefined : { headers }))
      return HttpServerResponse.text(seen.map((all) => String(all["x-request-id"])).join())
    }).pipe(Effect.scoped, Effect.orDie)

  const front = HttpRouter.serve(
    Layer.mergeAll(
      HttpRouter.add("GET", "/passed", correlation()),
      HttpRouter.add("GET", "/own", correlation({ "X-Request-Id": "mine" })),
      HttpEdge.layer({ correlationHeader: "X-Request-Id" })
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(Layer.provideMerge(Layer.fresh(NodeHttpServer.layerTest)))

  it.effect("passes its correlation id on, unless the call has one", () =>
    Effect.gen(function* () {
      const url = yield* address
      for (const [path, passed] of [
        ["passed", "r-9,r-9"],
        ["own", "mine,mine"]
      ] as const) {
        const text = yield* Effect.promise(() =>
          fetch(url.replace("/rpc", `/${path}`), { headers: { "x-request-id": "r-9" } }).then((one) => one.text())
        )
        assert.strictEqual(text, passed)
      }
    }).pipe(
      Effect.provide(
        front.pipe(Layer.provide(transports.JSON), Layer.provide(ExposurePolicy.layer(ExposurePolicy.standard)))
      )
    )
  )
})

describe("A JSON-RPC server", () => {
  const asked = (body: string) =>
    Effect.flatMap(address, (url) =>
      Effect.promise(() => fetch(url, { method: "POST", body }).then((response) => response.text()))
    )
  const call = (rest: object) => JSON.stringify({ jsonrpc: "2.0", id: 7, ...rest })
  const cases: ReadonlyArray<readonly [what: string, body: string, id: number | null, code: number]> = [
    ["a method that is not there", call({ method: "none" }), 7, -32_601],
    ["parameters that do not decode", call({ method: "pay", params: { pin: "marker" } }), 7, -32_602],
    ["a body that is no JSON", `{"marker`, null, -32_700],
    ["what is no request", call({ marker: 1 }), null, -32_600],
    ["an id that is none", call({ id: { marker: 1 }, method: "pay" }), null, -32_600]
  ]
  for (const [name, serialization, end] of [
    ["JSON", RpcEdge.layerJsonRpc(), ""],
    ["lines of JSON", RpcEdge.layerNdJsonRpc(), "\n"]
  ] as const) {
    const all =
      end === "" ? [...cases, ["an empty batch", "[]", null, -32_600], ["a text", `"marker"`, null, -32_600]] : cases
    it.effect(`answers in ${name} what it cannot serve by the numbers of the protocol`, () =>
      Effect.gen(function* () {
        for (const [what, body, id, code] of all as typeof cases) {
          const text = yield* asked(`${body}${end}`)
          const answer = JSON.parse(text) as { readonly id: unknown; readonly error: { readonly code: unknown } }
          assert.deepStrictEqual([answer.id, answer.error.code], [id, code], `${what}: ${text}`)
          assertNothingLeaks(text, ["marker", "Expected"])
        }
      }).pipe(Effect.provide(served(serialization)))
    )
  }
})
