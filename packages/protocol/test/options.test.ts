import { assert, describe, it } from "@effect/vitest"
import { ConfigError, Failure, Reasons } from "@holdfast/core"
import { ExposurePolicy, Projection } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { Schema } from "effect"

const refused = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    if (error instanceof ConfigError.InvalidValue) return `${error.path} ${error.expected}`
    throw error
  }
  return "taken"
}

describe("Options of an edge", () => {
  it("that are unknown or wrong are refused where they are given, with what was meant", () => {
    for (const [options, said] of [
      [{ prefered: "problem" }, "HttpEdge.layer.prefered is no option, did you mean prefer?"],
      [{ nonsense: 1 }, "HttpEdge.layer.nonsense is no option; there are audience, prefer,"],
      [{ prefer: "xml" }, `HttpEdge.layer.prefer must be "json" or "problem"`],
      [{ audience: "customer" }, "HttpEdge.layer.audience must be"],
      [{ carry: true }, `HttpEdge.layer.carry must be "public" or "all"`],
      ["problem", "HttpEdge.layer must be an object"]
    ] as const) {
      assert.include(
        refused(() => HttpEdge.layer(options as never)),
        said
      )
    }
    assert.strictEqual(
      refused(() => HttpEdge.layer({ prefer: "problem", audience: () => "client", typeBase: undefined as never })),
      "taken"
    )
  })
})

describe("Rules of a policy", () => {
  it("that are unknown, or can never hold, are refused", () => {
    for (const [rules, said] of [
      [{ default: ExposurePolicy.standard }, "ExposurePolicy.make.default is no option; there are byCode, byCategory"],
      [{ byCodes: {} }, "ExposurePolicy.make.byCodes is no option, did you mean byCode?"],
      [{ otherwise: {} }, "ExposurePolicy.make.otherwise must be a function"],
      [{ byCode: { NotFound: {} } }, "ExposurePolicy.make.byCode.NotFound must be a code"],
      [{ byCode: { "biz.*.gone": {} } }, "ExposurePolicy.make.byCode.biz.*.gone must be a code"],
      [
        { byCode: { "biz.a": { status: 404 } } },
        "ExposurePolicy.make.byCode.biz.a.status is no option; there are http_status"
      ],
      [
        { byCode: { "biz.a": { http_status: 200 } } },
        "ExposurePolicy.make.byCode.biz.a.http_status must be a status from 400"
      ],
      [{ byCategory: { biss: {} } }, "ExposurePolicy.make.byCategory.biss is no option, did you mean biz?"]
    ] as const) {
      assert.include(
        refused(() => ExposurePolicy.make(rules as never)),
        said
      )
    }
  })

  it("may hold for the codes that begin alike: the most specific one wins, member by member", () => {
    class Gone extends Failure.Tagged<Gone>()(
      "OptionsGone",
      { id: Schema.String },
      { code: "biz.options.order.gone" }
    ) {}
    const policy = ExposurePolicy.make({
      byCode: {
        "biz.options.order.*": { http_status: 410 },
        "biz.options.*": { http_status: 409, retryable: true, default_hints: ["wide"] },
        "biz.options.order.gone": { default_hints: ["exact"] }
      },
      byCategory: { biz: { http_status: 422, visibility: "internal" } },
      otherwise: ExposurePolicy.standard
    })
    const { decision } = { decision: Projection.toHttp(new Gone({ id: "7" }), { policy }) }
    assert.deepInclude(decision, { status: 410, hints: ["exact"], visibility: "internal" })
    assert.strictEqual(Projection.toHttp(new Reasons.NotFound(), { policy }).status, 422)
  })
})
