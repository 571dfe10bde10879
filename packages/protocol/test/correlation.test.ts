import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { HttpEdge } from "@holdfast/protocol/http"
import { Cause, Effect, Exit, Layer } from "effect"
import { HttpEffect, HttpRouter } from "effect/http"

const wrong = ["bad header\n", "", "a:b", "größe"]

describe("A correlation header that is no name of a header", () => {
  for (const correlationHeader of wrong) {
    const name = JSON.stringify(correlationHeader)

    it.effect(`stops the layer where it is built: ${name}`, () =>
      Effect.gen(function* () {
        const app = Layer.provide(HttpEdge.layer({ correlationHeader }), HttpRouter.layer)
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(app)))
        assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason))
      })
    )

    it(`is answered as a defect where there is no layer: ${name}`, async () => {
      const handled = HttpEdge.handled(Effect.fail(new Reasons.NotFound()), { correlationHeader })
      const { status } = await HttpEffect.toWebHandler(handled)(new Request("http://localhost/"))
      assert.strictEqual(status, 500)
    })
  }

  it("is not one that is", async () => {
    const handled = HttpEdge.handled(Effect.fail(new Reasons.NotFound()), { correlationHeader: "X-Request_Id" })
    const response = await HttpEffect.toWebHandler(handled)(new Request("http://localhost/"))
    assert.match(response.headers.get("x-request_id") ?? "", /^\w{32}$/)
  })
})
