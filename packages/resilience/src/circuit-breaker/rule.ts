import {
  type At,
  check,
  checkOne,
  count,
  flag,
  functionOf,
  guarded,
  invalid,
  name,
  number,
  positive,
  refuse,
  type Table,
  under
} from "@holdfast/core/options"
import { Duration, Predicate } from "effect"
import type { CustomOptions, RateOptions, SlowRateOptions, Trip, WindowOptions } from "./trip.ts"

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

const rate: Table<RateOptions> = {
  threshold: number("a number from 0 to 1", (n) => n >= 0 && n <= 1),
  window: guarded("{ calls } or { time }", (u): u is object => Predicate.isObject(u)),
  minimumCalls: count(1)
}

const slow: Table<SlowRateOptions> = { ...rate, slowerThan: positive, inFlight: flag }

const own: Table<CustomOptions> = { name, make: functionOf("that makes { record, clear }") }

const windowOf = (at: At, window: WindowOptions): WindowRule => {
  if ("calls" in window) {
    if ("time" in window) refuse(at, "must have calls or time, not both")
    check(at, { calls: count(1) }, window, ["calls"])
    return { kind: "count", size: window.calls }
  }
  check(at, { time: positive }, window, ["time"])
  return { kind: "time", length: Duration.toMillis(window.time) }
}

const rateOf = (at: At, options: RateOptions) => {
  const { threshold = 0.5 } = options
  const window = windowOf(under(at, "window"), options.window ?? { calls: 100 })
  const minimumCalls = options.minimumCalls ?? (window.kind === "count" ? window.size : 10)
  if (window.kind === "count" && minimumCalls > window.size) {
    refuse(under(at, "minimumCalls"), `must be no more than the ${window.size} calls of its window`, minimumCalls)
  }
  return { threshold, window, minimumCalls }
}

/** Makes one memory to see that it is one: a call would be the first to find out. */
const checkMemory = (at: At, make: CustomOptions["make"]): void => {
  let made: unknown
  try {
    made = make()
  } catch (cause) {
    throw invalid(at, "must be a function that makes { record, clear }, and does not throw", { cause })
  }
  for (const member of ["record", "clear"] as const) {
    if (!Predicate.hasProperty(made, member) || !Predicate.isFunction(made[member])) {
      refuse(at, `must be a function that makes { record, clear }, and what it makes has no ${member}`)
    }
  }
}

/** Checks a rule and fills in its defaults. */
export const decodeTrip = (at: At, trip: Trip): Rule => {
  switch (trip?.kind) {
    case "consecutive":
      checkOne(under(at, "consecutive"), count(1), trip.failures)
      return { kind: "consecutive", failures: trip.failures }
    case "failure_rate": {
      const place = under(at, "failureRate")
      check(place, rate, trip.options)
      return { kind: "failure_rate", ...rateOf(place, trip.options) }
    }
    case "slow_rate": {
      const place = under(at, "slowRate")
      check(place, slow, trip.options, ["slowerThan"])
      const { inFlight = true, slowerThan, ...rest } = trip.options
      return { kind: "slow_rate", ...rateOf(place, rest), slowerThan: Duration.toMillis(slowerThan), inFlight }
    }
    case "any_of":
      if (!Array.isArray(trip.rules) || trip.rules.length === 0) refuse(at, "must be at least one rule")
      return { kind: "any_of", rules: trip.rules.map((rule, i) => decodeTrip(under(at, i), rule)) }
    case "custom":
      check(under(at, "custom"), own, trip.options, ["name", "make"])
      checkMemory(under(at, "custom.make"), trip.options.make)
      return trip
    default:
      return refuse(at, "must be a rule such as CircuitBreaker.consecutive(5)", trip)
  }
}

/** Beyond how many milliseconds a call is slow by any part of the rule. */
export const slowerThanOf = (rule: Rule): number =>
  rule.kind === "any_of"
    ? Math.min(...rule.rules.map(slowerThanOf))
    : rule.kind === "slow_rate"
      ? rule.slowerThan
      : Infinity

/** A rule exactly and as a text, except for what a custom one does: no text can say that. */
export const keyOf = (rule: Rule): string => JSON.stringify(rule)

const makersOf = (rule: Rule): ReadonlyArray<CustomOptions["make"]> =>
  rule.kind === "any_of" ? rule.rules.flatMap(makersOf) : rule.kind === "custom" ? [rule.options.make] : []

/** Whether what one rule has counted means the same to the other. */
export const isSameRule = (one: Rule, other: Rule): boolean =>
  keyOf(one) === keyOf(other) && makersOf(one).every((make, i) => make === makersOf(other)[i])

const share = (threshold: number): string => `${Number((threshold * 100).toPrecision(12))}%`

const describeWindow = (window: WindowRule): string =>
  window.kind === "count" ? `${window.size} calls` : Duration.format(Duration.millis(window.length))

/** One rule in a few words, for people: two rules may have the same. */
export const describeRule = (rule: Rule): string => {
  switch (rule.kind) {
    case "consecutive":
      return rule.failures === 1 ? "1 failure" : `${rule.failures} failures in a row`
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
