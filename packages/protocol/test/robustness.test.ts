import { assert, describe, it } from "@effect/vitest"
import { Operation, Reasons, Redaction } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause, Effect, Exit } from "effect"
import * as fc from "fast-check"
import { anyFailure } from "./arbitrary.ts"
import { decoders, exits, isLong, written } from "./exits.ts"
import { boom, deep, manyOperations, values } from "./hostileErrors.ts"
import { raised } from "./support.ts"

const standard = { policy: ExposurePolicy.standard } as const

const deepFreeze = <A>(value: A): A => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const key of Reflect.ownKeys(value)) deepFreeze((value as Record<PropertyKey, unknown>)[key])
  }
  return value
}

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
          if (!isLong(exit)) assert.notInclude(text, "\n", exit)
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

  it("changes nothing that is frozen, to the last of its parts", () => {
    fc.assert(
      fc.property(anyFailure, (error) => {
        const before = Object.values(exits(error, standard))
        deepFreeze(error)
        const snapshot = deepFreeze(ErrorSnapshot.of(error, { ...standard, carry: "all" }))
        assert.deepStrictEqual(Object.values(exits(error, standard)), before)
        assert.isTrue(ErrorSnapshot.fromUnknown(snapshot)._tag === "Some")
        exits(snapshot, standard)
      }),
      { numRuns: 50 }
    )
  })

  it("looks at each of many causes a bounded number of times", () => {
    const looksAt = (count: number): number => {
      let looks = 0
      const link = (cause: unknown): object => ({
        get message() {
          looks++
          return "link"
        },
        get cause() {
          looks++
          return cause
        }
      })
      let error: unknown = new Error("the root")
      for (let index = 0; index < count; index++) error = link(error)
      for (const [, project] of Object.entries({
        ...written,
        cli: Projection.toCli,
        debug: Projection.renderUserDebug
      })) {
        project(error as never, { ...standard, carry: "all" })
      }
      return looks
    }
    const [some, more] = [looksAt(200), looksAt(20_000)]
    assert.isAtLeast(some, 200)
    // A hundred times as many causes cost at most a hundred times as many looks, and a few.
    assert.isAtMost(more, some * 101)
  })

  it("makes nothing of the same error that another call could change", () => {
    const failure = new Reasons.NotFound({ detail: "a" })
    assert.deepStrictEqual(ErrorSnapshot.of(failure), ErrorSnapshot.of(failure))
  })
})

describe("Every decoder", () => {
  for (const [name, make] of values) {
    it(
      `ends with a failure of one kind or the other for ${name}`,
      () => {
        const body = make()
        for (const [format, decode] of Object.entries(decoders)) {
          const exit = Effect.runSyncExit(decode(body))
          if (Exit.isFailure(exit)) {
            const { error } = exit.cause.reasons.find(Cause.isFailReason)!
            assert.strictEqual(error._tag, "UndecodableRemote", format)
            assert.isBelow(error.excerpt.length, 300, format)
            assert.isTrue(error.excerpt.isWellFormed(), format)
          }
        }
        assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
      },
      patience
    )

    it(
      `gives back something of bounded size for what was written of ${name}`,
      () => {
        const error = make()
        for (const [format, decode] of Object.entries(decoders)) {
          const sent = written[format]!(error, { ...standard, carry: "all" })
          const back = Effect.runSync(decode(sent))
          for (const [again, project] of Object.entries(written)) {
            const text = String(project(back, { ...standard, carry: "all" }))
            assert.isBelow(text.length, 1_000_000, `${format}, ${again}`)
            assert.isTrue(text.isWellFormed(), `${format}, ${again}`)
          }
        }
      },
      patience
    )
  }

  it("changes nothing of what it reads", () => {
    fc.assert(
      fc.property(anyFailure, (error) => {
        for (const [format, decode] of Object.entries(decoders)) {
          const sent = written[format]!(error, { ...standard, carry: "all" })
          const isJson = format !== "grpc" && format !== "message"
          const body: unknown = isJson ? deepFreeze(JSON.parse(String(sent))) : deepFreeze(sent)
          assert.strictEqual(Effect.runSync(decode(body)).code, Effect.runSync(decode(sent)).code)
        }
      }),
      { numRuns: 50 }
    )
  })
})
