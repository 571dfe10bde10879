/**
 * The one way in which options are checked. Whatever takes options has a table with a check per option, each of which says
 * in words what it must be; this is read at build and never while a program runs. The value of an option is shown as far as
 * it can be no secret. For those who write policies and edges of their own, so that theirs refuse as these do.
 *
 * @example
 * ```ts
 * import { check, count, type Table } from "@holdfast/core/options"
 *
 * const table: Table = { slots: count(1), queue: count(0) }
 *
 * const refusal = (input: unknown) => {
 *   try {
 *     check({ path: "Pool" }, table, input, ["slots"])
 *     return "fine"
 *   } catch (error) {
 *     return (error as Error).message
 *   }
 * }
 *
 * refusal({ slots: 4 }) // => "fine"
 * refusal({ slot: 4 }) // => "invalid value: Pool.slot: is no option, did you mean slots? (there are slots, queue)"
 * refusal({ slots: 0 }) // => "invalid value: Pool.slots: must be a whole number, 1 or more, but is 0"
 * ```
 */
import * as ConfigError from "../hierarchy/ConfigError.ts"
import { Duration, Effect, Option, Predicate, Schema } from "effect"
import { nearest } from "./nearest.ts"

export { nearest } from "./nearest.ts"

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
  /** Of a value with several entries, the first one that is wrong. */
  readonly entry?: (u: unknown) => Entry | undefined
}

/** One of several in an option, under its key or number. `what` completes the sentence that begins with that. */
export interface Entry {
  readonly key: string | number
  readonly what: string
  /** Left out where it is the key that is wrong. */
  readonly value?: unknown
}

export type Table<O = Readonly<Record<string, unknown>>> = { readonly [K in keyof O]-?: Field<unknown> }

/** Whatever a guard accepts; `what` says what that is: `a text`. */
export const guarded = <A>(what: string, is: (u: unknown) => u is A): Field<A> => ({ what: `must be ${what}`, is })

/** Whatever a Schema accepts. */
export const fitting = <S extends Schema.ConstraintDecoder<unknown>>(what: string, schema: S): Field<S["Type"]> =>
  guarded(what, Schema.is(schema))

/** A whole number of at least `least`. */
export const count = (least: number): Field<number> =>
  fitting(`a whole number, ${least} or more`, Schema.Int.check(Schema.isGreaterThanOrEqualTo(least)))

export const countOrInfinity = (least: number): Field<number> =>
  guarded(
    `a whole number, ${least} or more, or Infinity`,
    (u): u is number => u === Infinity || (Number.isSafeInteger(u) && (u as number) >= least)
  )

/** A number in a range that the words describe. */
export const number = (what: string, isIn: (value: number) => boolean): Field<number> =>
  guarded(what, (u): u is number => typeof u === "number" && isIn(u))

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
  guarded(what, (u): u is Duration.Input => {
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
  fitting(all.map((one) => JSON.stringify(one)).join(" or "), Schema.Literals(all))

export const flag = fitting("true or false", Schema.Boolean)
export const text = fitting("a text", Schema.String)
export const name = fitting("a text that is not empty", Schema.String.check(Schema.isMinLength(1)))
/** An object whose members are names of something. */
export const record = guarded("an object", (u): u is object => isSection(u))
export const section = guarded("an object of options", (u): u is object => isSection(u))

/** What is checked by somebody who knows more. */
export const given: Field<unknown> = { what: "must be given", is: (u): u is unknown => u !== null }

/** One or the other. */
export const either = <A, B>(a: Field<A>, b: Field<B>): Field<A | B> => ({
  what: `${a.what}, or ${b.what.replace(/^must be /, "")}`,
  is: (u): u is A | B => a.is(u) || b.is(u)
})

export const fn: Field<Function> = guarded("a function", Predicate.isFunction)

export const functionOf = (what: string): Field<Function> => guarded(`a function ${what}`, Predicate.isFunction)

/** Whether it is a plain object with members, as options are. */
export const isSection = (u: unknown): u is Readonly<Record<string, unknown>> =>
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
  if (field.is(value)) return
  const entry = field.entry?.(value)
  if (entry === undefined) return refuse(at, field.what, value)
  refuse(under(at, entry.key), entry.what, ...("value" in entry ? ([entry.value] as const) : []))
}
