import { assert, describe, it } from "@effect/vitest"
import { Failure, Report } from "@holdfast/core"
import { Cause, Duration, Effect, Redacted, Schema } from "effect"
import { inspect } from "node:util"

const secret = "hunter2-SECRET"
const { sensitive } = Failure

/** One failure for each way of hiding a secret in a field, and an instance that holds one. */
const cases: ReadonlyArray<readonly [string, Schema.Constraint, unknown]> = [
  ["marked", sensitive(Schema.String), secret],
  ["marked, with a rule that the mask breaks", sensitive(Schema.String.check(Schema.isMinLength(12))), secret],
  ["optional and marked", Schema.optionalKey(sensitive(Schema.String)), secret],
  ["marked and optional", Schema.optional(sensitive(Schema.String)), secret],
  ["nullable", Schema.NullOr(sensitive(Schema.String)), secret],
  ["a list", Schema.Array(sensitive(Schema.String)), [secret]],
  ["a part of an object", Schema.Struct({ p: sensitive(Schema.String) }), { p: secret }],
  [
    "a part of a part",
    Schema.Struct({ q: Schema.Array(Schema.Struct({ p: sensitive(Schema.String) })) }),
    { q: [{ p: secret }] }
  ],
  ["Redacted", Schema.Redacted(Schema.String), Redacted.make(secret)],
  ["Redacted and optional", Schema.optionalKey(Schema.Redacted(Schema.String)), Redacted.make(secret)],
  ["Redacted or undefined", Schema.optional(Schema.Redacted(Schema.String)), Redacted.make(secret)],
  ["Redacted or null", Schema.NullOr(Schema.Redacted(Schema.String)), Redacted.make(secret)],
  ["a list of Redacted", Schema.Array(Schema.Redacted(Schema.String)), [Redacted.make(secret)]]
]

const classes = cases.map(([name, schema], index) => {
  const Base = Failure.Tagged<Failure.Any>()(
    `Sensitive${index}`,
    { field: schema as Schema.Codec<unknown> },
    { code: `biz.sensitive.case_${index}`, detail: ({ field }) => `tried ${String(field)}` }
  ) as unknown as Schema.Codec<Failure.Any> & (new (props: object) => Failure.Any)
  return [name, Base, cases[index]![2]] as const
})

describe("a secret in a field", () => {
  it.each(classes)("leaves by no door: %s", (_name, Class, value) => {
    const failure = new Class({ field: value, cause: new Error("why") })
    const codec = Schema.toCodecJson(Class)
    const wire = JSON.stringify(Schema.encodeUnknownSync(codec)(failure))
    const outputs = [
      wire,
      JSON.stringify(failure),
      failure.message,
      String(failure),
      failure.stack,
      inspect(failure, { depth: 9 }),
      Cause.pretty(Cause.fail(failure)),
      JSON.stringify(Cause.fail(failure)),
      JSON.stringify(Report.of(failure)),
      Report.verbose(failure)
    ]
    for (const output of outputs) assert.notInclude(output, secret)
  })

  it.each(classes)("does not keep the failure from coming back: %s", (_name, Class, value) => {
    const codec = Schema.toCodecJson(Class)
    const wire: unknown = JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(new Class({ field: value }))))
    assert.instanceOf(Schema.decodeUnknownSync(codec)(wire), Class)
  })

  it("may be left out where its field may", () => {
    const optional = classes.filter(([name]) => /optional/.test(name))
    for (const [, Class] of optional)
      assert.isUndefined((new Class({}) as unknown as { readonly field?: unknown }).field)
  })

  it("may break rules among fields once it is masked", () => {
    class Rotated extends Failure.Tagged<Rotated>()(
      "Rotated",
      Schema.Struct({ before: sensitive(Schema.String), after: sensitive(Schema.String) }).check(
        Schema.makeFilter(({ after, before }) => after !== before, { expected: "two different keys" })
      ),
      { code: "biz.sensitive.rotated" }
    ) {}
    const codec = Schema.toCodecJson(Rotated)
    const wire = Schema.encodeSync(codec)(new Rotated({ before: "aaaa", after: "bbbb" }))
    assert.instanceOf(Schema.decodeUnknownSync(codec)(wire), Rotated)
    assert.throws(() => new Rotated({ before: "aaaa", after: "aaaa" }), /two different keys/)
  })

  it("stays inside although the failure's own detail repeats it", () => {
    class Repeats extends Failure.Tagged<Repeats>()(
      "Repeats",
      { token: sensitive(Schema.String), password: Schema.optionalKey(Schema.String) },
      { code: "biz.sensitive.repeats" }
    ) {}
    const failure = new Repeats({ token: secret, detail: `tried ${secret}`, password: "p4ssw0rd-9" })
    for (const output of [failure.message, JSON.stringify(failure), inspect(failure), failure.stack]) {
      assert.notInclude(output, secret)
      assert.notInclude(output, "p4ssw0rd-9")
    }
  })

  it("cannot be added to a failure by extending it", () => {
    class Base extends Failure.Tagged<Base>()("ExtendedBase", {}, { code: "biz.sensitive.extended" }) {}
    assert.throws(() => Base.extend("Extended")({ q: sensitive(Schema.String) }), /cannot be extended/)
  })
})

describe("the other ways to make a failure", () => {
  class Made extends Failure.Tagged<Made>()("Made", { x: Schema.Int }, { code: "biz.made" }) {}
  const cause = new Error("why")

  it("take what is named and not there for not there", () => {
    const made = new Made({ x: 1, detail: undefined, retryAfter: undefined, cause: undefined, position: undefined })
    assert.deepStrictEqual(JSON.stringify(made), `{"_tag":"Made","x":1}`)
  })

  it("take what the constructor takes", () => {
    const ways = [
      Made.make({ x: 1, cause, position: "a.ts:1", retryAfter: "2 seconds" }),
      Effect.runSync(Made.makeEffect({ x: 1, cause, position: "a.ts:1", retryAfter: "2 seconds" })),
      Failure.stackless(Made, { x: 1, cause, position: "a.ts:1", retryAfter: "2 seconds" })
    ]
    for (const made of ways) {
      assert.instanceOf(made, Made)
      assert.strictEqual(made.cause, cause)
      assert.strictEqual(made.position, "a.ts:1")
      assert.strictEqual(made.retryAfter && Duration.toMillis(made.retryAfter), 2000)
      assert.notInclude(JSON.stringify(made), "why")
    }
    assert.throws(() => Made.make({ x: 1.5 }), /Failure "Made": x: /)
    assert.strictEqual(Made.makeOption({ x: 1.5 })._tag, "None")
  })
})

describe("data that carries the key of a failure", () => {
  const planted: ReadonlyArray<unknown> = [
    JSON.parse('{"~@holdfast/core/Failure":{}}'),
    JSON.parse('{"~@holdfast/core/Failure":null}'),
    Object.assign(new Error("x"), { "~@holdfast/core/Failure": { code: 1 } }),
    Object.create(
      Failure.Layered<Failure.Any>()("Hollow", [
        Failure.Tagged<Failure.Any>()("HollowLeaf", {}, { code: "biz.hollow" }) as never
      ]).prototype as object
    )
  ]
  it.each(planted.map((value, index) => [index, value] as const))("is no failure: %d", (_index, value) => {
    assert.isFalse(Failure.isFailure(value))
    assert.match(Report.chain(value), /^Error: unclassified error/)
    assert.match(Report.chain(new Error("x", { cause: value })), /^Error: unclassified error: x/)
  })
})
