import { assert, describe, it } from "@effect/vitest"
import { Failure, Identity, Operation, Reasons, Report } from "@holdfast/core"
import { Cause, Effect, Exit, Fiber, Schedule, Stream } from "effect"
import * as fc from "fast-check"

const pathOf = (exit: Exit.Exit<unknown, unknown>): string | null =>
  Exit.isFailure(exit) ? Identity.fromCause(exit.cause).path : "succeeded"

const path = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<string | null> =>
  Effect.map(Effect.exit(effect), pathOf)

const offline = () => new Reasons.SystemError({ detail: "disk offline" })

describe("Operation.doing", () => {
  it.effect("names the operations around a failure, outermost first", () =>
    Effect.gen(function* () {
      const program = offline().pipe(
        Operation.doing("write ledger", { at: "orders.db" }),
        Operation.doing("place order")
      )
      assert.strictEqual(yield* path(program), "place order / write ledger / orders.db")
    })
  )

  it.effect("is the same data-first", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* path(Operation.doing(offline(), "write ledger", { at: "orders.db" })),
        "write ledger / orders.db"
      )
    })
  )

  it.effect("reaches whoever holds only the failure", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(offline().pipe(Operation.doing("write ledger")))
      assert.strictEqual(Identity.of(failure).path, "write ledger")
    })
  )

  it.effect("survives catch and fail again, mapError, and a wrapper with the failure as its cause", () =>
    Effect.gen(function* () {
      const inner = Effect.fail(offline()).pipe(Operation.doing("inner"))
      const again = inner.pipe(
        Effect.catch((e) => Effect.fail(e)),
        Operation.doing("outer")
      )
      const mapped = inner.pipe(
        Effect.mapError(() => new Reasons.DataError()),
        Operation.doing("outer")
      )
      const wrapped = inner.pipe(
        Effect.catch((cause) => Effect.fail(new Reasons.DataError({ cause }))),
        Operation.doing("outer")
      )
      assert.strictEqual(yield* path(again), "outer / inner")
      assert.strictEqual(yield* path(mapped), "outer / inner")
      assert.strictEqual(yield* path(wrapped), "outer / inner")
    })
  )

  it.effect("finds the frames of any of many failures that were caught, and fails again with one", () =>
    Effect.gen(function* () {
      const all = Effect.gen(function* () {
        const exits = yield* Effect.forEach(
          Array.from({ length: 40 }, (_, i) => i),
          (i) => Effect.exit(Effect.fail(offline()).pipe(Operation.doing(`item ${i}`)))
        )
        return yield* exits[0]!.pipe(Effect.catch((e) => Effect.fail(e)))
      }).pipe(Operation.doing("all"))
      assert.strictEqual(yield* path(all), "all / item 0")
    })
  )

  it.effect("does not take one text or nothing for another", () =>
    Effect.gen(function* () {
      for (const failure of ["boom", undefined, null, 7]) {
        const program = Effect.fail(failure).pipe(
          Operation.doing("probe"),
          Effect.catch(() => Effect.fail(new Reasons.NotFound())),
          Operation.doing("outer")
        )
        assert.strictEqual(yield* path(program), "outer")
        const again = Effect.fail(failure).pipe(
          Operation.doing("probe"),
          Effect.catch(() => Effect.fail(failure)),
          Operation.doing("outer")
        )
        assert.strictEqual(yield* path(again), "outer")
      }
    })
  )

  it.effect("finds its way out of 50 000 operations", () =>
    Effect.gen(function* () {
      let nested: Effect.Effect<never, unknown> = Effect.fail(offline())
      for (let i = 0; i < 50_000; i++) nested = Operation.doing(nested, "deep")
      const failure = yield* Effect.flip(nested)
      assert.strictEqual(Operation.ofError(failure).length, 50_000)
    })
  )

  it.effect("keeps what the details said when it failed", () =>
    Effect.gen(function* () {
      const state = { step: 1 }
      const failure = yield* Effect.flip(offline().pipe(Operation.doing("count", { fields: state })))
      state.step = 99
      assert.deepStrictEqual(Operation.ofError(failure)[0]?.fields, [["step", "1"]])
    })
  )

  it.effect("does not blame an operation that was recovered from", () =>
    Effect.gen(function* () {
      const program = Effect.fail(offline()).pipe(
        Operation.doing("recovered"),
        Effect.catch(() => Effect.fail(new Reasons.DataError())),
        Operation.doing("outer")
      )
      assert.strictEqual(yield* path(program), "outer")
    })
  )

  it.effect("shows one attempt and not all of them after a retry", () =>
    Effect.gen(function* () {
      const program = Effect.suspend(() => Effect.fail(offline())).pipe(
        Operation.doing("attempt"),
        Effect.retry(Schedule.recurs(3)),
        Operation.doing("outer")
      )
      assert.strictEqual(yield* path(program), "outer / attempt")
    })
  )

  it.effect("follows forked children and parallel effects", () =>
    Effect.gen(function* () {
      const forked = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.fail(offline()).pipe(Operation.doing("child")))
        return yield* Fiber.join(fiber)
      }).pipe(Operation.doing("parent"))
      assert.strictEqual(yield* path(forked), "parent / child")
      const both = Effect.all([Effect.never, Effect.fail(offline()).pipe(Operation.doing("right"))], {
        concurrency: "unbounded"
      }).pipe(Operation.doing("both"))
      assert.strictEqual(yield* path(both), "both / right")
    })
  )

  it.effect("follows streams", () =>
    Effect.gen(function* () {
      const stream = Stream.make(1, 2, 3).pipe(
        Stream.mapEffect((n) =>
          n === 2 ? Effect.fail(offline()).pipe(Operation.doing(`element ${n}`)) : Effect.succeed(n)
        )
      )
      assert.strictEqual(yield* path(Stream.runDrain(stream).pipe(Operation.doing("import"))), "import / element 2")
    })
  )

  it.effect("keeps an instance that is raised in two calls clean of either", () =>
    Effect.gen(function* () {
      const shared = offline()
      const run = (name: string) => Effect.exit(Effect.fail(shared).pipe(Operation.doing(name)))
      const [a, b] = yield* Effect.all([Effect.yieldNow.pipe(Effect.andThen(run("a"))), run("b")], {
        concurrency: "unbounded"
      })
      assert.strictEqual(pathOf(a), "a")
      assert.strictEqual(pathOf(b), "b")
      assert.strictEqual(Identity.of(shared).path, null)
    })
  )

  it.effect("never carries frames of an earlier call over to a later one, even through mapError", () =>
    Effect.gen(function* () {
      const shared = offline()
      yield* Effect.exit(
        Effect.fail(new Reasons.DataError()).pipe(
          Operation.doing("first"),
          Effect.mapError(() => shared)
        )
      )
      assert.strictEqual(yield* path(Effect.fail(shared).pipe(Operation.doing("second"))), "second")
    })
  )

  it.effect("describes defects and leaves interruption alone", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* path(Effect.die(new Error("bug")).pipe(Operation.doing("compute"))), "compute")
      const interrupted = yield* Effect.exit(Effect.interrupt.pipe(Operation.doing("wait")))
      assert.isTrue(Exit.isFailure(interrupted) && Cause.hasInterruptsOnly(interrupted.cause))
    })
  )

  it.effect("makes lazy details once on failure and never on success", () =>
    Effect.gen(function* () {
      let made = 0
      const details = () => ({ fields: { made: ++made } })
      yield* Effect.void.pipe(Operation.doing("fine", details))
      assert.strictEqual(made, 0)
      const failure = yield* Effect.flip(offline().pipe(Operation.doing("bad", details)))
      assert.deepStrictEqual(Operation.ofError(failure)[0]?.fields, [["made", "1"]])
      Operation.ofError(failure)
      assert.strictEqual(made, 1)
    })
  )

  it.effect("keeps the failure when describing it fails", () =>
    Effect.gen(function* () {
      const program = offline().pipe(
        Operation.doing("bad", () => {
          throw new Error("the description is broken")
        })
      )
      assert.strictEqual((yield* Effect.flip(program))._tag, "SystemError")
    })
  )

  it.effect("leaves the type of the effect as it is", () =>
    Effect.gen(function* () {
      const typed: Effect.Effect<number, Reasons.NotFound> = Effect.succeed(1).pipe(
        Effect.andThen((n) => (n > 1 ? Effect.fail(new Reasons.NotFound()) : Effect.succeed(n))),
        Operation.doing("look up"),
        Failure.context("Failed to look up")
      )
      assert.strictEqual(yield* typed, 1)
    })
  )
})

const context = (
  action: string | null,
  locator: string | null = null,
  fields: ReadonlyArray<readonly [string, string]> = []
): Operation.OperationContext => ({
  action,
  locator,
  path: [action, locator].filter((segment) => segment !== null),
  fields,
  metadata: {},
  sentence: false
})

describe("Operation.pathOf", () => {
  const table: ReadonlyArray<readonly [string, ReadonlyArray<Operation.OperationContext>, ReadonlyArray<string>]> = [
    ["doing a, at l", [context("a"), context(null, "l")], ["a", "l"]],
    ["at l, doing a", [context(null, "l"), context("a")], ["a", "l"]],
    [
      "doing inner, at l, doing outer",
      [context("inner"), context(null, "l"), context("outer")],
      ["outer", "inner", "l"]
    ],
    ["doing inner, doing outer", [context("inner"), context("outer")], ["outer", "inner"]],
    ["doing x, doing x", [context("x"), context("x")], ["x"]],
    ["doing x, at x", [context("x"), context(null, "x")], ["x"]],
    ["at l, at l", [context(null, "l"), context(null, "l")], ["l"]],
    ["doing a, at l, at m", [context("a"), context(null, "l"), context(null, "m")], ["a", "l", "m"]],
    [
      "doing a, at l, doing b, at m",
      [context("a"), context(null, "l"), context("b"), context(null, "m")],
      ["b", "m", "a", "l"]
    ],
    ["doing a with at l, at m", [context("a", "l"), context(null, "m")], ["a", "l", "m"]],
    ["doing a, only fields, at l", [context("a"), context(null, null, [["k", "v"]]), context(null, "l")], ["a", "l"]],
    [
      "service/parse inside service/validate",
      [context("service", "parse"), context("service", "validate")],
      ["service", "validate", "service", "parse"]
    ],
    ["nothing", [], []]
  ]
  it.each(table)("%s", (_name, contexts, segments) => {
    assert.deepStrictEqual(Operation.pathOf(contexts), segments)
  })

  it("escapes the separator inside of a segment", () => {
    assert.strictEqual(Operation.joinPath(["a / b", "c"]), "a \\/ b / c")
    assert.strictEqual(Operation.joinPath(["a \\/ b", "/ c"]), "a \\\\/ b / \\/ c")
  })

  it("leaves segments as they are that only contain slashes", () => {
    for (const segment of ["/", "/orders/7", "GET /", "a/b", "C:\\temp", "\\/", "a /b", "a/ b"]) {
      assert.strictEqual(Operation.joinPath([segment, "x"]), `${segment} / x`)
    }
  })

  it("is taken apart into the segments that it was made of, whatever they are", () => {
    const part = fc.constantFrom("", "/", " ", "\\", "a", " / ", " \\/ ", "/ ", " /")
    const segment = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""))
    fc.assert(
      fc.property(fc.array(fc.oneof(segment, fc.string()), { minLength: 1, maxLength: 5 }), (segments) => {
        assert.deepStrictEqual(Operation.splitPath(Operation.joinPath(segments)!), segments)
      }),
      { numRuns: 2000 }
    )
  })
})

describe("The metadata of an operation", () => {
  it.effect("has its keys by code point, at the operation as at the failure", () =>
    Effect.gen(function* () {
      const metadata = { b: 1, "\u{1F600}": 1, a: 1, "\uFF5E": 1, B: 1, "1.5": 1 }
      const failure = yield* Effect.flip(Operation.doing(new Reasons.DataError(), "import", { metadata }))
      const sorted = Object.keys(metadata).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      assert.deepStrictEqual(sorted, ["1.5", "B", "a", "b", "\uFF5E", "\u{1F600}"])
      const { contexts, metadata: all } = Report.of(failure)
      assert.deepStrictEqual([Object.keys(contexts[0]!.metadata), Object.keys(all)], [sorted, sorted])
    })
  )

  it("is put in the order of its bytes, whatever the keys are", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (keys) => {
        const bytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        assert.deepStrictEqual(Operation.inOrder(keys), bytes)
      })
    )
  })
})
