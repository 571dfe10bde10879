import { ConfigError } from "@holdfast/core"
import { Duration, Effect, Option } from "effect"

/**
 * A policy value is built where the program is built, so a wrong option is thrown there, as the failure that a wrong
 * configuration file would give. The value itself is never shown.
 */
export const refuse = (path: string, expected: string): never => {
  throw new ConfigError.InvalidValue({ path, expected })
}

/** A duration option in milliseconds. */
export const millis = (
  path: string,
  input: Duration.Input,
  range: { readonly above?: number; readonly infinite?: boolean } = {}
): number => {
  const decoded = Duration.fromInput(input)
  const value = Option.isSome(decoded) ? Duration.toMillis(decoded.value) : Number.NaN
  // Effect reads NaN as a zero duration; an option that is not a number is a mistake.
  const isNumber = !(typeof input === "number" && Number.isNaN(input)) && !Number.isNaN(value)
  const { above, infinite = false } = range
  if (isNumber && (above === undefined ? value >= 0 : value > above) && (infinite || Number.isFinite(value)))
    return value
  const what = infinite ? "a duration" : "a finite duration"
  return refuse(path, above === undefined ? `${what}, zero or more` : `${what} greater than ${above} ms`)
}

export const isCount = (value: unknown, minimum: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= minimum

/** A whole number of at least `minimum`. */
export const count = (path: string, value: number, minimum: number): number =>
  isCount(value, minimum) ? value : refuse(path, `a whole number, ${minimum} or more`)

/** A number above `above` and not above `most`. */
export const within = (path: string, value: number, expected: string, above: number, most: number): number =>
  value > above && value <= most ? value : refuse(path, expected)

/** Makes something of options; a refusal is a failure of the effect. Whatever else is thrown is a defect. */
export const refusing = <A>(make: () => A): Effect.Effect<A, ConfigError.InvalidValue> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(make())
    } catch (error) {
      return error instanceof ConfigError.InvalidValue ? Effect.fail(error) : Effect.die(error)
    }
  })
