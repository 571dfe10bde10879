import type { Reasons } from "@holdfast/core"
import { type At, check, flag, given, refuse, section, type Table, under } from "@holdfast/core/options"
import type { Duration, Effect } from "effect"
import type * as RetryBudget from "../budget/RetryBudget.ts"
import type * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import type * as Fallback from "../fallback/Fallback.ts"
import type * as Retry from "../retry/Retry.ts"
import type * as Timeout from "../timeout/Timeout.ts"

/** The retry options that a pipeline can take: those that do not depend on the types of one effect. */
export type RetryOptions = Omit<
  Retry.Options<unknown, never, "original" | "wrap">,
  "when" | "unwanted" | "discard" | "onRetry"
> & {
  readonly when?: ((failure: unknown) => boolean) | ReadonlyArray<string> | undefined
  readonly onRetry?: ((attempt: Retry.Attempt<unknown>) => Effect.Effect<unknown>) | undefined
}

/** What a pipeline can know about a fallback: not the failures of one effect. */
export type FallbackOptions = Fallback.Whole<unknown, unknown, unknown, unknown>

export type BreakerOptions = Omit<CircuitBreaker.Scheduled<CircuitBreaker.Options>, "name">

/** One stage of a pipeline. */
export type Step =
  | { readonly kind: "fallback"; readonly options: FallbackOptions }
  | { readonly kind: "timeout"; readonly options: Duration.Input | Timeout.Options }
  | { readonly kind: "retry"; readonly options: RetryOptions }
  | { readonly kind: "circuitBreaker"; readonly options: BreakerOptions }

/**
 * A pipeline in the recommended order: fallback, total timeout, retry, circuit breaker, timeout of one attempt. Leave out at
 * will.
 */
export interface Options {
  /** What answers when everything inside has failed: a `value` or an `orElse`, and `when`. */
  readonly fallback?: FallbackOptions | undefined
  /** Time for everything together, waits included. Everything inside sees it as its `Deadline`. */
  readonly timeout?: Duration.Input | Timeout.Options | undefined
  /** Whatever `Retry.make` takes, except for what judges the results of one effect; its name is the pipeline's. */
  readonly retry?: RetryOptions | undefined
  /**
   * A budget that the retries of all calls are drawn from, such as `RetryBudget.tokens()`. It is the pipeline's own; to share
   * one with others, give it as `retry.budget` or provide `RetryBudget.layer`. Default: none.
   */
  readonly retryBudget?: RetryBudget.Kind | undefined
  /** Whatever `CircuitBreaker.make` takes; its name is the pipeline's. */
  readonly circuitBreaker?: BreakerOptions | undefined
  /** Time for one attempt. A call that takes longer is a failure of the dependency. */
  readonly attemptTimeout?: Duration.Input | Timeout.Options | undefined
  /** Whether the durations of calls and attempts are recorded as histograms. Default: `false`. */
  readonly measure?: boolean | undefined
}

/** An option as it may be given: one that is there only at times is there to whoever reads the types. */
type Given<O, K extends string> = O extends unknown ? (K extends keyof O ? Exclude<O[K], undefined> : never) : never

type If<Condition, A> = [Condition] extends [never] ? never : A

/** The fallback. What is typed as {@link Options} does not say which: `satisfies Policy.Options` does. */
type FallbackOf<O> = Options extends O ? never : Given<O, "fallback">

/** What answers instead, as an effect. */
type Instead<O> = Given<FallbackOf<O>, "orElse"> extends (failure: never) => infer F ? F : never

/**
 * What each part of a pipeline does to the type of an effect. A union of members has no name, so that an editor shows the
 * failures and not how they were found: `Adds<O>[Failing]`.
 */
export interface Adds<O> {
  readonly late: If<Given<O, "timeout" | "attemptTimeout">, Timeout.TimedOut>
  readonly rejected: If<Given<O, "circuitBreaker">, Reasons.CircuitOpen>
  readonly exhausted: If<Extract<Given<Given<O, "retry">, "exhausted">, "wrap">, Reasons.RetriesExhausted>
  readonly failed: Effect.Error<Instead<O>>
  readonly answered: Effect.Success<Instead<O>>
  readonly value: Given<FallbackOf<O>, "value">
  readonly needs: Effect.Services<Instead<O>>
}

export type Failing = "late" | "rejected" | "exhausted" | "failed"
export type Answering = "answered" | "value"

/** What a pipeline adds to the failures of an effect. */
export type Added<O> = Adds<O>[Failing]

/** What a pipeline may answer beside the values of an effect. */
export type Answers<O> = Adds<O>[Answering]

/** What a pipeline needs. */
export type Needs<O> = Adds<O>["needs"]

const table: Table<Options> = {
  fallback: section,
  // Checked by those who know what is inside.
  timeout: given,
  retry: section,
  retryBudget: section,
  circuitBreaker: section,
  attemptTimeout: given,
  measure: flag
}

/** Checks what belongs to the pipeline as a whole. */
export const checkWhole = (at: At, options: Options): void => {
  check(at, table, options)
  if (options.retryBudget === undefined) return
  const place = under(at, "retryBudget")
  if (options.retry === undefined) refuse(place, "must be left out without retry, which would draw from it")
  if (options.retry?.budget !== undefined) refuse(place, "must be left out beside retry.budget")
}

/** The stages of the recommended order, outermost first. */
export const recommended = (options: Options): ReadonlyArray<readonly [place: string, step: Step]> => {
  const { attemptTimeout, circuitBreaker, fallback, retry, timeout } = options
  const steps: Array<readonly [string, Step]> = []
  if (fallback !== undefined) steps.push(["fallback", { kind: "fallback", options: fallback }])
  if (timeout !== undefined) steps.push(["timeout", { kind: "timeout", options: timeout }])
  if (retry !== undefined) steps.push(["retry", { kind: "retry", options: retry }])
  if (circuitBreaker !== undefined) steps.push(["circuitBreaker", { kind: "circuitBreaker", options: circuitBreaker }])
  if (attemptTimeout !== undefined) steps.push(["attemptTimeout", { kind: "timeout", options: attemptTimeout }])
  return steps
}
