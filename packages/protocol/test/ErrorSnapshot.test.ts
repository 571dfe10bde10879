import { assert, describe, it } from "@effect/vitest"
import { Classifier, Operation, Reasons, Redaction } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause, Effect, Option, Schema } from "effect"
import * as fc from "fast-check"
import { raised, threeLayers } from "./support.ts"

const codec = Schema.toCodecJson(ErrorSnapshot.ErrorSnapshot)
const decode = Schema.decodeUnknownSync(codec)
const encode = Schema.encodeSync(codec)

const anyChar = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff }))
const text = fc.array(anyChar, { maxLength: 40 }).map((codes) => String.fromCharCode(...codes))
const metadata = fc.dictionary(
  fc.oneof(text, fc.constantFrom("__proto__", "constructor", "1")),
  fc.oneof(text, fc.boolean(), fc.double(), fc.integer(), fc.bigInt())
)
const details = fc.record(
  {
    at: text,
    fields: fc.array(fc.tuple(text, fc.anything())),
    metadata
  },
  { requiredKeys: [] }
)

const failures: fc.Arbitrary<unknown> = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc
    .tuple(
      fc.constantFrom(Reasons.NotFound, Reasons.SystemError, Reasons.Timeout, Reasons.LogicError),
      fc.record({ detail: text, position: text, cause: fc.oneof(tie("tree"), fc.anything()) }, { requiredKeys: [] }),
      fc.array(fc.tuple(text, details), { maxLength: 4 })
    )
    .map(([Reason, props, operations]) =>
      raised(
        new Reason(props),
        ...operations.map(
          ([action, of]) =>
            <E>(self: Effect.Effect<never, E>) =>
              Operation.doing(self, action, of)
        )
      )
    )
})).tree

describe("ErrorSnapshot", () => {
  it("survives JSON as it was, whatever it is made from", () => {
    fc.assert(
      fc.property(fc.oneof(failures, fc.anything({ withNullPrototype: true, withBigInt: true })), (error) => {
        const snapshot = ErrorSnapshot.of(error)
        const back = decode(JSON.parse(JSON.stringify(encode(snapshot))))
        assert.deepStrictEqual(back, snapshot)
        assert.strictEqual(JSON.stringify(back), JSON.stringify(snapshot))
        assert.deepStrictEqual(Projection.toLog(back), Projection.toLog(snapshot))
      }),
      { numRuns: 500 }
    )
  })

  it("has a version, and refuses one it does not know", () => {
    const snapshot = ErrorSnapshot.of(new Reasons.NotFound())
    assert.strictEqual(Object.keys(snapshot)[0], "schema_version")
    assert.strictEqual(snapshot.schema_version, 1)
    assert.isTrue(Option.isSome(ErrorSnapshot.fromUnknown({ ...snapshot })))
    assert.isTrue(Option.isNone(ErrorSnapshot.fromUnknown({ ...snapshot, schema_version: 2 })))
  })

  it("keeps the metadata and the causes that the seed's own form lost", () => {
    const encoded = JSON.stringify(ErrorSnapshot.of(threeLayers()))
    assert.include(encoded, `"root_metadata":{"component.name":"engine"}`)
    assert.include(encoded, "not a number")
  })

  it("writes what is no exact number elsewhere as text", () => {
    const failure = raised(
      new Reasons.DataError(),
      Operation.annotate({ metadata: { big: 2 ** 53, huge: 18446744073709551615n, zero: -0, not: NaN, half: 0.5 } })
    )
    assert.strictEqual(
      JSON.stringify(ErrorSnapshot.of(failure).root_metadata),
      `{"big":"9007199254740992","half":0.5,"huge":"18446744073709551615","not":"NaN","zero":0}`
    )
    assert.isTrue(Object.is(ErrorSnapshot.of(failure).root_metadata["zero"], 0))
  })

  it.effect("takes policy, redaction and classifier from the fiber", () =>
    Effect.gen(function* () {
      const snapshot = yield* ErrorSnapshot.make("quota of ada").pipe(
        Effect.provideService(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard),
        Effect.provideService(
          Redaction.Redaction,
          Redaction.make({ scanners: [{ name: "ada", pattern: /ada/g, find: (match) => match }] })
        ),
        Effect.provideService(Classifier.Classifier, () => Reasons.RateLimited.declared)
      )
      assert.strictEqual(snapshot.identity.code, "biz.rate_limited")
      assert.strictEqual(snapshot.identity.detail, "quota of <redacted>")
      assert.strictEqual(snapshot.decision.http_status, 429)
    })
  )

  it("sees to it that a classifier cannot break the shape", () => {
    const classify = (() => ({ ...Reasons.NotFound.declared, category: "nonsense", code: "x".repeat(1e6) })) as never
    const snapshot = ErrorSnapshot.of("boom", { classify })
    assert.strictEqual(snapshot.identity.category, "logic")
    assert.isBelow(snapshot.identity.code.length, 300)
    assert.isTrue(Schema.is(ErrorSnapshot.ErrorSnapshot)(snapshot))
  })
})

describe("A projection of an error", () => {
  const errors = {
    "a failure": new Reasons.NotFound({ detail: "order 7", retryAfter: 1500 }),
    layers: threeLayers(),
    "a defect": Cause.die(new Error("bug")),
    "a parallel cause": Cause.fromReasons([
      Cause.makeFailReason(new Reasons.Timeout()),
      Cause.makeDieReason(new Error("x"))
    ]),
    "a text": "boom"
  }
  for (const [name, error] of Object.entries(errors)) {
    it(`is the projection of its snapshot: ${name}`, () => {
      for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard]) {
        const options = { policy, carry: "all" } as const
        const snapshot = ErrorSnapshot.of(error, options)
        for (const project of [
          Projection.toHttp,
          Projection.toCli,
          Projection.toLog,
          Projection.toRpc,
          Projection.toProblem,
          Projection.toJsonRpc,
          Projection.toGrpc,
          Projection.renderUserDebug,
          Projection.renderUserDebugRedacted
        ]) {
          assert.deepStrictEqual(project(error, options), project(snapshot, options))
        }
      }
    })
  }

  it("gives a policy that hands its subject on all there is to see", () => {
    const seen: Array<unknown> = []
    const policy: ExposurePolicy.Policy = (subject) => {
      const { causes, metadata } = { ...subject }
      seen.push(
        metadata,
        causes.map(({ code }) => code)
      )
      return ExposurePolicy.contract(subject)
    }
    const failure = raised(
      new Reasons.SystemError({ cause: new Reasons.Timeout() }),
      Operation.doing("import", { metadata: { line: 7 } })
    )
    Projection.toHttp(failure, { policy })
    assert.deepStrictEqual(seen, [{ line: 7 }, ["sys.timeout"]])
  })
})
