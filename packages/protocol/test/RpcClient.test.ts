import { NodeHttpServer, NodeSocket } from "@effect/platform-node"
import { assert, describe, expectTypeOf, it, layer } from "@effect/vitest"
import { Classifier, Failure, Identity, Reasons } from "@holdfast/core"
import { ExposurePolicy, RemoteFailure } from "@holdfast/protocol"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { Cause, Duration, Effect, ErrorReporter, Layer, Queue, Schema, Stream } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { Rpc, RpcClient, type RpcClientError, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { head, hostile } from "./hostile.ts"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "RpcClientSoldOut",
  { sku: Schema.String, card: Failure.sensitive(Schema.String) },
  { code: "biz.rpc_client.sold_out", detail: ({ sku }) => `${sku} is sold out` }
) {}

class LedgerGone extends Failure.Tagged<LedgerGone>()(
  "RpcClientLedgerGone",
  { table: Schema.String },
  { code: "sys.rpc_client.ledger_gone", detail: "marker: /dev/sda1" }
) {}

class Shop extends RpcGroup.make(
  Rpc.make("order", { payload: { sku: Schema.String }, success: Schema.String }),
  Rpc.make("watch", { payload: { sku: Schema.String }, success: Schema.Int, error: Reasons.NotFound, stream: true })
).middleware(RpcEdge.Failures) {}

const failureOf = (sku: string): Effect.Effect<never> => {
  switch (sku) {
    case "bug":
      return Effect.die(new Error("marker: row 7"))
    case "stop":
      return Effect.failCause(Cause.interrupt(7))
    case "gone":
      return Effect.fail(new LedgerGone({ table: "orders" }) as never)
    case "busy":
      return Effect.fail(new Reasons.RateLimited({ retryAfter: "2 seconds" }) as never)
    default:
      return Effect.fail(new SoldOut({ sku, card: "marker-card" }) as never)
  }
}

const handlers = Shop.toLayer({
  order: ({ sku }) => failureOf(sku),
  watch: ({ sku }) =>
    Stream.concat(
      Stream.make(1, 2),
      sku === "none" ? Stream.fail(new Reasons.NotFound({ detail: "no such sku" })) : Stream.fromEffect(failureOf(sku))
    )
})

const reported: Array<unknown> = []

const reporting = ErrorReporter.layer([ErrorReporter.make(({ error }) => void reported.push(error))])

const served = (protocol: "http" | "websocket", options: RpcEdge.Options) =>
  HttpRouter.serve(
    RpcServer.layerHttp({ group: Shop, path: "/rpc", protocol }).pipe(
      Layer.provide(Layer.mergeAll(handlers, RpcEdge.layer(options))),
      Layer.provide(RpcSerialization.layerNdjson)
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(Layer.provideMerge(NodeHttpServer.layerTest), Layer.provideMerge(reporting))

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
  http: (options: RpcEdge.Options) => Layer.provideMerge(overHttp, served("http", options)),
  websocket: (options: RpcEdge.Options) => Layer.provideMerge(overWebsocket, served("websocket", options))
} as const

const shop = RpcEdge.client(Shop, [SoldOut, LedgerGone, Reasons.RateLimited])

const order = (sku: string) => Effect.scoped(Effect.flatMap(shop, (client) => client.order({ sku })))

const watch = (sku: string) => {
  const seen: Array<number> = []
  return Effect.flatMap(shop, (client) =>
    client.watch({ sku }).pipe(
      Stream.runForEach((value) => Effect.sync(() => void seen.push(value))),
      Effect.flip,
      Effect.map((failure) => ({ seen, failure }))
    )
  ).pipe(Effect.scoped)
}

for (const [name, transport] of Object.entries(transports)) {
  layer(Layer.provide(transport({ carry: "all" }), RpcSerialization.layerNdjson))(
    `An RPC client over ${name}`,
    (it) => {
      it.effect("gets the declared class of a failure that the procedure does not declare", () =>
        Effect.gen(function* () {
          const sold = yield* order("A-1").pipe(
            Effect.catchTag("RpcClientSoldOut", ({ card, sku }) => Effect.succeed([sku, card]))
          )
          assert.deepStrictEqual(sold, ["A-1", "<redacted>"])
          const busy = yield* Effect.flip(order("busy"))
          assert.instanceOf(busy, Reasons.RateLimited)
          // The server decides: of what may not be tried again nothing says when.
          assert.deepStrictEqual([Classifier.classify(busy).retry, busy.retryAfter], ["never", undefined])
        })
      )

      it.effect("gets the fields of an internal failure, and nothing of its detail", () =>
        Effect.gen(function* () {
          const gone = yield* Effect.flip(order("gone"))
          assert.instanceOf(gone, LedgerGone)
          assert.strictEqual(gone.table, "orders")
          assert.isUndefined(gone.detail)
        })
      )

      it.effect("gets failures in the middle of a stream, declared or not, after what came before", () =>
        Effect.gen(function* () {
          const none = yield* watch("none")
          assert.deepStrictEqual(none.seen, [1, 2])
          assert.instanceOf(none.failure, Reasons.NotFound)
          assert.strictEqual(Identity.of(none.failure).detail, "no such sku")
          const sold = yield* watch("A-1")
          assert.deepStrictEqual(sold.seen, [1, 2])
          assert.instanceOf(sold.failure, SoldOut)
          for (const [sku, code] of [
            ["bug", "logic.internal_invariant_broken"],
            ["stop", "sys.cancelled"]
          ] as const) {
            const { failure, seen } = yield* watch(sku)
            assert.deepStrictEqual(seen, [1, 2])
            assert.instanceOf(failure, RemoteFailure.RemoteFailure)
            assert.strictEqual(Identity.of(failure).code, code)
          }
        })
      )

      it.effect("gets them through a queue as well", () =>
        Effect.gen(function* () {
          const client = yield* shop
          const queue = yield* client.watch({ sku: "A-1" }, { asQueue: true })
          assert.deepStrictEqual([yield* Queue.take(queue), yield* Queue.take(queue)], [1, 2])
          assert.instanceOf(yield* Effect.flip(Queue.take(queue)), SoldOut)
        }).pipe(Effect.scoped)
      )

      it.effect("leaves a report of what happened behind, once and as it was", () =>
        Effect.gen(function* () {
          reported.length = 0
          yield* Effect.flip(order("gone"))
          yield* Effect.flip(order("bug"))
          yield* Effect.flip(order("stop"))
          yield* watch("none")
          assert.deepStrictEqual(
            reported.map((error) => (error as Error).message),
            ["ledger gone: marker: /dev/sda1", "marker: row 7", "not found error: no such sku"]
          )
        })
      )
    }
  )
}

describe("The types of an RPC client", () => {
  it("say what may come back from every procedure", () => {
    type Errors = typeof shop extends Effect.Effect<infer Client, never, infer _R> ? Client : never
    expectTypeOf<ReturnType<Errors["order"]>>().toExtend<
      Effect.Effect<
        unknown,
        LedgerGone | Reasons.RateLimited | RemoteFailure.RemoteFailure | RpcClientError.RpcClientError | SoldOut
      >
    >()
  })
})

describe("An RPC server that carries nothing internal", () => {
  it.effect("sends the fields of a public failure only", () =>
    Effect.gen(function* () {
      const sold = yield* Effect.flip(order("A-1"))
      assert.instanceOf(sold, SoldOut)
      const gone = yield* Effect.flip(order("gone"))
      assert.instanceOf(gone, RemoteFailure.RemoteFailure)
      assert.strictEqual(Identity.of(gone).code, "sys.rpc_client.ledger_gone")
      assert.isUndefined(gone.failure)
      const busy = yield* Effect.flip(order("busy"))
      assert.strictEqual(Classifier.classify(busy).retry, "throttled")
      assert.deepStrictEqual(Classifier.retryAfterOf(busy), Duration.seconds(2))
      for (const sku of ["gone", "bug", "stop"]) {
        assert.notInclude(JSON.stringify(yield* Effect.flip(order(sku))), "marker", sku)
        assert.notInclude(JSON.stringify((yield* watch(sku)).failure), "marker", sku)
      }
    }).pipe(
      Effect.provide(Layer.provide(transports.http({ carry: "public" }), RpcSerialization.layerNdjson)),
      Effect.provideService(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard)
    )
  )
})

describe("An RPC server that knows its readers", () => {
  const audience: RpcEdge.Options["audience"] = ({ role }) => {
    if (role === undefined) throw new Error("nobody")
    return "operator"
  }
  const detailOf = (headers: Record<string, string>) =>
    Effect.scoped(Effect.flatMap(shop, (client) => Effect.flip(client.order({ sku: "gone" }, { headers })))).pipe(
      Effect.map((failure) => Identity.of(failure).detail)
    )

  it.effect("tells an operator what it tells nobody else, and tells nobody more when it cannot say who it is", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* detailOf({ role: "operator" }), "marker: /dev/sda1")
      assert.isNull(yield* detailOf({}))
    }).pipe(Effect.provide(Layer.provide(transports.http({ audience }), RpcSerialization.layerNdjson)))
  )
})

describe("What goes wrong on the way", () => {
  const through = (url: string) =>
    Effect.flip(order("A-1")).pipe(
      Effect.provide(RpcClient.layerProtocolHttp({ url }).pipe(Layer.provide(FetchHttpClient.layer))),
      Effect.provide(RpcSerialization.layerNdjson)
    )

  it.effect("is a failure that says whether to try again", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(hostile(() => {}))
      const refused = yield* through(url)
      assert.strictEqual(Identity.of(refused).code, "sys.network_error")
      assert.strictEqual(Classifier.classify(refused).retry, "transient")
      const cut = yield* hostile((socket) => socket.destroy())
      assert.strictEqual(Identity.of(yield* through(cut.url)).code, "sys.network_error")
      const page = yield* hostile((socket) => {
        socket.end(`${head(200, { "content-length": "4" })}<h1>`)
      })
      assert.strictEqual(Identity.of(yield* through(page.url)).code, "sys.data_error")
    }).pipe(Effect.scoped)
  )
})

describe("A RemoteFailure of a server that is not of this house", () => {
  const huge = "x".repeat(1_000_000)

  class Hostile extends RpcGroup.make(
    Rpc.make("ask", { success: Schema.String, error: RemoteFailure.RemoteFailure })
  ) {}

  const asked = (failure: RemoteFailure.RemoteFailure) =>
    Effect.gen(function* () {
      const url = yield* address
      const client = yield* RpcEdge.client(Hostile).pipe(
        Effect.provide(RpcClient.layerProtocolHttp({ url }).pipe(Layer.provide(FetchHttpClient.layer)))
      )
      return yield* Effect.flip(client.ask())
    }).pipe(
      Effect.scoped,
      Effect.provide(RpcSerialization.layerNdjson),
      Effect.provide(
        HttpRouter.serve(
          RpcServer.layerHttp({ group: Hostile, path: "/rpc", protocol: "http" }).pipe(
            Layer.provide(Hostile.toLayer({ ask: () => Effect.fail(failure) })),
            Layer.provide(RpcSerialization.layerNdjson)
          ),
          { disableLogger: true, disableListenLog: true }
        ).pipe(Layer.provideMerge(NodeHttpServer.layerTest))
      )
    )

  it.effect("is no larger than one that was decoded, and as clean", () =>
    Effect.gen(function* () {
      const failure = yield* asked(
        new RemoteFailure.RemoteFailure({
          code: "biz.forged\nline",
          category: "biz",
          reason: huge,
          detail: "Bearer hunter2hunter2hunter2",
          status: 700,
          visibility: "public",
          hints: Array.from({ length: 1000 }, () => huge.slice(0, 1000)),
          retryable: true,
          retryAfter: Duration.infinity,
          metadata: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, "v".repeat(100)])),
          problem: { type: huge, extensions: { password: "hunter2", deep: [[[[[[["x"]]]]]]] } }
        })
      )
      assert.instanceOf(failure, RemoteFailure.RemoteFailure)
      assert.deepStrictEqual([failure.code, failure.status, failure.hints.length], ["sys.remote_failure", null, 16])
      assert.deepStrictEqual(Classifier.retryAfterOf(failure), Duration.millis(2 ** 31))
      const text = JSON.stringify({ ...failure })
      assert.isBelow(text.length, 100_000)
      assert.notInclude(text, "hunter2")
    })
  )
})
