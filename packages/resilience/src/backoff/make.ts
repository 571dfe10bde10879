/** What a backoff is made of, checked. */
import {
  type At,
  check,
  checkOne,
  type Field,
  guarded,
  notNegative,
  number,
  oneOf,
  positive,
  refuse,
  type Table,
  under
} from "@holdfast/core/options"
import { Duration, Pipeable, Predicate } from "effect"
import type { Formula, Growth, Jitter as JitterFormula } from "./formulas.ts"

export const TypeId = "~@holdfast/resilience/Backoff"

/**
 * An immutable rule for the delays between tries. It holds no counter: one value serves any number of calls at once.
 */
export interface Backoff extends Pipeable.Pipeable {
  readonly [TypeId]: typeof TypeId
  /** The rule itself, in milliseconds. */
  readonly formula: Formula
}

/**
 * How delays are spread. `d` is the delay before jitter:
 *
 * - `"none"`: `d`
 * - `"full"`: anywhere in `[0, d)`
 * - `"equal"`: anywhere in `[d/2, d)`
 * - `{ plusMinus: f }`: anywhere in `[d·(1−f), d·(1+f))`, `f` from 0 to 1
 * - `{ upTo: "99 millis" }`: anywhere in `[d, d + 99 ms)`
 */
export type Jitter = "none" | "full" | "equal" | { readonly plusMinus: number } | { readonly upTo: Duration.Input }

/** What every backoff accepts. */
export interface Options {
  /** How delays are spread. Default: `"none"`. */
  readonly jitter?: Jitter | undefined
  /**
   * No delay is longer, jitter included. More than 0, and no less than the first delay. Default: 1 day, or the first delay
   * if that is longer.
   */
  readonly cap?: Duration.Input | undefined
}

export const isBackoff = (u: unknown): u is Backoff => Predicate.hasProperty(u, TypeId)

const Proto = {
  [TypeId]: TypeId,
  ...Pipeable.Prototype
}

const anyJitter: Field<unknown> = guarded(
  '"none", "full", "equal", { plusMinus } or { upTo }',
  (u): u is unknown => u === "none" || u === "full" || u === "equal" || Predicate.isObject(u)
)

const plusMinus = { plusMinus: number("a number from 0 to 1", (n) => n >= 0 && n <= 1) }
const upTo = { upTo: notNegative }

const jitterOf = (at: At, jitter: Jitter | undefined): JitterFormula => {
  if (jitter === undefined || jitter === "none") return { kind: "none" }
  if (jitter === "full" || jitter === "equal") return { kind: jitter }
  if ("plusMinus" in jitter) {
    check(at, plusMinus, jitter, ["plusMinus"])
    return { kind: "proportional", factor: jitter.plusMinus }
  }
  if ("upTo" in jitter) {
    check(at, upTo, jitter, ["upTo"])
    return { kind: "additive", max: Duration.toMillis(jitter.upTo) }
  }
  return refuse(at, anyJitter.what, jitter)
}

const shared: Table<Options> = { jitter: anyJitter, cap: positive }

const day = 86_400_000

/** The delays of a growth, spread and capped. `extra` are the options of the growth itself. */
const make = (at: At, growth: Growth, options: Options, extra?: Table): Backoff => {
  check(at, { ...shared, ...extra }, options)
  const cap = options.cap === undefined ? Math.max(day, growth.base) : Duration.toMillis(options.cap)
  if (cap < growth.base)
    refuse(under(at, "cap"), `must be no less than the ${growth.base} ms it caps`, Duration.millis(cap))
  const self = Object.create(Proto) as { formula: Formula }
  self.formula = { growth, jitter: jitterOf(under(at, "jitter"), options.jitter), cap }
  return self as Backoff
}

const first = (at: At, delay: Duration.Input, field: Field<unknown> = notNegative): number => {
  checkOne(at, field, delay)
  return Duration.toMillis(delay)
}

export interface ExponentialOptions extends Options {
  /** How many times as long each delay is as the one before. A finite number, 1 or more. Default: 2. */
  readonly factor?: number | undefined
}

export interface DecorrelatedOptions {
  /** As in {@link Options}. */
  readonly cap?: Duration.Input | undefined
  /** Which formula. Default: 2. */
  readonly version?: 1 | 2 | undefined
}

export const constant = (at: At, delay: Duration.Input, options: Options = {}): Backoff =>
  make(at, { kind: "constant", base: first(under(at, "delay"), delay) }, options)

export const linear = (at: At, step: Duration.Input, options: Options = {}): Backoff =>
  make(at, { kind: "linear", base: first(under(at, "step"), step) }, options)

const factor = { factor: number("a finite number, 1 or more", (n) => n >= 1 && n < Infinity) }

export const exponential = (at: At, base: Duration.Input, options: ExponentialOptions = {}): Backoff =>
  make(at, { kind: "exponential", base: first(under(at, "base"), base), factor: options.factor ?? 2 }, options, factor)

const version = { version: oneOf(1, 2) }

export const decorrelated = (at: At, base: Duration.Input, options: DecorrelatedOptions = {}): Backoff => {
  check(at, { cap: positive, ...version }, options)
  const kind = options.version === 1 ? "decorrelated_v1" : "decorrelated_v2"
  return make(at, { kind, base: first(under(at, "base"), base) }, { cap: options.cap })
}

export const listed = (at: At, delays: ReadonlyArray<Duration.Input>, options: Options = {}): Backoff => {
  if (!Array.isArray(delays) || delays.length === 0) refuse(under(at, "delays"), "must be at least one delay", delays)
  const all = delays.map((delay, i) => first(under(under(at, "delays"), i), delay))
  return make(at, { kind: "listed", base: all[0]!, delays: all }, options)
}
