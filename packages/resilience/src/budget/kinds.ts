/** How a budget counts, as a user writes it, and checked. */
import { type At, check, count, number, positive, refuse, type Table, under } from "@holdfast/core/options"
import { Duration } from "effect"
import { type Form, duration, mapped, number as numeric, options as section } from "../internal/config.ts"
import type { Rule } from "./rules.ts"

export interface TokensOptions {
  /** Tokens at first and at most. From 0.001 to 1000. Default: 10. */
  readonly max?: number | undefined
  /** What a success earns. From 0.001 to 1; a thousandth is the least that is counted. Default: 0.1. */
  readonly ratio?: number | undefined
}

export interface WindowOptions {
  /** Retries for each call. More than 0, at most 1. Default: 0.2. */
  readonly percent?: number | undefined
  /** Retries that are allowed beside that, for clients that call rarely. 0 or more. Default: 10. */
  readonly minPerSecond?: number | undefined
  /** How long a call earns retries. More than 0. Default: 10 s. */
  readonly timeToLive?: Duration.Input | undefined
}

export interface InFlightOptions {
  /** Retries for each call that is running. More than 0, at most 1. Default: 0.2. */
  readonly ratio?: number | undefined
  /** Retries that are allowed in any case. 0 or more. Default: 3. */
  readonly minimum?: number | undefined
}

/** How a budget counts. It is checked when a budget is made of it. */
export type Kind =
  | { readonly kind: "tokens"; readonly options: TokensOptions }
  | { readonly kind: "window"; readonly options: WindowOptions }
  | { readonly kind: "inFlight"; readonly options: InFlightOptions }

const share = number("a number more than 0, at most 1", (n) => n > 0 && n <= 1)

const tokens: Table<TokensOptions> = {
  // A thousandth is the least that is counted.
  max: number("a number from 0.001 to 1000", (n) => n >= 0.001 && n <= 1000),
  ratio: number("a number from 0.001 to 1", (n) => n >= 0.001 && n <= 1)
}

const window: Table<WindowOptions> = { percent: share, minPerSecond: count(0), timeToLive: positive }

const inFlight: Table<InFlightOptions> = { ratio: share, minimum: count(0) }

export const ruleOf = (at: At, kind: Kind): Rule => {
  switch (kind?.kind) {
    case "tokens": {
      check(under(at, "tokens"), tokens, kind.options)
      const { max = 10, ratio = 0.1 } = kind.options
      return { kind: "tokens", max, ratio }
    }
    case "window": {
      check(under(at, "window"), window, kind.options)
      const { minPerSecond = 10, percent = 0.2, timeToLive = "10 seconds" } = kind.options
      return { kind: "window", percent, minPerSecond, timeToLive: Duration.toMillis(timeToLive) }
    }
    case "inFlight": {
      check(under(at, "inFlight"), inFlight, kind.options)
      const { minimum = 3, ratio = 0.2 } = kind.options
      return { kind: "in_flight", ratio, minimum }
    }
    default:
      return refuse(at, "must be a kind such as RetryBudget.tokens()", kind)
  }
}

export const describeRule = (rule: Rule): string => {
  switch (rule.kind) {
    case "tokens":
      return `${rule.max} tokens, ${rule.ratio} per success`
    case "window":
      return `${rule.percent * 100}% of ${Duration.format(Duration.millis(rule.timeToLive))}, ${rule.minPerSecond} per second`
    case "in_flight":
      return `${rule.ratio * 100}% in flight, ${rule.minimum} at least`
  }
}

interface Kinds {
  readonly tokens: TokensOptions
  readonly window: WindowOptions
  readonly inFlight: InFlightOptions
}

/** The one kind that a section of the configuration names. */
export const kind: Form<Kind> = mapped(
  section<Partial<Kinds>>({
    tokens: section<TokensOptions>({ max: numeric, ratio: numeric }),
    window: section<WindowOptions>({ percent: numeric, minPerSecond: numeric, timeToLive: duration }),
    inFlight: section<InFlightOptions>({ ratio: numeric, minimum: numeric })
  }),
  (kinds, at): Kind => {
    const [only, ...others] = Object.entries(kinds).map(([kind, options]) => ({ kind, options }) as Kind)
    if (only === undefined || others.length > 0) return refuse(at, "must be one of tokens, window or inFlight")
    return only
  }
)
