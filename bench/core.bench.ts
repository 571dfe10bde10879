/** What a failure costs, beside the errors that people have today. */
import { Failure, Identity, Operation, Report } from "@holdfast/core"
import { Data, Effect, Schema } from "effect"
import { type Case, type Run, sync } from "./harness.ts"

class DataError extends Data.TaggedError("DataError")<{ readonly sku: string }> {}

class SchemaError extends Schema.TaggedError<SchemaError>()("SchemaError", { sku: Schema.String }) {}

class Declared extends Failure.Tagged<Declared>()(
  "Declared",
  { sku: Schema.String },
  { code: "biz.bench.declared", detail: ({ sku }) => `no ${sku}` }
) {}

/** Runs an effect `n` times in one fiber. */
const inFiber =
  (effect: Effect.Effect<unknown>): Run =>
  (n) =>
    Effect.runSync(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* effect
      })
    )

const caught = (make: () => Effect.Effect<never, unknown>) => () => inFiber(Effect.ignore(Effect.suspend(make)))

const nested = <E>(effect: Effect.Effect<unknown, E>, depth: number): Effect.Effect<unknown, E> => {
  let wrapped = effect
  for (let i = 0; i < depth; i++) wrapped = Operation.doing(wrapped, "step")
  return wrapped
}

const success = Effect.suspend(() => Effect.succeed(1))
const failing = Effect.suspend(() => Effect.fail(Failure.stackless(Declared, { sku: "A-1" })))

const make = "Making an error"
const raise = "Raising and catching, in a fiber"
const fine = "An operation that succeeds, in a fiber"
const broken = "An operation that fails and is caught, in a fiber"
const read = "Reading a failure"

/** The values of result libraries: no stack, no class. */
const plainValue = () => ({ ok: false as const, error: { kind: "declared", sku: "A-1" } })

const three = Effect.runSync(
  Effect.flip(
    Effect.sandbox(
      Effect.fail(new Declared({ sku: "A-1" })).pipe(
        Operation.doing("reserve", { at: "warehouse", fields: { sku: "A-1" }, metadata: { "order.id": 7 } }),
        Operation.doing("place order"),
        Operation.doing("check out")
      )
    )
  )
)

export const cases: ReadonlyArray<Case> = [
  { group: make, name: "`new Error`", make: () => sync(() => new Error("no A-1")) },
  { group: make, name: "`Data.TaggedError`", make: () => sync(() => new DataError({ sku: "A-1" })) },
  { group: make, name: "`Schema.TaggedError`", make: () => sync(() => new SchemaError({ sku: "A-1" })) },
  { group: make, name: "`Failure.Tagged`", make: () => sync(() => new Declared({ sku: "A-1" })) },
  { group: make, name: "`Failure.stackless`", make: () => sync(() => Failure.stackless(Declared, { sku: "A-1" })) },
  { group: make, name: "a result value (neverthrow style)", make: () => sync(plainValue) },

  { group: raise, name: "`Schema.TaggedError`", make: caught(() => new SchemaError({ sku: "A-1" })) },
  { group: raise, name: "`Data.TaggedError`", make: caught(() => new DataError({ sku: "A-1" })) },
  { group: raise, name: "`Failure.Tagged`", make: caught(() => new Declared({ sku: "A-1" })) },
  { group: raise, name: "`Failure.stackless`", make: caught(() => Failure.stackless(Declared, { sku: "A-1" })) },

  { group: fine, name: "`Effect.withSpan`", make: () => inFiber(success.pipe(Effect.withSpan("step"))) },
  { group: fine, name: "nothing around it", make: () => inFiber(success) },
  ...[1, 5, 20].map((depth) => ({
    group: fine,
    name: `\`Operation.doing\`, depth ${depth}`,
    make: () => inFiber(nested(success, depth))
  })),

  {
    group: broken,
    name: "`Effect.withSpan`",
    make: () => inFiber(Effect.ignore(failing.pipe(Effect.withSpan("step"))))
  },
  { group: broken, name: "nothing around it", make: () => inFiber(Effect.ignore(failing)) },
  ...[1, 5, 20].map((depth) => ({
    group: broken,
    name: `\`Operation.doing\`, depth ${depth}`,
    make: () => inFiber(Effect.ignore(nested(failing, depth)))
  })),

  {
    group: read,
    name: "`JSON.stringify` of its fields",
    make: () => {
      const failure = new Declared({ sku: "A-1" })
      return sync(() => JSON.stringify({ code: "biz.bench.declared", message: failure.message, sku: failure.sku }))
    }
  },
  {
    group: read,
    name: "`Identity.of`",
    make: () => {
      const failure = new Declared({ sku: "A-1" })
      return sync(() => Identity.of(failure))
    }
  },
  {
    group: read,
    name: "`Report.of`",
    make: () => {
      const failure = new Declared({ sku: "A-1" })
      return sync(() => Report.of(failure))
    }
  },
  { group: read, name: "`Report.fromCause`, three operations", make: () => sync(() => Report.fromCause(three)) },
  {
    group: read,
    name: "`Report.chain`, three operations",
    make: () => {
      const report = Report.fromCause(three)
      return sync(() => Report.chain(report))
    }
  },
  {
    group: read,
    name: "`Report.verbose`, three operations",
    make: () => {
      const report = Report.fromCause(three)
      return sync(() => Report.verbose(report))
    }
  }
]
