import { assert, describe, it } from "@effect/vitest"
import { ConfigError, Failure, Reasons } from "@holdfast/core"
import { ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { Duration, Effect, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Rpc, RpcGroup } from "effect/rpc"

const refused = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    if (error instanceof ConfigError.InvalidValue) {
      return `${error.path} ${error.expected}${error.actual === undefined ? "" : ` (it is ${error.actual})`}`
    }
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
      [{ carry: true }, `HttpEdge.layer.carry must be "public" or "all" (it is true)`],
      [
        { titles: { german: { "biz.not_found": "Nicht gefunden" } } },
        "HttpEdge.layer.titles.german must be under the tag of a language (de, de-AT)"
      ],
      [{ titles: { de_AT: {} } }, "HttpEdge.layer.titles.de_AT must be under the tag of a language"],
      [
        { titles: { de: "Nicht gefunden" } },
        "HttpEdge.layer.titles.de must be an object (it is a text of 14 characters)"
      ],
      [{ titles: { de: { "biz.not_found": 7 } } }, "HttpEdge.layer.titles.de.biz.not_found must be a text (it is 7)"],
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

describe("Options of a server of procedures", () => {
  it("that are unknown or wrong are refused where the layer is made", () => {
    for (const [options, said] of [
      [{ audiance: "client" }, "RpcEdge.layer.audiance is no option, did you mean audience?"],
      [{ audience: "customer" }, "RpcEdge.layer.audience must be"],
      [{ carry: "everything" }, `RpcEdge.layer.carry must be "public" or "all" (it is a text of 10 characters)`],
      [{ prefer: "json" }, "RpcEdge.layer.prefer is no option; there are audience, carry"]
    ] as const) {
      assert.include(
        refused(() => RpcEdge.layer(options as never)),
        said
      )
    }
    assert.strictEqual(
      refused(() => RpcEdge.layer({ audience: () => "partner", carry: "all" })),
      "taken"
    )
  })
})

const web = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}"))))
const answer = HttpClientResponse.fromWeb(
  HttpClientRequest.get("http://localhost"),
  new Response("{}", { status: 500 })
)
const order = HttpApiEndpoint.get("order", "/orders", { success: Schema.String, error: Reasons.NotFound })
const Procedures = RpcGroup.make(Rpc.make("order", { success: Schema.String }))
const Shop = HttpApi.make("Shop").add(HttpApiGroup.make("orders").add(order))

const wrongReading = [
  [{ patience: "soon" }, "patience must be a duration greater than 0 ms"],
  [{ patience: -5 }, "patience must be a duration greater than 0 ms"],
  [{ patience: Number.NaN }, "patience must be a duration greater than 0 ms"],
  [{ patience: {} }, "patience must be a duration greater than 0 ms"],
  [{ patience: true }, "patience must be a duration greater than 0 ms"],
  [{ maxBytes: -1 }, "maxBytes must be a whole number, 0 or more"],
  [{ maxBytes: 1.5 }, "maxBytes must be a whole number, 0 or more"],
  [{ maxBites: 1 }, "maxBites is no option, did you mean maxBytes?"]
] as const

const wrongTrust = [
  [{ trust: "all" }, `trust must be "nobody" or "peer"`],
  [{ baseUrl: "/" }, "baseUrl is no option; there are patience, maxBytes, trust"]
] as const

const wrongBase = [
  [{ baseUrl: 7 }, "baseUrl must be a text, or a URL"],
  [{ misspelt: 1 }, "misspelt is no option; there are patience, maxBytes, baseUrl"],
  [{ trust: "peer" }, "trust is no option"]
] as const

const wrongSpans = [
  [{ spanPrefix: 7 }, "spanPrefix must be a text"],
  [{ spanAttributes: "shop" }, "spanAttributes must be an object"],
  [{ disableTracing: "yes" }, "disableTracing must be true or false"],
  [{ spanprefix: "Shop" }, "spanprefix is no option, did you mean spanPrefix?"]
] as const

const wrongKnown = [
  [{ maxBytes: 1 }, "known must be a list of failure classes; options come after it"],
  [Reasons.NotFound, "known must be a list of failure classes"],
  [[Reasons.NotFound, Error], "known[1] must be a failure class"],
  [[null], "known[0] must be a failure class"]
] as const

describe("Options of an answer made by hand", () => {
  it("are refused as those of the edge are", () => {
    assert.include(
      refused(() => HttpEdge.response(new Reasons.NotFound(), { audiance: "client" } as never)),
      "HttpEdge.response.audiance is no option, did you mean audience?"
    )
  })
})

describe("The classes that a decoder knows", () => {
  it("are classes, or it is said where the list is given, and not of the body", () => {
    const body = Projection.toHttp(new Reasons.NotFound())
    for (const known of [[5], [undefined], { a: 1 }, null]) {
      assert.include(
        refused(() => RemoteFailure.decodeHttp(body, known as never)),
        "RemoteFailure.decodeHttp.known"
      )
    }
  })
})

describe("Options of a client", () => {
  const takers: ReadonlyArray<
    readonly [string, (known: never, options?: never) => unknown, ReadonlyArray<readonly [unknown, string]>]
  > = [
    ["HttpEdge.client", (known, options) => HttpEdge.client(web, known, options), [...wrongReading, ...wrongTrust]],
    ["HttpEdge.client", (known, options) => HttpEdge.client(known, options), [...wrongReading, ...wrongTrust]],
    [
      "HttpEdge.failureOf",
      (known, options) => HttpEdge.failureOf(answer, known, options),
      [...wrongReading, ...wrongTrust]
    ],
    ["ApiEdge.client", (known, options) => ApiEdge.client(Shop, known, options), [...wrongReading, ...wrongBase]],
    ["RpcEdge.client", (known, options) => RpcEdge.client(Procedures, known, options), wrongSpans]
  ]

  it("that are unknown or wrong are refused before anything is asked", () => {
    for (const [place, take, wrong] of takers) {
      for (const [options, said] of wrong) {
        assert.include(
          refused(() => take([] as never, options as never)),
          `${place}.${said}`
        )
      }
      assert.strictEqual(
        refused(() => take([] as never, "10 seconds" as never)),
        `${place} must be an object of options (it is "10 seconds")`
      )
    }
  })

  it("in the place of the known classes, or no classes there, are told apart", () => {
    for (const [place, take] of takers) {
      for (const [known, said] of wrongKnown) {
        assert.include(
          refused(() => take(known as never)),
          `${place}.${said}`
        )
      }
    }
  })

  it("that are right are taken, in every place", () => {
    for (const [, take] of takers) {
      if (take === takers.at(-1)![1]) continue
      for (const patience of ["2 seconds", 5, Duration.infinity, { seconds: 1 }, undefined]) {
        assert.strictEqual(
          refused(() => take([Reasons.NotFound] as never, { patience, maxBytes: 0 } as never)),
          "taken"
        )
      }
      assert.strictEqual(
        refused(() => take(undefined as never)),
        "taken"
      )
    }
    assert.strictEqual(
      refused(() => ApiEdge.client(Shop, [], { baseUrl: new URL("http://localhost") })),
      "taken"
    )
  })
})

describe("Options of a documented failure", () => {
  it("that are unknown or wrong are refused where the API is written", () => {
    for (const [options, said] of [
      [{ status: 200 }, "status must be a status from 400 to 599"],
      [{ status: 600 }, "status must be a status from 400 to 599"],
      [{ status: "409" }, "status must be a status from 400 to 599"],
      [{ staus: 409 }, "staus is no option, did you mean status?"],
      [{ typeBase: 7 }, "typeBase must be a text"]
    ] as const) {
      assert.include(
        refused(() => ApiEdge.problem(Reasons.NotFound, options as never)),
        `ApiEdge.problem.${said}`
      )
    }
    assert.strictEqual(
      refused(() => ApiEdge.problem(Reasons.NotFound, { status: 410, typeBase: "urn:shop:" })),
      "taken"
    )
    for (const [options, said] of [
      [{ typeBase: 7 }, "typeBase must be a text"],
      [{ status: 409 }, "status is no option; there is typeBase"],
      [{ typeBas: "" }, "typeBas is no option, did you mean typeBase?"]
    ] as const) {
      assert.include(
        refused(() => ApiEdge.api(Shop, options as never)),
        `ApiEdge.api.${said}`
      )
    }
  })

  it("do not stand where a class is meant", () => {
    for (const [classes, said] of [
      [[Reasons.NotFound, { status: 409 }], "ApiEdge.problems[1] must be a failure class"],
      [[[Reasons.NotFound]], "ApiEdge.problems[0] must be a failure class"]
    ] as const) {
      assert.include(
        refused(() => ApiEdge.problems(...(classes as never))),
        said
      )
    }
    assert.include(
      refused(() => ApiEdge.problem(Schema.String as never)),
      "ApiEdge.problem must be a failure class"
    )
    assert.include(
      refused(() => ApiEdge.problem(RemoteFailure.RemoteFailure)),
      "ApiEdge.problem must be a class with a code of its own"
    )
    assert.strictEqual(
      refused(() => ApiEdge.api(5 as never)),
      "ApiEdge.api must be an HttpApi (it is 5)"
    )
  })
})

describe("A policy as a layer", () => {
  it("is a function, or refused when the layer is made", () => {
    for (const policy of ["standard", {}, undefined, null]) {
      assert.include(
        refused(() => ExposurePolicy.layer(policy as never)),
        "ExposurePolicy.layer must be a policy, which is a function (ExposurePolicy.standard)"
      )
    }
    assert.strictEqual(
      refused(() => ExposurePolicy.layer(ExposurePolicy.standard)),
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
      [{ byCode: { "biz.": {} } }, "ExposurePolicy.make.byCode.biz. must be a code"],
      [{ byCode: { "biz.*.gone": {} } }, "ExposurePolicy.make.byCode.biz.*.gone must be a code"],
      [
        { byCode: { "biz.a": { status: 404 } } },
        "ExposurePolicy.make.byCode.biz.a.status is no option; there are http_status"
      ],
      [
        { byCode: { "biz.a": { http_status: 200 } } },
        "ExposurePolicy.make.byCode.biz.a.http_status must be a status from 400"
      ],
      [{ byCategory: { bizz: {} } }, "ExposurePolicy.make.byCategory.bizz is no option, did you mean biz?"]
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

  it.effect("may hold for the codes of another house, which have a syntax of their own", () =>
    Effect.gen(function* () {
      const policy = ExposurePolicy.make({
        byCode: { "shop.OrderGone": { http_status: 410 }, PAYMENT_DECLINED: { http_status: 402 } },
        otherwise: ExposurePolicy.standard
      })
      for (const [code, status] of [
        ["shop.OrderGone", 410],
        ["PAYMENT_DECLINED", 402]
      ] as const) {
        const problem = { type: "about:blank", title: "no", status: 400, code }
        const failure = yield* RemoteFailure.decodeProblem(problem)
        assert.strictEqual(Projection.toHttp(failure, { policy }).status, status)
      }
    })
  )
})
