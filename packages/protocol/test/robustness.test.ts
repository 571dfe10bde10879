import { assert, describe, it } from "@effect/vitest"
import { Operation, Reasons, Redaction } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause } from "effect"
import * as fc from "fast-check"
import { exits } from "./exits.ts"
import { raised } from "./support.ts"

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const boom = (): never => {
  throw new Error("trap")
}

const hostile = (): object =>
  new Proxy(
    {},
    {
      get: boom,
      has: boom,
      getPrototypeOf: boom,
      ownKeys: boom,
      getOwnPropertyDescriptor: boom,
      set: boom,
      defineProperty: boom
    }
  )

const cyclic = (): Error => {
  const a = new Error("a")
  const b = new AggregateError([a, a], "b", { cause: a })
  a.cause = b
  return a
}

const deep = (make: (cause: unknown, index: number) => unknown): unknown => {
  let error: unknown = new Error("the root")
  for (let index = 0; index < 100_000; index++) error = make(error, index)
  return error
}

const manyOperations = (): unknown =>
  raised(
    new Reasons.SystemError(),
    ...Array.from({ length: 500 }, (_, index) =>
      Operation.doing(`step ${index}`, {
        fields: Array.from({ length: 100 }, (__, field) => [`f${field}`, "v".repeat(3000)] as const),
        metadata: Object.fromEntries(Array.from({ length: 100 }, (__, key) => [`k${index}_${key}`, "m".repeat(3000)]))
      })
    )
  )

const values: ReadonlyArray<readonly [string, () => unknown]> = [
  ["10 MB of detail", () => new Reasons.NotFound({ detail: "x".repeat(10_000_000) })],
  ["10 MB of control characters", () => new Reasons.NotFound({ detail: "\u0001".repeat(10_000_000) })],
  ["10 MB of what begins like a token", () => new Reasons.NotFound({ detail: "eyJaaaaaaaa-".repeat(800_000) })],
  ["10 MB in the message of a cause", () => new Reasons.NotFound({ cause: new Error("x".repeat(10_000_000)) })],
  ["a cyclic cause", cyclic],
  [
    "an error that is its own cause",
    () =>
      Object.assign(new Error("self"), {
        get cause() {
          return this
        }
      })
  ],
  ["100 000 causes in a chain", () => deep((cause, index) => new Error(`link ${index}`, { cause }))],
  ["100 000 failures in a chain", () => deep((cause) => new Reasons.SystemError({ detail: "again", cause }))],
  ["100 000 parallel errors", () => new AggregateError(Array.from({ length: 100_000 }, (_, i) => new Error(`e${i}`)))],
  [
    "100 000 reasons",
    () => Cause.fromReasons(Array.from({ length: 100_000 }, (_, i) => Cause.makeFailReason(`r${i}`)))
  ],
  ["500 operations with 100 large fields each", manyOperations],
  ["a revoked proxy", revoked],
  ["a revoked proxy as cause", () => new Error("x", { cause: revoked() })],
  ["a revoked proxy as its errors", () => Object.assign(new Error("x"), { errors: revoked() })],
  ["a failed revoked proxy", () => Cause.fail(revoked())],
  ["a proxy that traps everything", hostile],
  ["a proxy that traps everything as cause of a failure", () => new Reasons.SystemError({ cause: hostile() })],
  [
    "getters that throw",
    () => ({
      get message() {
        return boom()
      },
      get cause() {
        return boom()
      },
      get _tag() {
        return boom()
      },
      get schema_version() {
        return boom()
      },
      toJSON: boom,
      toString: boom
    })
  ],
  ["a frozen error", () => Object.freeze(new Error("cold", { cause: Object.freeze(new Reasons.Timeout()) }))],
  ["null", () => null],
  ["undefined", () => undefined],
  ["a symbol", () => Symbol("s")],
  ["a function", () => boom],
  ["a big integer", () => 10n ** 400n],
  ["a text", () => "boom"],
  ["a lone surrogate", () => "\ud800 and \udc00"],
  ["an object without prototype", () => Object.assign(Object.create(null), { message: 7 })],
  ["an empty cause", () => Cause.empty],
  ["polluting keys", () => JSON.parse(`{"__proto__": {"polluted": true}, "message": "x", "constructor": 1}`)],
  [
    "polluting metadata",
    () =>
      raised(
        new Reasons.DataError(),
        Operation.doing("x", { metadata: JSON.parse(`{"__proto__": "polluted"}`), fields: [["__proto__", "polluted"]] })
      )
  ]
]

// Time to make 10 MB and 100 000 errors on a slow machine; none of it is spent in a loop that grows faster than they do.
const patience = 30_000

describe("Every projection", () => {
  for (const [name, make] of values) {
    it(
      `returns something of bounded size for ${name}`,
      () => {
        const error = make()
        for (const [exit, text] of Object.entries(exits(error))) {
          assert.isBelow(text.length, 1_000_000, exit)
          assert.isTrue(text.isWellFormed(), exit)
          // oxlint-disable-next-line no-control-regex
          assert.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/, exit)
          if (exit !== "debug" && exit !== "redacted" && exit !== "cliDetail") assert.notInclude(text, "\n", exit)
        }
        assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
      },
      patience
    )
  }

  it(
    "marks what was left out",
    () => {
      const { message } = Projection.toHttp(new Reasons.NotFound({ detail: "x".repeat(10_000_000) }))
      assert.isTrue(message.startsWith("xxx"))
      assert.isTrue(message.endsWith("… [truncated]"))
      assert.isBelow(message.length, 8300)
      const many = Projection.toLog(manyOperations())
      assert.isAtMost(many.context.length, 64)
      assert.strictEqual(many.context.at(-1)?.action, "step 499")
      assert.match(many.context.at(-2)?.action ?? "", /^… \d+ more/)
      assert.match(many.context.at(-1)?.fields.at(-1)?.[1] ?? "", /^\d+ more/)
      assert.strictEqual(many.operation, "step 499")
    },
    patience
  )

  it("keeps the root cause of a long chain", () => {
    const frames = Projection.toLog(deep((cause, index) => new Error(`link ${index}`, { cause }))).source_frames
    assert.strictEqual(frames.at(-1)?.message, "the root")
    assert.deepStrictEqual(
      frames.filter((frame) => frame.is_root_cause),
      frames.slice(-1)
    )
  })

  it("does not cut a character in two", () => {
    for (let pad = 0; pad < 2; pad++) {
      const { message } = Projection.toHttp(new Reasons.NotFound({ detail: "-".repeat(pad) + "😀".repeat(10_000) }))
      assert.notInclude(message, "\ufffd")
      const [frame] = Projection.toLog(
        new Error("x", { cause: new Error("-".repeat(pad) + "😀".repeat(2000)) })
      ).source_frames
      assert.notInclude(frame!.message, "\ufffd")
      assert.isTrue(frame!.message.endsWith("😀… [truncated]"))
    }
  })

  it("keeps metadata under a polluting key as metadata", () => {
    const failure = raised(
      new Reasons.DataError(),
      Operation.annotate({ metadata: JSON.parse(`{"__proto__": "polluted"}`) })
    )
    assert.strictEqual(JSON.stringify(Projection.toLog(failure).root_metadata), `{"__proto__":"polluted"}`)
  })

  it("looks through no more than a bounded number of characters for secrets, and shows none of the rest", () => {
    let looked = 0
    const redaction: Redaction.Policy = {
      ...Redaction.standard,
      text: (text) => {
        looked += text.length
        return text
      }
    }
    ErrorSnapshot.of(manyOperations(), { redaction })
    assert.isBelow(looked, 2_100_000)
  })

  it("masks everything when the redaction policy itself fails", () => {
    const redaction: Redaction.Policy = { ...Redaction.standard, text: boom, isSecretKey: boom }
    const failure = raised(
      new Reasons.NotFound({ detail: "hunter2" }),
      Operation.doing("hunter2", { fields: { a: "hunter2" }, metadata: { b: "hunter2" } })
    )
    for (const [exit, text] of Object.entries(exits(failure, { redaction }))) assert.notInclude(text, "hunter2", exit)
    assert.strictEqual(Projection.toHttp(failure, { redaction }).code, "biz.not_found")
  })

  it("never throws and never changes anything", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withNullPrototype: true,
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSparseArray: true
        }),
        (error) => {
          const before = fc.stringify(error)
          exits(error, { policy: ExposurePolicy.standard })
          exits(new Reasons.SystemError({ cause: error }))
          exits(Cause.die(error))
          assert.strictEqual(fc.stringify(error), before)
        }
      )
    )
  })

  it("makes nothing of the same error that another call could change", () => {
    const failure = new Reasons.NotFound({ detail: "a" })
    assert.deepStrictEqual(ErrorSnapshot.of(failure), ErrorSnapshot.of(failure))
  })
})
