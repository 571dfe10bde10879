import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, expect, it, layer } from "@effect/vitest"
import { Failure, Identity, Reasons, Redaction } from "@holdfast/core"
import { ExposurePolicy } from "@holdfast/protocol"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { HttpEdge } from "@holdfast/protocol/http"
import { Effect, ErrorReporter, Layer, Redacted, References, Schema } from "effect"
import * as fc from "fast-check"
import { HttpBody, HttpClient, HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiClient, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "ApiSoldOut",
  {
    sku: Schema.String.check(Schema.isPattern(/^[\w-]+$/)),
    left: Schema.Int,
    shelf: Schema.String,
    card: Failure.sensitive(Schema.String)
  },
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
              new SoldOut({ sku, left: 0, shelf: "B7", card: "4111-secret-card", detail: "paid with 4111-secret-card" })
            )
        }
      }
    })
  )
)

const reported: Array<string> = []

/** It hears of a failure as often as it is reported, which `ErrorReporter.make` does not. */
const everyReport: ErrorReporter.ErrorReporter = {
  [ErrorReporter.TypeId]: ErrorReporter.TypeId,
  report: ({ cause, fiber }) => {
    const { correlation_id } = fiber.getRef(References.CurrentLogAnnotations)
    reported.push(`${Identity.of(cause).code} ${String(correlation_id)}`)
  }
}

const edge: HttpEdge.Options = {
  prefer: "problem",
  titles: { de: { "biz.api.sold_out": "ausverkauft", "http.503": "gerade nicht da" } },
  audience: ({ headers }) => (headers["role"] === "operator" ? "operator" : "client")
}

const served = HttpRouter.serve(
  Layer.mergeAll(HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers)), HttpEdge.layer(edge)),
  { disableLogger: true, disableListenLog: true }
).pipe(
  Layer.provideMerge(NodeHttpServer.layerTest),
  Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard)),
  Layer.provideMerge(Layer.succeed(Redaction.Redaction, Redaction.make({ keys: ["shelf"] }))),
  Layer.provideMerge(ErrorReporter.layer([everyReport]))
)

const order = (sku: string) =>
  Effect.gen(function* () {
    const client = yield* HttpApiClient.make(Api)
    return yield* client.orders.order({ payload: { sku, count: 1 } })
  })

const posted = (body: string, headers: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const response = yield* client.post("/orders", {
      headers: { ...headers, "content-type": "application/json" },
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
      // The redaction policy in force knows a name that the declaration does not.
      assert.deepInclude(json["failure"], {
        data: {
          _tag: "ApiSoldOut",
          sku: "A-1",
          left: 0,
          shelf: "<redacted>",
          card: "<redacted>",
          detail: "paid with <redacted>"
        }
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

  it.effect("speaks under the policies in force, in the language of the caller, to whoever it is", () =>
    Effect.gen(function* () {
      const german = yield* posted(`{"sku":"A-1","count":1}`, { "accept-language": "de" })
      assert.strictEqual(german.json["title"], "ausverkauft")
      assert.strictEqual(german.headers["content-language"], "de")
      const gone = yield* posted(`{"sku":"gone","count":1}`, { "accept-language": "de" })
      assert.strictEqual(gone.json["title"], "gerade nicht da")
      assert.strictEqual(gone.headers["retry-after"], "2")
      assert.notProperty((yield* posted(`{"sku":"A-1","count":1}`)).headers, "content-language")
      const inside = yield* posted(`{"sku":"gone","count":1}`, { role: "operator" })
      assert.deepInclude(inside.json, { title: "ledger gone", detail: "marker: /dev/sdb" })
    })
  )

  it.effect("names the request and the occurrence, and reports it once", () =>
    Effect.gen(function* () {
      reported.length = 0
      const { headers, json } = yield* posted(`{"sku":"none","count":1}`, { "x-correlation-id": "req-7" })
      assert.strictEqual(headers["x-correlation-id"], "req-7")
      assert.match(String(json["instance"]), /^urn:occurrence:[0-9a-f]{32}$/)
      assert.deepStrictEqual(reported, ["biz.not_found req-7"])
    })
  )

  it.effect("answers what cannot be told as its class with the documented problem without it", () =>
    Effect.gen(function* () {
      for (const sku of ["x".repeat(20_000), "4111-secret-card"]) {
        const { headers, json, status, text } = yield* posted(JSON.stringify({ sku, count: 1 }))
        assert.strictEqual(status, 409)
        assert.include(headers["content-type"], "application/problem+json")
        assert.deepInclude(json, { code: "biz.api.sold_out", title: "sold out", status: 409 })
        assert.notProperty(json, "failure")
        assert.property(json, "instance")
        assert.property(headers, "x-correlation-id")
        assert.notInclude(text, "4111")
      }
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

describe("The status of a documented failure", () => {
  it("is the one that the document says, whatever the policy in force", () => {
    const encode = Schema.encodeSync(ApiEdge.problem(SoldOut, { status: 410 }))
    const failure = new SoldOut({ sku: "A-1", left: 0, shelf: "B7", card: "x" })
    assert.strictEqual(encode(failure).status, 410)
    assert.strictEqual(Schema.encodeSync(ApiEdge.problem(SoldOut))(failure).status, 409)
  })

  it("is in the document of a small API, which is pinned", async () => {
    const path = new URL("golden/api.openapi.json", import.meta.url)
    await expect(`${JSON.stringify(OpenApi.fromApi(Api), null, 2)}\n`).toMatchFileSnapshot(path.pathname)
  })
})

class Everything extends Failure.Tagged<Everything>()(
  "ApiEverything",
  {
    password: Failure.sensitive(Schema.String),
    title: Schema.NonEmptyString,
    account: Schema.String.check(Schema.isPattern(/^[a-z]{3,}$/)).pipe(Schema.brand("Account")),
    pin: Schema.Redacted(Schema.Int),
    born: Schema.Redacted(Schema.Date),
    at: Schema.Date,
    total: Schema.BigInt,
    ratio: Schema.Finite,
    card: Schema.Redacted(Schema.Struct({ number: Schema.String, year: Schema.Int })),
    address: Schema.Struct({ street: Schema.String, apiKey: Schema.String }),
    either: Schema.Redacted(Schema.Union([Schema.Int, Schema.Boolean])),
    keys: Schema.Array(Schema.Struct({ id: Schema.Int, key: Schema.Redacted(Schema.String) })),
    list: Schema.Redacted(Schema.Array(Schema.Int)),
    tags: Schema.Array(Schema.String),
    token: Schema.Redacted(Schema.String),
    maybe: Schema.optionalKey(Failure.sensitive(Schema.String.check(Schema.isMinLength(50))))
  },
  { code: "biz.api.everything" }
) {}

describe("A failure with every kind of field", () => {
  const secret = "zzsecretzz"
  const wire = ApiEdge.problem(Everything)

  it("crosses without a secret, whatever rule a mask breaks", () => {
    fc.assert(
      fc.property(
        fc.record({
          title: fc.oneof(fc.constant(secret), fc.string({ minLength: 1 })),
          account: fc.constant("abc"),
          at: fc.date({ max: new Date("9999-12-31T00:00:00.000Z"), min: new Date(0), noInvalidDate: true }),
          total: fc.bigInt({ min: -(10n ** 11n), max: 10n ** 11n }),
          ratio: fc.double({ noNaN: true, noDefaultInfinity: true }).map((ratio) => ratio + 0),
          street: fc.oneof(fc.constant(`at ${secret}`), fc.string()),
          tags: fc.array(fc.oneof(fc.constant(secret), fc.string())),
          pin: fc.integer(),
          born: fc.date({ noInvalidDate: true }),
          either: fc.oneof(fc.integer(), fc.boolean()),
          list: fc.array(fc.integer())
        }),
        fc.boolean(),
        ({ account, born, either, list, pin, street, ...fields }, has) => {
          const failure = new Everything({
            ...fields,
            account: account as never,
            password: secret,
            pin: Redacted.make(pin),
            born: Redacted.make(born),
            either: Redacted.make(either),
            list: Redacted.make(list),
            keys: [{ id: 1, key: Redacted.make(secret) }],
            card: Redacted.make({ number: secret, year: 7 }),
            address: { street, apiKey: secret },
            token: Redacted.make(secret),
            ...(has ? { maybe: secret.repeat(6) } : {})
          })
          const sent = JSON.stringify(Schema.encodeSync(Schema.toCodecJson(wire))(failure))
          assert.notInclude(sent, secret)
          const back = Schema.decodeSync(Schema.toCodecJson(wire))(JSON.parse(sent))
          assert.instanceOf(back, Everything)
          assert.deepStrictEqual([back.at, back.total, back.ratio], [failure.at, failure.total, failure.ratio])
        }
      )
    )
  })
})
