import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Failure, Identity, Reasons } from "@holdfast/core"
import { ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { HttpEdge } from "@holdfast/protocol/http"
import { assertNothingLeaks } from "@holdfast/protocol/testing"
import { Effect, Fiber, Layer, Schema } from "effect"
import {
  HttpClient,
  type HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpEffect,
  HttpServerResponse
} from "effect/http"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "PeersSoldOut",
  { sku: Schema.String },
  { code: "biz.peers.sold_out", detail: ({ sku }) => `${sku} is sold out` }
) {}

const seen: Array<HttpClientRequest.HttpClientRequest> = []

/** A client that is answered at once. */
const answering = (text: string, status = 409, contentType = "application/json"): HttpClient.HttpClient =>
  HttpClient.make((request) => {
    seen.push(request)
    const response = new Response(text, { status, headers: { "content-type": contentType } })
    return Effect.succeed(HttpClientResponse.fromWeb(request, response))
  })

const said = (failure: unknown, options: Projection.Options) => Projection.stringify(Projection.toRpc(failure, options))

describe("HttpEdge.client", () => {
  const body = said(new SoldOut({ sku: "A-1" }), { carry: "public" })

  it.effect("can be piped into, and its types say the same", () =>
    Effect.gen(function* () {
      const last = answering(body).pipe(HttpEdge.client([SoldOut, Reasons.NotFound]))
      const first = HttpEdge.client(answering(body), [SoldOut, Reasons.NotFound])
      expectTypeOf(last).toEqualTypeOf(first)
      expectTypeOf(last).toEqualTypeOf<
        HttpClient.HttpClient.With<
          | HttpClientError.HttpClientError
          | Reasons.NotFound
          | RemoteFailure.RemoteFailure
          | RemoteFailure.UndecodableRemote
          | SoldOut
        >
      >()
      expectTypeOf(answering(body).pipe(HttpEdge.client())).toEqualTypeOf(HttpEdge.client(answering(body)))
      for (const client of [last, first]) {
        const sku = yield* client.get("http://localhost/").pipe(
          Effect.catchTag("PeersSoldOut", ({ sku }) => Effect.succeed(sku)),
          Effect.catchTag("RemoteFailure", ({ code }) => Effect.succeed(code))
        )
        assert.strictEqual(sku, "A-1")
      }
    })
  )

  const within = (options: HttpEdge.Options, ask: Effect.Effect<unknown, unknown>, headers: Record<string, string>) =>
    Effect.promise(() =>
      HttpEffect.toWebHandler(HttpEdge.handled(Effect.as(Effect.exit(ask), HttpServerResponse.empty()), options))(
        new Request("http://localhost/", { headers })
      )
    )

  it.effect("passes on the name of the request that it is asked in, and of no other", () =>
    Effect.gen(function* () {
      const ask = HttpEdge.client(answering("{}", 200)).get("http://localhost/")
      const sent = () => seen.at(-1)!.headers
      yield* within({}, ask, { "x-correlation-id": "request-7" })
      assert.strictEqual(sent()["x-correlation-id"], "request-7")
      yield* within({ correlationHeader: "X-Request-Id" }, Effect.flatMap(Effect.forkChild(ask), Fiber.join), {})
      assert.match(sent()["x-request-id"] ?? "", /^[0-9a-f]{32}$/)
      assert.notProperty(sent(), "x-correlation-id")
      const named = HttpEdge.client(answering("{}", 200)).get("http://localhost/", {
        headers: { "x-correlation-id": "my own" }
      })
      yield* within({}, named, { "x-correlation-id": "request-8" })
      assert.strictEqual(sent()["x-correlation-id"], "my own")
      yield* ask
      assert.notProperty(sent(), "x-correlation-id")
    })
  )

  it.effect("of a generated API client passes it on, too", () =>
    Effect.gen(function* () {
      const Api = HttpApi.make("Peers").add(
        HttpApiGroup.make("all").add(HttpApiEndpoint.get("one", "/one", { success: Schema.Struct({}) }))
      )
      const client = yield* ApiEdge.client(Api, [], { baseUrl: "http://localhost" })
      yield* within({ correlationHeader: "X-Request-Id" }, client.all.one({}), { "x-request-id": "request-9" })
      assert.strictEqual(seen.at(-1)!.headers["x-request-id"], "request-9")
    }).pipe(Effect.provide(Layer.succeed(HttpClient.HttpClient, answering("{}", 200))))
  )
})

describe("A peer that is not trusted", () => {
  const untrusted = (text: string, contentType?: string) =>
    Effect.flip(
      HttpEdge.client(answering(text, 409, contentType), [SoldOut], { trust: "nobody" }).get("http://localhost/")
    )

  const claim = {
    status: 409,
    code: "biz.shop.closed",
    category: "biz",
    reason: "marker reason",
    detail: "marker detail",
    visibility: "public",
    hints: ["marker hint"],
    retryable: false
  } as const

  const policies = [ExposurePolicy.contract, ExposurePolicy.standard]

  it.effect("says nothing to callers in words of its own, whatever it calls public", () =>
    Effect.gen(function* () {
      const decision = {
        http_status: 409,
        visibility: "public",
        default_hints: ["marker"],
        retryable: false,
        title: "marker",
        audience_hints: { partner: ["marker"] }
      }
      const carried = {
        ...claim,
        failure: { version: 1, decision, violations: [{ path: "marker", code: "c", message: "marker" }] }
      }
      const http = { ...Projection.toHttp(new Reasons.NotFound({ detail: "marker" })), hints: ["marker"] }
      for (const [text, type] of [
        [JSON.stringify(claim)],
        [JSON.stringify(carried)],
        [JSON.stringify(http)],
        [JSON.stringify({ ...claim, title: "marker", violations: [] }), "application/problem+json"]
      ] as const) {
        const failure = yield* untrusted(text, type)
        assert.instanceOf(failure, RemoteFailure.RemoteFailure)
        for (const policy of policies) {
          for (const audience of ["client", "partner"] as const) {
            for (const project of [Projection.toHttp, Projection.toRpc, Projection.toProblem, Projection.toCli]) {
              assertNothingLeaks(JSON.stringify(project(failure, { policy, audience, carry: "public" })), ["marker"])
            }
          }
          assert.include(Projection.toLog(failure, { policy }).detail ?? "", "marker")
        }
        assert.strictEqual(Identity.of(failure).code.split(".")[0], "biz")
      }
      const trusted = yield* Effect.flip(HttpEdge.client(answering(JSON.stringify(claim))).get("http://localhost/"))
      assert.strictEqual(Projection.toHttp(trusted).message, "marker detail")
    })
  )

  it.effect("gives back the class that is known, without what it said this once", () =>
    Effect.gen(function* () {
      const body = said(new SoldOut({ sku: "A-1", detail: "marker" }), { carry: "public" })
      const failure = yield* untrusted(body)
      assert.instanceOf(failure, SoldOut)
      assert.deepStrictEqual([failure.sku, failure.detail], ["A-1", undefined])
      assert.strictEqual(Identity.of(failure).detail, "A-1 is sold out")
    })
  )
})
