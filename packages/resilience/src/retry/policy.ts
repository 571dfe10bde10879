/** A retry policy, as it is written and as it is run. */
import {
  type At,
  check,
  countOrInfinity,
  functionOf,
  guarded,
  name,
  notNegativeOrInfinity,
  oneOf,
  positive,
  refuse,
  type Table,
  under
} from "@holdfast/core/options"
import { Duration, type Effect, Predicate, Schedule, type Types } from "effect"
import { type Backoff, exponential, isBackoff } from "../backoff/Backoff.ts"
import { backoff } from "../backoff/config.ts"
import { budgetOf, type RetryBudget, TypeId as BudgetId } from "../budget/budget.ts"
import { duration, type Forms, inCode, number, text, texts } from "../internal/config.ts"
import { Counters } from "../internal/counters.ts"
import { isNamed, predicateOrNames } from "../internal/named.ts"
import type { Attempt, Plan } from "./plan.ts"

const TypeId = "~@holdfast/resilience/Retry"

/**
 * A retry policy: an immutable value without counters, so one value serves any number of calls at once.
 *
 * `E` are the failures it can judge, `X` what it adds to them, `R` what its hook and schedule need, `A` the results it can
 * judge.
 */
export interface Retry<in E = unknown, out X = never, out R = never, in A = unknown> {
  readonly [TypeId]: {
    readonly _E: Types.Contravariant<E>
    readonly _X: Types.Covariant<X>
    readonly _R: Types.Covariant<R>
    readonly _A: Types.Contravariant<A>
  }
}

export interface Options<E, R, Exhausted extends "original" | "wrap", A = unknown> {
  /** Names the policy in metrics and events. Not empty; from a small, fixed set. Default: `"retry"`. */
  readonly name?: string | undefined
  /** Calls in all, the first included. A whole number of at least 1, or `Infinity`. Default: 3. */
  readonly attempts?: number | undefined
  /**
   * The delays: a {@link Backoff}, or a `Schedule`, which may also end the retries. It counts from the first failure, on a
   * clock that only goes forward, and has no date to ask for: `Schedule.cron` ends the first call that needs a wait with its
   * failure and, beside it, the defect `ConfigError.InvalidValue`. To know it any earlier, the effects that it may be made of
   * would have to run. Default: exponential from 100 ms with full jitter, at most 20 s.
   */
  readonly backoff?: Backoff | Schedule.Schedule<unknown, E, never, R> | undefined
  /**
   * Time for all attempts and waits together. A wait that would not end before it is not begun; a running attempt is not
   * stopped, see `Timeout` for that. More than 0. Default: unlimited.
   */
  readonly maxElapsed?: Duration.Input | undefined
  /**
   * Which failures are retried: a predicate, or a list of tags and codes. Default: those whose declaration says `transient` or
   * `throttled`, the rejection by an open circuit excepted.
   */
  readonly when?: ((failure: E) => boolean) | ReadonlyArray<string> | undefined
  /**
   * What becomes of a rejection by an open circuit: `"fail"` gives it to the caller at once, `"wait"` retries it after its
   * `retryAfter`, where `maxElapsed` or a `Deadline` sets an end that this wait fits into. It goes before `when`. Default: as
   * `when` says, or else `"fail"`.
   */
  readonly openCircuit?: "fail" | "wait" | undefined
  /**
   * Which results are retried, too. When nothing allows another attempt, the caller gets the last one. Default: none.
   */
  readonly unwanted?: ((value: A) => boolean) | undefined
  /** Gives back what an unwanted result holds, before the wait. Only beside `unwanted`. Default: nothing. */
  readonly discard?: ((value: A) => Effect.Effect<unknown, never, R>) | undefined
  /** The budget that retries are drawn from. Default: the one of `RetryBudget.layer`, if there is one. */
  readonly budget?: RetryBudget | undefined
  /**
   * What to do when another retry inside has given up already: `"retry"` multiplies the attempts, `"give_up"` does not.
   * Default: `"retry"`.
   */
  readonly nested?: "retry" | "give_up" | undefined
  /**
   * How much of a callee's `retryAfter` is honoured. The wait is never shorter than the hint up to this; a longer hint
   * counts as this much. Hints of an open circuit are always honoured in full. Zero or more. Default: 30 s.
   */
  readonly maxHint?: Duration.Input | undefined
  /**
   * What the caller gets when the attempts are used up: `"original"` the last failure as it was, `"wrap"` a
   * `Reasons.RetriesExhausted` with the number of attempts, the time they took and the last failure as its `cause`.
   * Default: `"original"`.
   */
  readonly exhausted?: Exhausted | undefined
  /** Runs before each wait. Default: nothing. */
  readonly onRetry?: ((attempt: Attempt<E>) => Effect.Effect<unknown, never, R>) | undefined
}

/** Options that say nothing about the failures or the results of one effect, and so serve any. */
export interface Impartial<R, Exhausted extends "original" | "wrap"> extends Options<unknown, R, Exhausted> {
  readonly when?: ReadonlyArray<string> | undefined
  readonly unwanted?: undefined
  readonly discard?: undefined
  readonly onRetry?: undefined
}

const table: Table<Options<unknown, unknown, "original">> = {
  name,
  attempts: countOrInfinity(1),
  backoff: guarded("a Backoff or a Schedule", (u): u is unknown => isBackoff(u) || Schedule.isSchedule(u)),
  maxElapsed: positive,
  when: predicateOrNames,
  openCircuit: oneOf("fail", "wait"),
  unwanted: functionOf("of the result"),
  discard: functionOf("from a result to an effect"),
  budget: guarded("a RetryBudget", (u): u is RetryBudget => Predicate.hasProperty(u, BudgetId)),
  nested: oneOf("retry", "give_up"),
  maxHint: notNegativeOrInfinity,
  exhausted: oneOf("original", "wrap"),
  onRetry: functionOf("from an attempt to an effect")
}

/** The options, as configuration says them. */
export const forms: Forms<Options<unknown, never, "original" | "wrap">> = {
  name: text,
  attempts: number,
  backoff: backoff({ base: "100 millis", jitter: "full", cap: "20 seconds" }),
  maxElapsed: duration,
  when: texts,
  openCircuit: text,
  unwanted: inCode,
  discard: inCode,
  budget: inCode,
  nested: text,
  maxHint: duration,
  exhausted: text,
  onRetry: inCode
}

const defaultBackoff = exponential("100 millis", { jitter: "full", cap: "20 seconds" })

type AnyOptions = Options<never, unknown, "original" | "wrap", never>

/** Checks the options and fills in the defaults. Times in milliseconds. */
export const planOf = (at: At, options: AnyOptions): Plan => {
  check(at, table, options)
  const { name = "retry", when } = options
  if (options.discard !== undefined && options.unwanted === undefined) {
    refuse(under(at, "discard"), "must be left out without unwanted, which says what there is to give back")
  }
  return {
    at,
    name,
    attempts: options.attempts ?? 3,
    backoff: (options.backoff ?? defaultBackoff) as Plan["backoff"],
    maxElapsed: options.maxElapsed === undefined ? Infinity : Duration.toMillis(options.maxElapsed),
    openCircuit: options.openCircuit,
    when: typeof when === "object" ? (failure, code) => isNamed(when, failure, code) : (when as Plan["when"]),
    unwanted: options.unwanted as Plan["unwanted"],
    discard: options.discard as Plan["discard"],
    guardNested: options.nested === "give_up",
    budget: options.budget && budgetOf(options.budget),
    maxHint: Duration.toMillis(options.maxHint ?? "30 seconds"),
    wrap: options.exhausted === "wrap",
    onRetry: options.onRetry as Plan["onRetry"],
    retries: new Counters("resilience.retry.retries", "Attempts after the first", { name }),
    givenUp: new Counters(
      "resilience.retry.given_up",
      "Calls whose failure was worth another attempt that nothing allowed",
      { name }
    )
  }
}

export type AnyRetry = Retry<never, unknown, unknown, never>

export const isRetry = (u: unknown): u is AnyRetry => Predicate.hasProperty(u, TypeId)

/** The options of a policy, decoded. */
export const planIn = (policy: AnyRetry): Plan => policy[TypeId] as unknown as Plan

export const make = (at: At, options: AnyOptions): AnyRetry => ({ [TypeId]: planOf(at, options) }) as never
