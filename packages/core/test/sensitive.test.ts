import { assert, describe, it } from "@effect/vitest"
import { Failure, Operation, Reasons, Report } from "@holdfast/core"
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

class Login extends Failure.Tagged<Login>()(
  "SensitiveLogin",
  { password: sensitive(Schema.String) },
  { code: "biz.sensitive.login" }
) {}

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

  it("stays inside although the failure repeats what only its causes know", () => {
    class Refused extends Failure.Tagged<Refused>()(
      "CauseRefused",
      { user: Schema.String, notes: Schema.optionalKey(Schema.Json) },
      { code: "biz.sensitive.cause_refused", detail: ({ user }) => `no ${user}` }
    ) {}
    const login = new Login({ password: secret })
    const causes: Readonly<Record<string, unknown>> = {
      "a failure": login,
      "a failure under an error": new Error("x", { cause: login }),
      "one of several": new AggregateError([new Error("x"), login], "y"),
      "a Cause": Cause.combine(Cause.fail(new Error("x")), Cause.die(login)),
      "a foreign error that holds a Redacted": Object.assign(new Error("x"), { key: Redacted.make(secret) })
    }
    for (const [name, cause] of Object.entries(causes)) {
      const failure = new Refused({
        user: `ada ${secret}`,
        notes: { [`${secret}-x`]: [{ deep: encodeURIComponent(secret) }] },
        cause
      })
      const outputs = [
        failure.message,
        String(failure),
        failure.stack,
        JSON.stringify(failure),
        inspect({ ...(failure.toJSON() as object) })
      ]
      for (const output of outputs) assert.notInclude(output, secret, name)
      assert.strictEqual(failure.message, "cause refused: no ada <redacted>", name)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(failure)), {
        _tag: "CauseRefused",
        user: "ada <redacted>",
        notes: { "<redacted>-x": [{ deep: "<redacted>" }] }
      })
    }
  })

  it("stays inside although only the operation around the failure knows it", () => {
    const call = Operation.doing(new Reasons.Timeout({ detail: `no answer to ${secret}` }), "call", {
      fields: { token: secret }
    })
    const failure = Effect.runSync(Effect.flip(call))
    assert.strictEqual(failure.message, "timeout error: no answer to <redacted>")
    assert.strictEqual(JSON.stringify(failure), `{"_tag":"Timeout","detail":"no answer to <redacted>"}`)
  })

  it("stays inside by its name alone, wherever the failure repeats it", () => {
    class Named extends Failure.Tagged<Named>()(
      "Named",
      { apiKey: Schema.String, pin: Schema.Number, notes: Schema.optionalKey(Schema.Json) },
      { code: "biz.sensitive.named", detail: ({ apiKey, pin }) => `${apiKey} and ${pin}` }
    ) {}
    const failure = new Named({
      apiKey: secret,
      pin: 4711,
      notes: { login: { password: "p4ss-w0rd" }, of: "p4ss-w0rd" }
    })
    assert.strictEqual(failure.message, "named: <redacted> and <redacted>")
    assert.strictEqual(Report.of(failure).identity.detail, "<redacted> and <redacted>")
    assert.strictEqual(
      JSON.stringify(failure),
      `{"_tag":"Named","apiKey":"<redacted>","pin":"<redacted>","notes":{"login":{"password":"<redacted>"},"of":"<redacted>"}}`
    )
  })

  it("stays inside by its shape, too", () => {
    const failure = new Reasons.NetworkError({ detail: "GET http://ada:hunter2@db/?next=%3Ftoken%3Dhunter2" })
    for (const output of [failure.message, failure.stack, JSON.stringify(failure), inspect(failure)]) {
      assert.notInclude(output, "hunter2")
    }
  })

  it("is not looked for among more than 256 causes: a message of a failure over so many says nothing", () => {
    let cause: unknown = new Login({ password: secret })
    for (let i = 0; i < 254; i++) cause = new Error("x", { cause })
    assert.strictEqual(new Reasons.DataError({ detail: `a ${secret}`, cause }).message, "data error: a <redacted>")
    cause = new Error("x", { cause })
    assert.strictEqual(new Reasons.DataError({ detail: "a", cause }).message, "data error: <redacted>")
    assert.strictEqual(Report.of(new Reasons.DataError({ detail: "a", cause })).identity.detail, "a")
  })

  it("does not keep data that goes round in circles from being shown", () => {
    class Round extends Failure.Tagged<Round>()("Round", { of: Schema.Unknown }, { code: "biz.sensitive.round" }) {}
    const of: Record<string, unknown> = { a: [1] }
    of["self"] = of
    assert.strictEqual(JSON.stringify(new Round({ of })), `{"_tag":"Round","of":{"a":[1],"self":"[circular]"}}`)
  })

  class Dialled extends Failure.Tagged<Dialled>()(
    "Dialled",
    { host: Schema.String, dsn: sensitive(Schema.String), password: Schema.String },
    { code: "conf.dialled", http: 502 }
  ) {}

  const dialled = { host: "db", dsn: "dsn-hunter2", password: "pass-hunter2", detail: "pass-hunter2 in dsn-hunter2" }

  it.each([
    ["made", () => new Dialled(dialled)],
    ["made without a stack", () => Failure.stackless(Dialled, dialled)]
  ] as const)("is gone from what its class encodes, by its mark or by its name, detail included: %s", (_name, make) => {
    assert.deepStrictEqual(Schema.encodeUnknownSync(Schema.toCodecJson(Dialled))(make()), {
      _tag: "Dialled",
      host: "db",
      dsn: "<redacted>",
      password: "<redacted>",
      detail: "<redacted> in <redacted>"
    })
    assert.strictEqual(make().detail, "<redacted> in <redacted>")
    assert.strictEqual(make().password, "pass-hunter2")
  })

  it("does not keep a failure from being made whose detail nobody has checked", () => {
    assert.strictEqual(Failure.stackless(Dialled, { ...dialled, detail: 7 as never }).message, "dialled")
  })

  it("is no number that only has such a name", () => {
    class TooLong extends Failure.Tagged<TooLong>()("TooLong", { maxTokens: Schema.Int }, { code: "biz.too_long" }) {}
    const codec = Schema.toCodecJson(TooLong)
    const back = Schema.decodeUnknownSync(codec)(Schema.encodeUnknownSync(codec)(new TooLong({ maxTokens: 4096 })))
    assert.strictEqual(back.maxTokens, 4096)
  })

  it("is marked for good: nobody takes the mark away", () => {
    const { sensitive: names } = Login.declared
    assert.deepStrictEqual(names, ["password"])
    assert.throws(() => (names as Array<string>).pop(), TypeError)
    assert.throws(() => Array.prototype.splice.call(names, 0, 1), TypeError)
    assert.strictEqual(
      JSON.stringify(new Login({ password: secret })),
      `{"_tag":"SensitiveLogin","password":"<redacted>"}`
    )
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
    const wrong = { x: 1, retryAfter: "soon" as "1 second" }
    for (const make of [() => new Made(wrong), () => Failure.stackless(Made, wrong)]) {
      assert.throws(make, /^Failure "Made": retryAfter: must be a duration/)
    }
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
