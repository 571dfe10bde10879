import { Failure, Operation, Reasons, TransportError } from "@holdfast/core"
import { Cause, Duration, Effect, Schema } from "effect"
import * as fc from "fast-check"
import { raised } from "./support.ts"

/** A failure with everything that a declaration can have. */
export class Rich extends Failure.Tagged<Rich>()(
  "ArbitraryRich",
  {
    sku: Schema.String,
    left: Schema.Int,
    on: Schema.optionalKey(Schema.Date),
    wait: Schema.optionalKey(Schema.DurationFromMillis),
    card: Schema.optionalKey(Failure.sensitive(Schema.String))
  },
  {
    code: "biz.arbitrary.rich",
    reason: "rich failure",
    http: 418,
    grpc: "ALREADY_EXISTS",
    retry: "throttled",
    severity: "Fatal",
    hints: { client: ["c1", "c2"], partner: ["p1"], operator: ["o1"], developer: ["d1"] }
  }
) {}

/** A failure whose category is public and which is not. */
export class Sealed extends Failure.Tagged<Sealed>()(
  "ArbitrarySealed",
  { score: Schema.Finite },
  { code: "biz.arbitrary.sealed", visibility: "internal", hints: { partner: ["p2"], developer: ["d2"] } }
) {}

export class Refused extends Failure.Tagged<Refused>()(
  "ArbitraryRefused",
  {
    violations: Schema.Array(Schema.Struct({ path: Schema.String, code: Schema.String, message: Schema.String }))
  },
  {
    code: "biz.arbitrary.refused",
    reason: "cannot be taken",
    http: 422,
    retry: "throttled",
    hints: { client: ["c3"], operator: ["o3"] }
  }
) {}

export const known = [
  Rich,
  Sealed,
  Refused,
  Reasons.NotFound,
  Reasons.ValidationError,
  Reasons.RateLimited,
  Reasons.Timeout,
  Reasons.SystemError,
  Reasons.CircuitOpen,
  Reasons.RetriesExhausted,
  Reasons.LogicError,
  Reasons.CoreConfigInvalid,
  TransportError.ConnectionRefused
] as const

// Words, so that nothing looks like a secret by chance; everything that is hard about texts has tests of its own.
const word = fc
  .array(fc.constantFrom("ab", "Ünï", "x / y", "  ", "<b>", "日本", "q?", "\n", '"', "😀"), {
    minLength: 1,
    maxLength: 5
  })
  .map((parts) => `w${parts.join("")}w`)

const extras = fc.record(
  {
    detail: word,
    retryAfter: fc.nat(1e6),
    position: fc.constant("src/a.ts:7"),
    cause: fc.constant(new Error("under"))
  },
  { requiredKeys: [] }
)

interface Extras {
  readonly detail?: string
  readonly retryAfter?: number
}

const makers: ReadonlyArray<(extras: Extras, text: string, n: number) => unknown> = [
  (more, sku, left) =>
    new Rich({ ...more, sku, left, on: new Date(left * 1000), wait: Duration.millis(left), card: "4111111111111111" }),
  (more, _, score) => new Sealed({ ...more, score }),
  (more, text, n) => new Refused({ ...more, violations: [{ path: `items.${n}`, code: "too_long", message: text }] }),
  (more) => new Reasons.NotFound(more),
  (more) => new Reasons.ValidationError({ ...more, cause: schemaError }),
  (more) => new Reasons.RateLimited(more),
  (more, operation, after) => new Reasons.Timeout({ ...more, operation, after: Duration.millis(after) }),
  (more) => new Reasons.SystemError(more),
  (more, circuit) => new Reasons.CircuitOpen({ ...more, circuit, state: "half_open" }),
  (more, _, attempts) =>
    new Reasons.RetriesExhausted({ ...more, attempts, elapsed: Duration.millis(7), limit: "budget" }),
  (more) => new Reasons.LogicError(more),
  (more) => new Reasons.CoreConfigInvalid(more),
  (more, endpoint) => new TransportError.ConnectionRefused({ ...more, endpoint }),
  (more) => new Reasons.Unauthenticated(more),
  (more) => new Reasons.Unimplemented(more),
  (more) => new Reasons.Cancelled(more),
  (_, text) => new Error(text),
  (_, text) => Object.assign(new Error(text), { code: "ECONNREFUSED" }),
  (_, text) => new Cause.NoSuchElementError(text),
  (_, text) => text
]

const schemaError = Effect.runSync(
  Effect.flip(Schema.decodeUnknownEffect(Schema.Struct({ sku: Schema.String }))({ sku: 7 }))
)

/** How an error leaves its program: failed, thrown, beside another, or as the cause of a parallel pair. */
const wraps: ReadonlyArray<(error: unknown) => unknown> = [
  (error) => error,
  (error) => error,
  (error) => error,
  (error) => Cause.fail(error),
  (error) => Cause.die(error),
  (error) => Cause.fromReasons([Cause.makeFailReason(error), Cause.makeDieReason(new Error("beside"))]),
  () => Cause.interrupt(7)
]

const operations = fc.array(
  fc.record({
    action: word,
    at: fc.option(word, { nil: undefined }),
    metadata: fc.dictionary(
      fc.constantFrom("a", "b.c", "d_e", "component.name", "__proto__"),
      fc.oneof(word, fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
    )
  }),
  { maxLength: 3 }
)

/** Failures of every kind, raised through operations, as whatever a program may have in its hands. */
export const anyFailure: fc.Arbitrary<unknown> = fc
  .tuple(fc.constantFrom(...makers), extras, word, fc.nat(1e6), operations, fc.constantFrom(...wraps))
  .map(([make, more, text, n, around, wrap]) => {
    const error = raised(
      make(more, text, n),
      ...around.map(({ action, at, metadata }) => Operation.doing(action, { at, metadata, fields: { f: action } }))
    )
    return wrap(error)
  })
