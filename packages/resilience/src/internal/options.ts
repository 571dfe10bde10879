/**
 * The one way in which options are checked. A policy has a table with a Schema per option, each of which says in words
 * what it must be; this is read at build and never while a program runs. The value of an option is shown as far as it can
 * be no secret.
 */
import { ConfigError, Failure } from "@holdfast/core"
import { Duration, Effect, Option, Predicate, Schema } from "effect"
import { nearest } from "./nearest.ts"

/** Where options stand: `Retry`, `CircuitBreaker "payments"`, or a path of the configuration. */
export interface At {
  readonly path: string
  readonly source?: string | undefined
}

/** The place of a policy's options in code. A name that is none is not repeated. */
export const placeOf = (policy: string, name?: unknown): At => ({
  path: typeof name === "string" && name !== "" ? `${policy} ${JSON.stringify(name)}` : policy
})

export const under = (at: At, key: string | number): At => ({ ...at, path: `${at.path}.${key}` })

/**
 * A policy value is built where the program is built, so a wrong option is thrown there, as the failure that a wrong
 * configuration file would give.
 */
export const refuse = (at: At, expected: string, ...wrong: readonly [value?: unknown]): never => {
  throw invalid(at, expected, wrong.length === 0 ? {} : { actual: shown(wrong[0]) })
}

export const invalid = (
  { path, source }: At,
  expected: string,
  more: { readonly actual?: string; readonly cause?: unknown }
): ConfigError.InvalidValue =>
  new ConfigError.InvalidValue({ path, expected, ...(source === undefined ? undefined : { source }), ...more })

const many = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`

const longestTime = 40

/** A value as far as it can be no secret, and short: of a text that is no time only its length is known. */
const shown = (value: unknown): string => {
  if (value === undefined) return "not given"
  if (typeof value === "string") {
    if (value === "") return "an empty text"
    return value.length > longestTime || millisOf(value) === undefined
      ? `a text of ${many(value.length, "character")}`
      : JSON.stringify(value)
  }
  if (Duration.isDuration(value)) return Duration.format(value)
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${many(value.length, "element")}`
  if (typeof value === "object" && value !== null) return "an object"
  return typeof value === "function" || typeof value === "symbol" ? `a ${typeof value}` : String(value)
}

/** Makes something of options; a refusal is a failure of the effect. Whatever else is thrown is a defect. */
export const refusing = <A>(make: () => A): Effect.Effect<A, ConfigError.InvalidValue> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(make())
    } catch (error) {
      return error instanceof ConfigError.InvalidValue ? Effect.fail(error) : Effect.die(error)
    }
  })

/** One option. `what` completes the sentence that begins with its name. */
export interface Field<out A> {
  readonly what: string
  readonly is: (u: unknown) => u is A
}

export type Table<O = Readonly<Record<string, unknown>>> = { readonly [K in keyof O]-?: Field<unknown> }

const field = <S extends Schema.ConstraintDecoder<unknown>>(what: string, schema: S): Field<S["Type"]> => ({
  what,
  is: Schema.is(schema)
})

const satisfying = <A>(what: string, is: (u: unknown) => u is A): Field<A> => field(what, Schema.declare(is))

/** A whole number of at least `least`. */
export const count = (least: number): Field<number> =>
  field(`must be a whole number, ${least} or more`, Schema.Int.check(Schema.isGreaterThanOrEqualTo(least)))

export const countOrInfinity = (least: number): Field<number> =>
  satisfying(
    `must be a whole number, ${least} or more, or Infinity`,
    (u): u is number => u === Infinity || (Number.isSafeInteger(u) && (u as number) >= least)
  )

/** A number in a range that the words describe. */
export const number = (what: string, isIn: (value: number) => boolean): Field<number> =>
  satisfying(`must be ${what}`, (u): u is number => typeof u === "number" && isIn(u))

const units: ReadonlyArray<string> = [
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
]

/** Whether a plain object is a duration written in units, and not some options. */
export const isUnits = (u: object): boolean => {
  const entries = Object.entries(u)
  return entries.length > 0 && entries.every(([key, value]) => units.includes(key) && isNumber(value))
}

const isNumber = (u: unknown): boolean => typeof u === "number" && !Number.isNaN(u)

/** A duration in milliseconds, if it is one. Effect reads NaN and an object without units as zero; here they are mistakes. */
export const millisOf = (u: unknown): number | undefined => {
  if (typeof u === "number" && Number.isNaN(u)) return undefined
  if (Array.isArray(u) ? !u.every(isNumber) : Predicate.isObject(u) && !Duration.isDuration(u) && !isUnits(u)) {
    return undefined
  }
  const duration = Option.map(Duration.fromInput(u as Duration.Input), Duration.toMillis)
  return Option.isSome(duration) && !Number.isNaN(duration.value) ? duration.value : undefined
}

const durationWhere = (what: string, isIn: (millis: number) => boolean): Field<Duration.Input> =>
  satisfying(`must be ${what}`, (u): u is Duration.Input => {
    const millis = millisOf(u)
    return millis !== undefined && isIn(millis)
  })

export const positive = durationWhere(
  "a finite duration greater than 0 ms",
  (millis) => millis > 0 && millis < Infinity
)
export const notNegative = durationWhere(
  "a finite duration, zero or more",
  (millis) => millis >= 0 && millis < Infinity
)
export const positiveOrInfinity = durationWhere("a duration greater than 0 ms", (millis) => millis > 0)
export const notNegativeOrInfinity = durationWhere("a duration, zero or more", (millis) => millis >= 0)

export const oneOf = <const A extends ReadonlyArray<string | number>>(...all: A): Field<A[number]> =>
  field(`must be ${all.map((one) => JSON.stringify(one)).join(" or ")}`, Schema.Literals(all))

export const flag = field("must be true or false", Schema.Boolean)
export const text = field("must be a text", Schema.String)
export const name = field("must be a text that is not empty", Schema.String.check(Schema.isMinLength(1)))
export const section = satisfying("must be an object of options", (u): u is object => isSection(u))

/** Whatever a guard accepts; the words say what that is. */
export const guarded = <A>(what: string, is: (u: unknown) => u is A): Field<A> => satisfying(`must be ${what}`, is)

/** What is checked by somebody who knows more. */
export const given: Field<unknown> = { what: "must be given", is: (u): u is unknown => u !== null }

export const functionOf = (what: string): Field<Function> =>
  satisfying(`must be a function ${what}`, Predicate.isFunction)

const tag = /^(?!(?:biz|conf|logic|sys)$)[^\s.*?]+$/

/** Whether a text can name failures: a code by its syntax, a tag by having none of it. What never matches is a mistake. */
const isName = (text: string): boolean => Failure.isCode(text) || tag.test(text)

/** A predicate, or a list of tags and codes that it would look for. */
export const predicateOrNames = field(
  "must be a function of the failure, or a list of tags (Timeout) and whole codes (sys.timeout)",
  Schema.Union([
    Schema.declare(Predicate.isFunction),
    Schema.Array(Schema.String.check(Schema.makeFilter(isName))).check(Schema.isMinLength(1))
  ])
)

/** Something for each of several tags and codes. */
export const perName = (what: string, ...all: ReadonlyArray<string>): Field<Readonly<Record<string, string>>> =>
  satisfying(
    `must be tags (Timeout) or whole codes (sys.timeout) with ${what}`,
    (u): u is Readonly<Record<string, string>> =>
      isSection(u) && Object.entries(u).every(([name, one]) => isName(name) && all.includes(one as string))
  )

const isSection = (u: unknown): u is Readonly<Record<string, unknown>> =>
  Predicate.isObject(u) && !Array.isArray(u) && !Duration.isDuration(u)

const unknownKey = (key: string, table: Table): string => {
  const known = Object.keys(table)
  const near = nearest(key, known)
  const all = `there ${known.length === 1 ? "is" : "are"} ${known.join(", ")}`
  return near === undefined ? `is no option; ${all}` : `is no option, did you mean ${near}? (${all})`
}

/**
 * Refuses the first option that is unknown or wrong, and the first one of `required` that is missing. An option that is
 * `undefined` is left out.
 */
export const check = (at: At, table: Table, input: unknown, required: ReadonlyArray<string> = []): void => {
  if (!isSection(input)) return refuse(at, section.what, input)
  for (const [key, value] of Object.entries(input)) {
    if (!Object.hasOwn(table, key)) refuse(under(at, key), unknownKey(key, table))
    if (value !== undefined) checkOne(under(at, key), table[key]!, value)
  }
  for (const key of required) checkOne(under(at, key), table[key]!, input[key])
}

/** Refuses what is not what the option must be. */
export const checkOne = (at: At, field: Field<unknown>, value: unknown): void => {
  if (!field.is(value)) refuse(at, field.what, value)
}
