import { assert, describe, it } from "@effect/vitest"
import { Identity, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Effect, Schema } from "effect"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as fc from "fast-check"
import { Sealed } from "./arbitrary.ts"

const standard = { policy: ExposurePolicy.standard } as const

const stamped = (id?: string) =>
  ErrorSnapshot.stamp(ErrorSnapshot.of(new Reasons.NotFound()), id === undefined ? {} : { id })

describe("Projection.toProblem", () => {
  const decode = Schema.decodeUnknownSync(ProblemDetails.Schema)

  it("is read back by Effect's own codec", () => {
    const problem = Projection.toProblem(new Reasons.NotFound({ detail: "order 7" }), {
      typeBase: "https://errors.example.org/",
      instance: "urn:uuid:1",
      policy: ExposurePolicy.standard
    })
    assert.deepStrictEqual(decode(JSON.parse(JSON.stringify(problem))), problem)
    assert.strictEqual(
      Projection.stringify(problem),
      `{"type":"https://errors.example.org/biz.not_found","title":"not found error","status":404,"detail":"order 7",` +
        `"instance":"urn:uuid:1","code":"biz.not_found","category":"biz","visibility":"public","retryable":false,"hints":[]}`
    )
  })

  it("has a blank type and no detail where there is nothing to say", () => {
    const problem = Projection.toProblem(new Reasons.SystemError({ detail: "disk /dev/sda1" }))
    assert.strictEqual(problem.type, "about:blank")
    assert.notProperty(problem, "detail")
    assert.notProperty(problem, "instance")
  })
})

describe("The URIs of a problem", () => {
  const isUri = (text: unknown): boolean => /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\da-f]{2})*$/i.test(String(text))

  it("hold nothing that may not stand in one", () => {
    const { instance, type } = Projection.toProblem(new Reasons.NotFound(), {
      typeBase: "not a uri {%zz%41",
      instance: "bad uri \n\ud800ä"
    })
    assert.strictEqual(type, "not%20a%20uri%20%7B%25zz%41biz.not_found")
    assert.strictEqual(instance, "bad%20uri%20%0A%EF%BF%BD%C3%A4")
  })

  it("are URIs whatever they are made of, and are left alone if they were", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.webUrl({ withQueryParameters: true }), (text, url) => {
        const given = Projection.toProblem(new Reasons.NotFound(), { typeBase: text, instance: text })
        assert.isTrue(isUri(given.type) && isUri(given.instance))
        const fine = Projection.toProblem(new Reasons.NotFound(), { typeBase: url, instance: url })
        assert.deepStrictEqual([fine.type, fine.instance], [`${url}biz.not_found`, url])
      })
    )
  })
})

describe("A problem of a stamped snapshot", () => {
  it.effect("names the occurrence and the trace", () =>
    Effect.gen(function* () {
      const span = yield* Effect.currentSpan
      const snapshot = yield* stamped()
      const problem = Projection.toProblem(snapshot)
      assert.strictEqual(problem.instance, `urn:occurrence:${snapshot.occurrence?.id}`)
      assert.strictEqual(problem["trace_id"], span.traceId)
      assert.deepStrictEqual(Object.keys(problem), [
        "type",
        "title",
        "status",
        "instance",
        "code",
        "category",
        "visibility",
        "retryable",
        "hints",
        "trace_id"
      ])
    }).pipe(Effect.withSpan("test"))
  )

  it.effect("has the instance it is given, and no trace outside of a span", () =>
    Effect.gen(function* () {
      const problem = Projection.toProblem(yield* stamped(), { instance: "https://example.org/7" })
      assert.strictEqual(problem.instance, "https://example.org/7")
      assert.notProperty(problem, "trace_id")
      assert.notProperty(Projection.toProblem(new Reasons.NotFound()), "instance")
    })
  )

  it.effect("has a URI whatever the id is", () =>
    Effect.gen(function* () {
      for (const [id, instance] of [
        ["req 7/ä", "urn:occurrence:req%207%2F%C3%A4"],
        ["\ud800", "urn:occurrence:%EF%BF%BD"]
      ] as const) {
        assert.strictEqual(Projection.toProblem(yield* stamped(id)).instance, instance)
      }
    })
  )
})

describe("A problem that is read", () => {
  it.effect("is as visible as it says, and no guess is made", () =>
    Effect.gen(function* () {
      for (const failure of [new Sealed({ score: 9 }), new Reasons.NotFound({ detail: "" }), new Reasons.Timeout()]) {
        const { visibility } = ErrorSnapshot.of(failure, standard).decision
        const back = yield* RemoteFailure.decodeProblem(Projection.toProblem(failure, standard))
        assert.strictEqual(back.visibility, visibility)
      }
      // Somebody else's says nothing.
      assert.strictEqual((yield* RemoteFailure.decodeProblem({ detail: "x" })).visibility, "internal")
      assert.strictEqual((yield* RemoteFailure.decodeProblem({ title: "x" })).visibility, "internal")
    })
  )

  it("loses nothing by members that it does not know, wherever they come from", () => {
    const problem = Projection.toProblem(new Reasons.RateLimited({ detail: "7 a second", retryAfter: 1500 }), standard)
    const plain = Effect.runSync(RemoteFailure.decodeProblem(problem))
    const unknown = fc.dictionary(
      fc.string().filter((key) => !Object.hasOwn(problem, key) && !ours.has(key)),
      fc.jsonValue()
    )
    fc.assert(
      fc.property(unknown, (more) => {
        const { problem: said, ...read } = Effect.runSync(RemoteFailure.decodeProblem({ ...more, ...problem }))
        assert.deepStrictEqual(read, { ...plain })
        assert.isAtMost(Object.keys(said?.extensions ?? {}).length, 65)
      })
    )
  })

  const ours: ReadonlySet<string> = new Set(["failure", "violations", "schema_version", "detail", "retry_after_ms"])

  const wrong: ReadonlyArray<readonly [string, unknown]> = [
    ["type", 7],
    ["title", {}],
    ["status", "404"],
    ["detail", ["x"]],
    ["instance", null],
    ["code", 7],
    ["category", "social"],
    ["visibility", "secret"],
    ["retryable", "yes"],
    ["hints", "x"],
    ["retry_after_ms", "soon"],
    ["violations", [{ path: 7 }]],
    ["trace_id", 7],
    ["failure", { version: "1", data: [] }]
  ]
  for (const [member, value] of wrong) {
    it.effect(`is as one without ${member} where that is of the wrong type`, () =>
      Effect.gen(function* () {
        const problem: Record<string, unknown> = {
          ...Projection.toProblem(new Reasons.NotFound({ detail: "order 7" }), { ...standard, carry: "public" })
        }
        const { [member]: _dropped, ...without } = problem
        const one = yield* RemoteFailure.decodeProblem({ ...problem, [member]: value })
        const other = yield* RemoteFailure.decodeProblem(without)
        assert.deepStrictEqual({ ...one }, { ...other })
        assert.strictEqual(Identity.of(one).category, "biz")
      })
    )
  }
})
