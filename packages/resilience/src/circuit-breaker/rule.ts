import { ConfigError } from "@holdfast/core"
import { Duration, Option, Result } from "effect"
import type { CustomOptions, RateOptions, Trip, WindowOptions } from "./trip.ts"

export type WindowRule =
  | { readonly kind: "count"; readonly size: number }
  | { readonly kind: "time"; readonly length: number }

/** A rule that was found to be sound. Times in milliseconds. */
export type Rule =
  | { readonly kind: "consecutive"; readonly failures: number }
  | {
      readonly kind: "failure_rate"
      readonly threshold: number
      readonly window: WindowRule
      readonly minimumCalls: number
    }
  | {
      readonly kind: "slow_rate"
      readonly threshold: number
      readonly window: WindowRule
      readonly minimumCalls: number
      readonly slowerThan: number
      readonly inFlight: boolean
    }
  | { readonly kind: "any_of"; readonly rules: ReadonlyArray<Rule> }
  | { readonly kind: "custom"; readonly options: CustomOptions }

type Decoded<A> = Result.Result<A, ConfigError.InvalidValue>

const wrong = (path: string, expected: string): Decoded<never> =>
  Result.fail(new ConfigError.InvalidValue({ path, expected }))

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 1

/** A finite time of more than 0 ms in milliseconds. */
export const positive = (input: unknown): number | undefined => {
  if (typeof input === "number" && Number.isNaN(input)) return undefined
  const millis = Option.map(Duration.fromInput(input as Duration.Input), Duration.toMillis)
  return Option.isSome(millis) && millis.value > 0 && millis.value < Infinity ? millis.value : undefined
}

const windowOf = (window: WindowOptions, path: string): Decoded<WindowRule> => {
  if (typeof window !== "object" || window === null) return wrong(path, "{ calls } or { time }")
  if ("calls" in window) {
    return isCount(window.calls)
      ? Result.succeed({ kind: "count", size: window.calls })
      : wrong(`${path}.calls`, "a whole number, 1 or more")
  }
  const length = positive(window.time)
  return length === undefined
    ? wrong(`${path}.time`, "a finite duration greater than 0 ms")
    : Result.succeed({ kind: "time", length })
}

const rateOf = (options: RateOptions, path: string) =>
  Result.gen(function* () {
    const { threshold = 0.5 } = options
    const window = yield* windowOf(options.window ?? { calls: 100 }, `${path}.window`)
    const minimumCalls = options.minimumCalls ?? (window.kind === "count" ? window.size : 10)
    if (!(threshold >= 0 && threshold <= 1)) yield* wrong(`${path}.threshold`, "a number from 0 to 1")
    if (!isCount(minimumCalls)) yield* wrong(`${path}.minimumCalls`, "a whole number, 1 or more")
    if (window.kind === "count" && minimumCalls > window.size) {
      yield* wrong(`${path}.minimumCalls`, "no more than window.calls")
    }
    return { threshold, window, minimumCalls }
  })

/** Checks a rule and fills in its defaults. */
export const decodeTrip = (trip: Trip, path: string): Decoded<Rule> => {
  switch (trip?.kind) {
    case "consecutive":
      return isCount(trip.failures)
        ? Result.succeed(trip)
        : wrong(path, "a rule such as CircuitBreaker.consecutive(5), of a whole number, 1 or more")
    case "failure_rate":
      return Result.map(rateOf(trip.options, path), (rate) => ({ kind: "failure_rate", ...rate }))
    case "slow_rate": {
      const slowerThan = positive(trip.options.slowerThan)
      if (slowerThan === undefined) return wrong(`${path}.slowerThan`, "a finite duration greater than 0 ms")
      const inFlight = trip.options.inFlight ?? true
      return Result.map(rateOf(trip.options, path), (rate) => ({ kind: "slow_rate", ...rate, slowerThan, inFlight }))
    }
    case "any_of":
      if (trip.rules.length === 0) return wrong(path, "at least one rule")
      return Result.map(Result.all(trip.rules.map((rule, i) => decodeTrip(rule, `${path}.${i}`))), (rules) => ({
        kind: "any_of",
        rules
      }))
    case "custom":
      if (trip.options.name === "") return wrong(`${path}.name`, "a text that is not empty")
      return Result.succeed(trip)
    default:
      return wrong(path, "a rule such as CircuitBreaker.consecutive(5)")
  }
}

const share = (threshold: number): string => `${Math.round(threshold * 1000) / 10}%`

const describeWindow = (window: WindowRule): string =>
  window.kind === "count" ? `${window.size} calls` : Duration.format(Duration.millis(window.length))

/** One rule in a few words. Two rules with equal words are the same rule, except for custom ones of the same name. */
export const describeRule = (rule: Rule): string => {
  switch (rule.kind) {
    case "consecutive":
      return `${rule.failures} failures in a row`
    case "failure_rate":
      return `${share(rule.threshold)} failures of ${describeWindow(rule.window)}, at least ${rule.minimumCalls}`
    case "slow_rate": {
      const limit = Duration.format(Duration.millis(rule.slowerThan))
      return `${share(rule.threshold)} over ${limit} of ${describeWindow(rule.window)}, at least ${rule.minimumCalls}${rule.inFlight ? "" : ", completed"}`
    }
    case "any_of":
      return rule.rules.map(describeRule).join(" or ")
    case "custom":
      return rule.options.name
  }
}
