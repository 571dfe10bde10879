import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { HttpEdge } from "@holdfast/protocol/http"
import { Effect } from "effect"
import { HttpEffect } from "effect/http"

const wrong = ["bad header\n", "", "a:b", "größe", "Content-Type", "set-cookie", "retry-after"]

describe("A correlation header that is no name of a header", () => {
  for (const correlationHeader of wrong) {
    const name = JSON.stringify(correlationHeader)

    it(`is refused where it is given: ${name}`, () => {
      assert.throws(() => HttpEdge.layer({ correlationHeader }), "HttpEdge.layer.correlationHeader")
      assert.throws(() => HttpEdge.handled(Effect.void as never, { correlationHeader }), "must be the name of a header")
    })
  }

  it("is not one that is", async () => {
    const handled = HttpEdge.handled(Effect.fail(new Reasons.NotFound()), { correlationHeader: "X-Request_Id" })
    const response = await HttpEffect.toWebHandler(handled)(new Request("http://localhost/"))
    assert.match(response.headers.get("x-request_id") ?? "", /^\w{32}$/)
  })
})
