import { assert, describe, it } from "@effect/vitest"
import { Failure, Identity, Reasons, TransportError } from "@holdfast/core"
import { Effect, Option, Schema } from "effect"
import { expectTypeOf } from "vitest"

class BatchTooLarge extends Failure.Tagged<BatchTooLarge>()(
  "BatchTooLarge",
  Schema.Struct({ size: Schema.Int, max: Schema.Int }).check(
    Schema.makeFilter(({ max, size }) => size > max, { expected: "a size above the maximum" })
  ),
  { code: "biz.batch.too_large", detail: ({ max, size }) => `${size} spans, ${max} allowed` }
) {}

class BatchSize extends Failure.Tagged<BatchSize>()(
  "BatchSizeOutOfRange",
  { size: Schema.Number },
  { code: "biz.batch.out_of_range", detail: ({ size }) => `${size} is not between 1 and 1000` }
) {}

describe("a failure with rules among its fields", () => {
  it("refuses fields that contradict each other", () => {
    assert.strictEqual(new BatchTooLarge({ size: 3, max: 2 }).message, "too large: 3 spans, 2 allowed")
    assert.throws(() => new BatchTooLarge({ size: 2, max: 3 }), /a size above the maximum/)
  })
})

describe("Failure.ensure", () => {
  const checked = (size: number) =>
    Failure.ensure(Number.isInteger(size) && size >= 1 && size <= 1000, () => new BatchSize({ size }))

  it.each([1, 1000])("lets %d pass", (size) => {
    assert.isUndefined(Effect.runSync(checked(size)))
  })
  it.each([0, 1001, -1, 1.5, Number.NaN])("fails for %d and keeps the value in a field", (size) => {
    assert.deepStrictEqual(Effect.runSync(Effect.flip(checked(size))).size, size)
  })
})

describe("Failure.bail, fromOption, fromNullish", () => {
  it.effect("end a generator in one line", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        return yield* Failure.bail(Reasons.ValidationError, "batch is empty")
      })
      expectTypeOf(program).toEqualTypeOf<Effect.Effect<never, Reasons.ValidationError>>()
      assert.strictEqual((yield* Effect.flip(program)).message, "validation error: batch is empty")
    })
  )

  it.effect("turn what is missing into a declared failure, and are not asked about what is there", () =>
    Effect.gen(function* () {
      const never = (): Reasons.NotFound => assert.fail("made although nothing failed")
      assert.strictEqual(yield* Failure.fromOption(Option.some(1), never), 1)
      assert.strictEqual(yield* Failure.fromNullish(0, never), 0)
      const missing = Option.none<number>().pipe(Failure.fromOption(() => new Reasons.NotFound()))
      expectTypeOf(missing).toEqualTypeOf<Effect.Effect<number, Reasons.NotFound>>()
      assert.strictEqual((yield* Effect.flip(missing))._tag, "NotFound")
      const text = null as string | null
      const absent = Failure.fromNullish(text, () => new Reasons.NotFound())
      expectTypeOf(absent).toEqualTypeOf<Effect.Effect<string, Reasons.NotFound>>()
      assert.strictEqual((yield* Effect.flip(absent))._tag, "NotFound")
    })
  )
})

describe("Failure.because", () => {
  it.effect("gives a new meaning and keeps the old failure as its cause", () =>
    Effect.gen(function* () {
      const inner = new Reasons.NotFound()
      const program = Effect.fail(inner).pipe(Failure.because(() => new Reasons.SystemError()))
      expectTypeOf(program).toEqualTypeOf<Effect.Effect<never, Failure.Over<Reasons.SystemError, Reasons.NotFound>>>()
      assert.strictEqual((yield* Effect.flip(program)).cause, inner)
    })
  )

  it.effect("is not its own cause, and survives a meaning that nobody can change", () =>
    Effect.gen(function* () {
      const failure = new Reasons.NotFound()
      assert.isUndefined((yield* Effect.flip(Effect.fail(failure).pipe(Failure.because((e) => e)))).cause)
      const frozen = Object.freeze(new Reasons.SystemError())
      assert.strictEqual(yield* Effect.flip(Effect.fail(failure).pipe(Failure.because(() => frozen))), frozen)
    })
  )

  it.effect("knows what it is over: one failure of exports over any failure of a backend", () =>
    Effect.gen(function* () {
      class ExportFailed extends Failure.Tagged<ExportFailed>()(
        "ExportFailed",
        { items: Schema.Int },
        { code: "sys.export.failed", retry: "transient" }
      ) {}
      const exported = <E>(backend: Effect.Effect<void, E>) =>
        backend.pipe(Failure.because(() => new ExportFailed({ items: 3 })))
      const overGrpc = exported(
        Effect.fail(new TransportError.GrpcUnavailable({ endpoint: "e", status: "UNAVAILABLE" }))
      )
      const status = overGrpc.pipe(
        Effect.catchTag("ExportFailed", (failure) => {
          expectTypeOf(failure.cause).toEqualTypeOf<TransportError.GrpcUnavailable>()
          return Effect.succeed(`${failure.items} ${failure.cause.status}`)
        })
      )
      assert.strictEqual(yield* status, "3 UNAVAILABLE")
      assert.strictEqual((yield* Effect.flip(exported(Effect.fail("disk")))).cause, "disk")
    })
  )
})

describe("Failure.find", () => {
  const timeout = new Reasons.Timeout({ detail: "deep" })
  const error = new Error("outer", {
    cause: new AggregateError([new Error("left"), new Reasons.SystemError({ cause: timeout })])
  })

  it("finds a failure by class or by code, however deep", () => {
    assert.deepStrictEqual(Failure.find(error, Reasons.Timeout), Option.some(timeout))
    assert.deepStrictEqual(Failure.find(error, "sys.timeout"), Option.some(timeout))
    assert.deepStrictEqual(Failure.find("biz.not_found")(error), Option.none())
  })

  it("finds the leaf of a layered failure", () => {
    const refused = new TransportError.ConnectionRefused({ endpoint: "e" })
    const layered = TransportError.TransportError.from(refused)
    assert.deepStrictEqual(Failure.find(layered, TransportError.ConnectionRefused), Option.some(refused))
  })

  it("ends on a cycle", () => {
    const a = new Error("a")
    a.cause = a
    assert.deepStrictEqual(Failure.find(a, "sys.timeout"), Option.none())
  })
})

describe("Failure.match", () => {
  type Either = Reasons.NotFound | BatchSize

  it("handles every code, with the failure narrowed to its class", () => {
    const text = (failure: Either): string | number =>
      Failure.match(failure, {
        "biz.not_found": () => "none",
        "biz.batch.out_of_range": (batch) => batch.size
      })
    assert.strictEqual(text(new Reasons.NotFound()), "none")
    assert.strictEqual(text(new BatchSize({ size: 7 })), 7)
  })

  it("does not compile without a case for each", () => {
    const failure = new BatchSize({ size: 7 }) as Either
    // @ts-expect-error "biz.not_found" has no case
    assert.strictEqual(Failure.match(failure, { "biz.batch.out_of_range": () => 1 }), 1)
  })
})

describe("the call site", () => {
  class Placed extends Failure.Tagged<Placed>()("Placed", {}, { code: "logic.placed", callSite: true }) {}

  it("is read from the stack when the declaration asks for it", () => {
    assert.match(Identity.of(new Placed()).position!, /raising\.test\.ts:\d+$/)
    assert.strictEqual(Identity.of(new Placed({ position: "mine.ts:1" })).position, "mine.ts:1")
    assert.isNull(Identity.of(new Reasons.NotFound()).position)
  })
})
