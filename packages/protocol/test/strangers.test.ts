import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Identity, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import { exits } from "./exits.ts"

const read = (body: unknown): RemoteFailure.RemoteFailure => Effect.runSync(RemoteFailure.decodeProblem(body))

/** The example of RFC 9457. */
const outOfCredit = {
  type: "https://example.com/probs/out-of-credit",
  title: "You do not have enough credit.",
  detail: "Your current balance is 30, but that costs 50.",
  instance: "/account/12345/msgs/abc",
  balance: 30,
  accounts: ["/account/12345", "/account/67890"]
}

describe("A problem of another house", () => {
  it("keeps its type, its instance, its trace and the members that nobody here knows", () => {
    const { code, problem } = read({ ...outOfCredit, trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" })
    assert.strictEqual(code, "sys.remote_failure")
    assert.deepStrictEqual(problem, {
      type: "https://example.com/probs/out-of-credit",
      instance: "/account/12345/msgs/abc",
      trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
      extensions: { balance: 30, accounts: ["/account/12345", "/account/67890"] }
    })
  })

  it("says nothing of itself where there is nothing, or nothing of the right type", () => {
    for (const body of [
      { title: "x" },
      { type: "about:blank", title: "x" },
      { type: 7, instance: null, trace_id: {}, status: "409" }
    ]) {
      assert.isUndefined(read(body).problem)
    }
  })

  const types: ReadonlyArray<readonly [string, string]> = [
    ["https://errors.example.org/biz.stock.sold_out", "biz.stock.sold_out"],
    ["https://errors.example.org/all#sys.timeout", "sys.timeout"],
    ["urn:failure:conf.core_invalid", "conf.core_invalid"],
    ["logic.torn", "logic.torn"],
    ["https://errors.example.org/biz.Stock", "sys.remote_failure"],
    ["https://errors.example.org/biz", "sys.remote_failure"],
    ["https://errors.example.org/biz.stock/", "sys.remote_failure"],
    ["https://errors.example.org/?of=biz.stock", "sys.remote_failure"],
    ["https://example.org/readme.md", "sys.remote_failure"],
    [`https://example.org/${"x".repeat(3000)}/biz.stock`, "sys.remote_failure"]
  ]
  for (const [type, code] of types) {
    it(`whose type is ${type.slice(0, 60)} has the code ${code}`, () => {
      const failure = read({ type, title: "x", detail: "y" })
      assert.strictEqual(failure.code, code)
      // It was written for nobody in particular all the same.
      assert.strictEqual(failure.visibility, "internal")
    })
  }

  it("comes back as its class by its type, and its own code goes first", () => {
    const known = [Reasons.NotFound] as const
    const type = "https://errors.example.org/biz.not_found"
    assert.instanceOf(Effect.runSync(RemoteFailure.decodeProblem({ type }, known)), Reasons.NotFound)
    assert.strictEqual(read({ type, code: "biz.conflict" }).code, "biz.conflict")
    for (const code of [7, "two words", ""]) assert.strictEqual(read({ type, code }).code, "biz.not_found")
  })

  it("shows what it says of itself to nobody, and loses it on the way to the next program", () => {
    const marked = {
      ...outOfCredit,
      code: "biz.marked",
      visibility: "public",
      type: "https://marker.example.org/",
      instance: "urn:marker",
      trace_id: "marker",
      marker: ["marker"]
    }
    const failure = read(marked)
    for (const carry of [undefined, "public", "all"] as const) {
      for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard]) {
        const options = { policy, ...(carry === undefined ? {} : { carry }) }
        for (const [exit, text] of Object.entries(exits(failure, options))) {
          assert.notInclude(text.replaceAll("biz.marked", ""), "marker", exit)
        }
      }
    }
  })

  it("is kept without what looks like a secret", () => {
    const { problem } = read({
      title: "x",
      type: "https://user:hunter2@example.org/",
      instance: "https://example.org/?token=hunter2",
      password: "hunter2",
      nested: { apiKey: "hunter2", header: "Bearer hunter2hunter2hunter2" }
    })
    assert.notInclude(JSON.stringify(problem), "hunter2")
  })

  it("is kept no further than is bounded, with a mark where something was left out", () => {
    let deep: unknown = "root"
    for (let i = 0; i < 5000; i++) deep = [deep]
    for (const more of [
      Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`m${i}`, i])),
      { long: "x".repeat(900_000) },
      { list: Array.from({ length: 100_000 }, () => "x") },
      { deep }
    ]) {
      const text = JSON.stringify(read({ title: "x", ...more }).problem)
      assert.isBelow(text.length, 12_000)
      assert.match(text, /…|\[too deep\]/)
    }
  })

  it("pollutes nothing", () => {
    const { problem } = read(`{"title":"x","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`)
    assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
    assert.strictEqual(
      JSON.stringify(problem?.extensions),
      `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`
    )
  })

  it("survives the schema of RemoteFailure, whatever it says", () => {
    const codec = Schema.toCodecJson(RemoteFailure.RemoteFailure)
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (more) => {
        const failure = read({ ...more, title: "x" })
        const sent = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(failure))) as unknown
        const back = Schema.decodeUnknownSync(codec)(sent)
        assert.deepStrictEqual(JSON.stringify(back.problem), JSON.stringify(failure.problem))
      })
    )
  })
})

describe("A problem of ours", () => {
  it.effect("names the occurrence and the trace that it was made with", () =>
    Effect.gen(function* () {
      const span = yield* Effect.currentSpan
      const snapshot = yield* ErrorSnapshot.stamp(ErrorSnapshot.of(new Reasons.NotFound()), { id: "7" })
      const failure = read(Projection.toProblem(snapshot, { typeBase: "urn:failure:" }))
      assert.deepStrictEqual(failure.problem, {
        type: "urn:failure:biz.not_found",
        instance: "urn:occurrence:7",
        trace_id: span.traceId
      })
    }).pipe(Effect.withSpan("test"))
  )
})

class Torn extends Failure.Tagged<Torn>()("StrangerTorn", { row: Schema.Int }, { code: "sys.stranger.torn" }) {}

describe("A log line", () => {
  const torn = new Torn({ row: 7, detail: "half a row" })

  it("carries the fields only where it was asked to, and then gives back the class", () => {
    assert.deepStrictEqual(Object.keys(Projection.toLog(torn)), [
      "code",
      "category",
      "reason",
      "detail",
      "operation",
      "path",
      "visibility",
      "hints",
      "root_metadata",
      "context",
      "source_frames"
    ])
    assert.notProperty(Projection.toLog(torn, { carry: "public" }), "failure")
    const line = Projection.stringify(Projection.toLog(torn, { carry: "all" }))
    const back = Effect.runSync(RemoteFailure.decodeLog(line, [Torn]))
    assert.instanceOf(back, Torn)
    assert.strictEqual(back.row, 7)
    const bare = Effect.runSync(RemoteFailure.decodeLog(Projection.toLog(torn), [Torn]))
    assert.strictEqual(bare._tag, "RemoteFailure")
  })

  it("of another audience than operators carries what was asked for, as every format does", () => {
    const line = Projection.toLog(torn, { carry: "all", audience: "client" })
    assert.isNull(line.detail)
    assert.instanceOf(Effect.runSync(RemoteFailure.decodeLog(line, [Torn])), Torn)
  })

  it("inside of an entry is read in the same way", () => {
    const entry = { level: "ERROR", failure: Projection.toLog(torn, { carry: "all" }) }
    assert.strictEqual(Identity.of(Effect.runSync(RemoteFailure.decodeLog(entry))).detail, "half a row")
    assert.instanceOf(Effect.runSync(RemoteFailure.decodeLog(entry, [Torn])), Torn)
  })
})

describe("Classifier.ofStatus", () => {
  it("is the table that an answer without a body goes by", () => {
    for (const [status, code, retry] of [
      [401, "biz.unauthenticated", "never"],
      [404, "biz.not_found", "never"],
      [429, "biz.rate_limited", "throttled"],
      [500, "sys.external_service_error", "never"],
      [503, "sys.network_error", "transient"]
    ] as const) {
      const classification = Classifier.ofStatus(status)
      assert.deepStrictEqual([classification.code, classification.retry], [code, retry])
    }
  })
})
