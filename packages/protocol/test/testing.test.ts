import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { HttpEdge } from "@holdfast/protocol/http"
import { answer, assertNothingLeaks, assertProblem, AssertionFailed } from "@holdfast/protocol/testing"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "TestingSoldOut",
  { sku: Schema.String, card: Failure.sensitive(Schema.String) },
  { code: "biz.testing.sold_out", http: 409 }
) {}

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/orders/:id", Effect.fail(new Reasons.NotFound({ detail: "order 7" }))),
  HttpRouter.add("GET", "/empty", HttpServerResponse.empty()),
  HttpRouter.add(
    "POST",
    "/echo",
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => Effect.map(request.text, HttpServerResponse.text))
  )
)

const edged = Layer.mergeAll(routes, HttpEdge.layer({ prefer: "problem" }))

const refused = (assertion: () => unknown): string => {
  try {
    assertion()
  } catch (error) {
    assert.instanceOf(error, AssertionFailed)
    return error.message
  }
  return assert.fail("it holds")
}

describe("answer", () => {
  it.effect("says what routes answer to one request", () =>
    Effect.gen(function* () {
      const found = yield* answer(edged, "/orders/7")
      assert.deepInclude(found, { status: 400 })
      assert.deepInclude(found.json, { code: "biz.not_found", detail: "order 7" })
      assert.strictEqual(found.headers["content-type"], "application/problem+json")
      const echo = yield* answer(edged, new Request("http://localhost/echo", { method: "POST", body: "hello" }))
      assert.deepInclude(echo, { status: 200, text: "hello", json: undefined })
      assert.deepInclude(yield* answer(edged, "/empty"), { status: 204, text: "" })
    })
  )

  it.effect("says what an HttpApi answers, with services provided", () =>
    Effect.gen(function* () {
      const Card = Context.Service<string>("testing/Card")
      const Api = HttpApi.make("Testing").add(
        HttpApiGroup.make("orders").add(
          HttpApiEndpoint.get("order", "/order", { success: Schema.String, error: ApiEdge.problem(SoldOut) })
        )
      )
      const handlers = HttpApiBuilder.group(Api, "orders", (group) =>
        group.handle("order", () => Effect.flatMap(Card, (card) => Effect.fail(new SoldOut({ sku: "A-1", card }))))
      )
      const api = Layer.provide(HttpApiBuilder.layer(Api), Layer.provide(handlers, Layer.succeed(Card, "4111-marker")))
      const said = yield* answer(api, "/order")
      assertProblem(said, { code: SoldOut, status: 409 })
      assertNothingLeaks(said, ["4111-marker"])
    })
  )

  it.effect("takes the app down again, and dies where it cannot be built or breaks off", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const database = Layer.effectDiscard(
        Effect.acquireRelease(
          Effect.sync(() => said.push("up")),
          () => Effect.sync(() => said.push("down"))
        )
      )
      yield* answer(Layer.mergeAll(routes, database), "/empty")
      assert.deepStrictEqual(said, ["up", "down"])
      const broken = Layer.mergeAll(routes, Layer.effectDiscard(Effect.fail("no database")))
      assert.strictEqual((yield* Effect.exit(answer(broken, "/empty")))._tag, "Failure")
      const breaking = HttpRouter.add("GET", "/", HttpServerResponse.stream(Stream.fail("down")))
      assert.strictEqual((yield* Effect.exit(answer(breaking, "/")))._tag, "Failure")
    })
  )
})

describe("assertProblem", () => {
  it.effect("holds of the problem that is expected, and says what another one has", () =>
    Effect.gen(function* () {
      const said = yield* answer(edged, "/orders/7")
      const problem = assertProblem(said, { code: Reasons.NotFound, status: 400, detail: "order 7", retryable: false })
      assert.strictEqual(problem["title"], "not found error")
      assert.strictEqual(
        refused(() => assertProblem(said, { code: "biz.conflict" })),
        `code: expected "biz.conflict", got "biz.not_found"`
      )
      assert.include(
        refused(() => assertProblem(said, { code: Reasons.NotFound, status: 404 })),
        "status: expected 404, got 400"
      )
      assert.include(
        refused(() => assertProblem(said, { code: Reasons.NotFound, detail: "x" })),
        "detail"
      )
      const lying = { ...said, status: 200 }
      assert.include(
        refused(() => assertProblem(lying, { code: Reasons.NotFound })),
        "status"
      )
      const plain = yield* answer(Layer.mergeAll(routes, HttpEdge.layer()), "/orders/7")
      assert.include(
        refused(() => assertProblem(plain, { code: Reasons.NotFound })),
        "content type"
      )
      assert.include(
        refused(() => assertProblem({ ...said, json: [] }, { code: Reasons.NotFound })),
        "body"
      )
    })
  )
})

describe("assertNothingLeaks", () => {
  const secret = `hunter2 "Ä"`
  const shapes = {
    "in clear text": secret,
    "as JSON": JSON.stringify({ text: secret }),
    "percent-encoded": encodeURIComponent(secret),
    "in base64": Buffer.from(secret).toString("base64"),
    "in hex": Buffer.from(secret).toString("hex")
  }

  for (const [shape, form] of Object.entries(shapes)) {
    it(`finds a secret ${shape}, and does not repeat it`, () => {
      const message = refused(() => assertNothingLeaks(`x${form}y`, ["other", secret]))
      assert.strictEqual(message, `secret 2 of 2 is in the text, ${shape}`)
    })
  }

  it("looks at the headers, too, and at nothing that is no secret", () => {
    const said = { status: 200, headers: { "x-debug": "hunter2" }, text: "", json: undefined }
    assert.strictEqual(
      refused(() => assertNothingLeaks(said, ["hunter2"])),
      "secret 1 of 1 is in the header x-debug, in clear text"
    )
    assertNothingLeaks(said, ["hunter3"])
    // The hex of this one is anywhere.
    assertNothingLeaks("0x1b", ["\u001b"])
    assertNothingLeaks("", [])
    assert.include(
      refused(() => assertNothingLeaks("", [""])),
      "empty"
    )
  })
})
