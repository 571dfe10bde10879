import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Classifier, Failure, Identity, Reasons } from "@holdfast/core"
import { ExposurePolicy, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { Duration, Effect, Layer, Schema } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"

class Sold extends Failure.Tagged<Sold>()(
  "ApiClientSold",
  {
    sku: Schema.String.check(Schema.isPattern(/^[\w-]+$/)),
    card: Schema.optionalKey(Failure.sensitive(Schema.String))
  },
  { code: "biz.api_client.sold", http: 409, retry: "throttled" }
) {}

class Plain extends Schema.TaggedError<Plain>()("ApiClientPlain", { why: Schema.String }) {}

const Api = HttpApi.make("Shop").add(
  HttpApiGroup.make("orders").add(
    HttpApiEndpoint.post("order", "/orders", {
      payload: Schema.Struct({ sku: Schema.String }),
      success: Schema.String,
      error: [ApiEdge.problem(Sold), ApiEdge.problem(Reasons.NotFound), Plain.pipe(HttpApiSchema.status(402))]
    })
  )
)

const another = Effect.runSync(
  RemoteFailure.decodeProblem({ title: "marker: another house", code: "biz.another", category: "biz", status: 400 })
)

const handlers = HttpApiBuilder.group(Api, "orders", (handlers) =>
  Effect.succeed(
    handlers.handleAll({
      order: ({ payload: { sku } }) => {
        switch (sku) {
          case "none":
            return Effect.fail(new Reasons.NotFound({ detail: "no such sku" }))
          case "plain":
            return Effect.fail(new Plain({ why: "because" }))
          case "busy":
            return Effect.die(HttpServerResponse.empty({ status: 503, headers: { "retry-after": "3" } }))
          case "limited":
            return Effect.flatMap(HttpEdge.response(new Reasons.RateLimited({ retryAfter: 2000 })), Effect.die)
          case "bug":
            return Effect.die(new Error("marker"))
          case "another":
            return Effect.fail(another)
          case "masked":
            // The secret stands where a rule does not let its mask stand.
            return Effect.fail(new Sold({ sku: "hunter2", card: "hunter2", retryAfter: "2 seconds" }))
          default:
            return Effect.fail(new Sold({ sku, detail: "sold", retryAfter: "2 seconds" }))
        }
      }
    })
  )
)

const served = HttpRouter.serve(
  Layer.mergeAll(HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers)), HttpEdge.layer({ prefer: "problem" })),
  { disableLogger: true, disableListenLog: true }
).pipe(
  Layer.provideMerge(NodeHttpServer.layerTest),
  Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard))
)

const generated = (sku: string) =>
  Effect.gen(function* () {
    const client = yield* HttpApiClient.make(Api)
    return yield* Effect.flip(client.orders.order({ payload: { sku } }))
  })

const ours = (sku: string) =>
  Effect.gen(function* () {
    const client = yield* ApiEdge.client(Api, [Reasons.RateLimited])
    return yield* Effect.flip(client.orders.order({ payload: { sku } }))
  })

const remote = (failure: unknown, code: string, status: number): RemoteFailure.RemoteFailure => {
  assert.instanceOf(failure, RemoteFailure.RemoteFailure)
  assert.deepStrictEqual([failure.code, failure.status], [code, status])
  return failure
}

layer(served)("A generated client", (it) => {
  for (const [name, ask] of [
    ["of HttpApiClient", generated],
    ["of ApiEdge", ours]
  ] as const) {
    it.effect(`${name} gets a typed failure of what goes without its fields`, () =>
      Effect.gen(function* () {
        for (const sku of ["x".repeat(20_000), "masked"]) {
          const failure = remote(yield* ask(sku), "biz.api_client.sold", 409)
          assert.strictEqual(failure.reason, "sold")
          assert.deepStrictEqual(Classifier.retryAfterOf(failure), Duration.seconds(2))
          assert.strictEqual(Classifier.classify(failure).retry, "transient")
          assert.match(failure.problem?.instance ?? "", /^urn:occurrence:/)
        }
      })
    )

    it.effect(`${name} gets what an endpoint declares as it is`, () =>
      Effect.gen(function* () {
        const sold = yield* ask("A-1")
        assert.instanceOf(sold, Sold)
        assert.deepStrictEqual([sold.sku, sold.detail], ["A-1", "sold"])
        assert.instanceOf(yield* ask("none"), Reasons.NotFound)
        assert.instanceOf(yield* ask("plain"), Plain)
      })
    )
  }

  it.effect("of ApiEdge gets what no endpoint declares, too", () =>
    Effect.gen(function* () {
      assert.instanceOf(yield* ours("limited"), Reasons.RateLimited)
      remote(yield* ours("bug"), "logic.internal_invariant_broken", 500)
      const busy = remote(yield* ours("busy"), "sys.network_error", 503)
      assert.deepStrictEqual(Classifier.retryAfterOf(busy), Duration.seconds(3))
    })
  )

  it.effect("of HttpApiClient takes HttpEdge.client where it takes any client", () =>
    Effect.gen(function* () {
      const httpClient = HttpEdge.client(yield* HttpClient.HttpClient, [Sold])
      const client = yield* HttpApiClient.makeWith(Api, { httpClient })
      const sold = yield* client.orders
        .order({ payload: { sku: "A-1" } })
        .pipe(Effect.catchTag("ApiClientSold", ({ sku }) => Effect.succeed(sku)))
      assert.strictEqual(sold, "A-1")
    })
  )
})

layer(served)("What an endpoint passes on of another program", (it) => {
  it.effect("is answered as what nobody declares, not as what the endpoint does", () =>
    Effect.gen(function* () {
      const failure = remote(yield* ours("another"), "biz.another", 400)
      assert.isUndefined(failure.detail)
      assert.notInclude(failure.reason, "marker")
    })
  )
})

describe("A client of ApiEdge", () => {
  const answering = (answer: Response) =>
    Effect.gen(function* () {
      const client = yield* ApiEdge.client(Api, [], { baseUrl: "http://localhost", maxBytes: 1000 })
      return yield* Effect.flip(client.orders.order({ payload: { sku: "a" } }))
    }).pipe(
      Effect.provideService(
        HttpClient.HttpClient,
        HttpClient.make((request: HttpClientRequest.HttpClientRequest) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, answer))
        )
      )
    )

  it.effect("gets a typed failure of whatever stands in the place of a declared error", () =>
    Effect.gen(function* () {
      for (const body of [
        "",
        "<html>",
        "{}",
        "[".repeat(5000),
        `{"type":"urn:failure:biz.api_client.sold"}`,
        "x".repeat(5000)
      ]) {
        for (const status of [409, 418, 500, 599]) {
          const failure = yield* answering(
            new Response(body, { status, headers: { "content-type": "application/problem+json" } })
          )
          assert.isTrue(Failure.isFailure(failure), `${status} ${body.slice(0, 20)}`)
          assert.notStrictEqual(Identity.of(failure).category, "logic")
        }
      }
    })
  )

  it.effect("gets a later version of a declared failure as a RemoteFailure with its code", () =>
    Effect.gen(function* () {
      const problem = {
        type: "urn:failure:biz.api_client.sold",
        title: "sold",
        status: 409,
        code: "biz.api_client.sold",
        category: "biz",
        visibility: "public",
        retryable: false,
        hints: [],
        failure: { version: 1, data: { _tag: "ApiClientSold", sku: 7 } }
      }
      const failure = yield* answering(
        new Response(JSON.stringify(problem), { status: 409, headers: { "content-type": "application/problem+json" } })
      )
      remote(failure, "biz.api_client.sold", 409)
    })
  )
})

describe("The schema of a failure as a problem", () => {
  it("gives a class that needs no fields back without them", () => {
    const problem = ApiEdge.problem(Reasons.Timeout)
    const { failure: _, ...bare } = Schema.encodeSync(problem)(new Reasons.Timeout({ retryAfter: 1500 })) as Record<
      string,
      unknown
    >
    const back = Schema.decodeUnknownSync(problem)(bare)
    assert.instanceOf(back, Reasons.Timeout)
    assert.deepStrictEqual(Classifier.retryAfterOf(back), Duration.millis(1500))
  })

  it("gives a RemoteFailure for the fields of another version of the class", () => {
    const problem = ApiEdge.problem(Sold)
    const sent = Schema.encodeSync(problem)(new Sold({ sku: "A-1", detail: "sold" })) as Record<string, unknown>
    for (const failure of [
      { version: 1, data: { _tag: "ApiClientSold", sku: 7 } },
      { version: 2, data: { _tag: "ApiClientSold", sku: "A-1" } },
      { version: 1, data: null },
      7
    ]) {
      const back = remote(Schema.decodeUnknownSync(problem)({ ...sent, failure }), "biz.api_client.sold", 409)
      assert.strictEqual(back.detail, "sold")
    }
    assert.instanceOf(Schema.decodeUnknownSync(problem)(sent), Sold)
  })

  it("gives a class that is not tried again where the other side has decided so", () => {
    const problem = ApiEdge.problem(Reasons.Timeout)
    const sent = Schema.encodeSync(problem)(new Reasons.Timeout({ operation: "pay", retryAfter: 1500 }))
    const back = Schema.decodeUnknownSync(problem)(sent)
    assert.instanceOf(back, Reasons.Timeout)
    assert.strictEqual(Classifier.classify(back).retry, "transient")
    const data = { _tag: "Timeout", operation: "pay", retryAfter: 1500 }
    const refused = Schema.decodeUnknownSync(problem)({ ...sent, retryable: false, failure: { version: 1, data } })
    assert.instanceOf(refused, Reasons.Timeout)
    assert.strictEqual(refused.operation, "pay")
    assert.deepStrictEqual([Classifier.classify(refused).retry, refused.retryAfter], ["never", undefined])
  })

  it("does not encode what another program failed with where nobody asked", () => {
    assert.throws(() => Schema.encodeSync(ApiEdge.problem(Sold))(another), /RemoteFailure/)
  })
})
