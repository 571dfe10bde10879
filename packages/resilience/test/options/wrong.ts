import { assert } from "@effect/vitest"
import { ConfigError } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { Effect } from "effect"

/** Values that are wrong, and what is said of them. */
export type Wrong = readonly [values: ReadonlyArray<unknown>, says: string]

export type Make = (options: never) => unknown

export const secret = "s3cret-value"

export const strangers = [null, {}, [], true, secret, Symbol("x")]
export const notNumbers = [...strangers, Number.NaN, "1"]
export const notDurations = [
  null,
  {},
  { second: 1 },
  { seconds: Number.NaN },
  [Number.NaN, 0],
  true,
  secret,
  Number.NaN
]

export const count = (least: number): Wrong => [
  [least - 1, -1, 0.5, Infinity, -Infinity, ...notNumbers],
  `must be a whole number, ${least} or more`
]
export const between = (low: number, high: number, says: string): Wrong => [
  [low - 0.001, high + 0.001, Infinity, -Infinity, ...notNumbers],
  `must be ${says}`
]
export const share: Wrong = [[0, ...between(0, 1, "")[0]], "must be a number more than 0, at most 1"]
export const positive: Wrong = [
  [0, -1, "0 millis", "-1 second", Infinity, "Infinity", ...notDurations],
  "must be a finite duration greater than 0 ms"
]
export const notNegative: Wrong = [
  [-1, Infinity, -Infinity, ...notDurations],
  "must be a finite duration, zero or more"
]
export const choice = (...all: ReadonlyArray<string>): Wrong => [
  [...strangers, 1, "", all[0]!.toUpperCase()],
  `must be ${all.map((one) => JSON.stringify(one)).join(" or ")}`
]
export const flag: Wrong = [[null, 0, 1, "true", {}, secret], "must be true or false"]
export const name: Wrong = [["", null, 1, {}, true], "must be a text that is not empty"]
export const func = (says: string): Wrong => [[...strangers, 1], `must be a function ${says}`]
export const section: Wrong = [[null, 1, true, secret, []], "must be an object of options"]
export const when: Wrong = [
  [null, 1, {}, secret, []],
  "must be a function of the failure, or a list of tags (Timeout) and whole codes (sys.timeout)"
]
export const rule: Wrong = [
  [null, 1, true, secret, {}, { kind: "sometimes" }],
  "must be a rule such as CircuitBreaker.consecutive(5)"
]

export const breaker = (options: object) => CircuitBreaker.make({ name: "db", ...options })

/** What a value of an option is refused with: thrown by what is a value itself, failed by what is made in an effect. */
export const refusalOf = (make: () => unknown): Effect.Effect<ConfigError.InvalidValue> =>
  Effect.suspend(() => {
    const made = make()
    return Effect.isEffect(made) ? (made as Effect.Effect<unknown, unknown>) : Effect.succeed(made)
  }).pipe(
    Effect.catchDefect((defect) => Effect.fail(defect)),
    Effect.flip,
    Effect.map((error) => {
      assert.instanceOf(error, ConfigError.InvalidValue)
      return error
    }),
    Effect.orDie
  )
