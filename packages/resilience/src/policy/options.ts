import type { Reasons } from "@holdfast/core"
import { Duration, type Effect } from "effect"
import * as Backoff from "../backoff/Backoff.ts"
import type { Formula } from "../backoff/formulas.ts"
import type { Budget } from "../budget/budget.ts"
import type * as RetryBudget from "../budget/RetryBudget.ts"
import type * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import type { Settings } from "../circuit-breaker/machine.ts"
import { decode } from "../circuit-breaker/options.ts"
import { describeRule } from "../circuit-breaker/rule.ts"
import type * as Fallback from "../fallback/Fallback.ts"
import { type Plan as FallbackPlan, planOf as planOfFallback } from "../fallback/run.ts"
import { type At, check, flag, given, refuse, section, type Table, under } from "../internal/options.ts"
import type * as Retry from "../retry/Retry.ts"
import { planOf as planOfRetry } from "../retry/policy.ts"
import type { Plan as RetryPlan } from "../retry/run.ts"
import * as Limit from "../timeout/limit.ts"
import type * as Timeout from "../timeout/Timeout.ts"
import { checkOrder } from "./order.ts"

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

type BreakerOptions = Omit<CircuitBreaker.Scheduled<CircuitBreaker.Options>, "name">

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

/** What a pipeline adds to the failures of an effect. */
export type Added<O> =
  | (O extends { readonly timeout: {} | number } | { readonly attemptTimeout: {} | number } ? Timeout.TimedOut : never)
  | (O extends { readonly circuitBreaker: object } ? Reasons.CircuitOpen : never)
  | (O extends { readonly retry: { readonly exhausted: "wrap" } } ? Reasons.RetriesExhausted : never)
  | (O extends { readonly fallback: { readonly orElse: OrElse<infer F> } } ? Effect.Error<F> : never)

type OrElse<F> = (failure: never) => F

/** What a pipeline may answer beside the values of an effect. */
export type Answers<O> = O extends { readonly fallback: { readonly orElse: OrElse<infer F> } }
  ? Effect.Success<F>
  : O extends { readonly fallback: { readonly value: infer B } }
    ? B
    : never

/** What a pipeline needs. */
export type Needs<O> = O extends { readonly fallback: { readonly orElse: OrElse<infer F> } }
  ? Effect.Services<F>
  : never

/** One stage, as tests, documentation and people read it. */
export interface Stage {
  readonly kind: Step["kind"]
  /** The place of its options: `fallback`, `timeout`, `retry`, `circuitBreaker`, `attemptTimeout` or `steps.<n>`. */
  readonly place: string
  /** `Retry(3 attempts, …)`. */
  readonly text: string
  /** The options as they were given. */
  readonly options: Step["options"]
}

/** A stage whose options were found to be sound. */
export type Compiled = Omit<Stage, "kind" | "options"> &
  (
    | { readonly kind: "fallback"; readonly options: FallbackOptions; readonly plan: FallbackPlan }
    | { readonly kind: "timeout"; readonly options: Duration.Input | Timeout.Options; readonly plan: Limit.Plan }
    | { readonly kind: "retry"; readonly options: RetryOptions; readonly plan: RetryPlan }
    | { readonly kind: "circuitBreaker"; readonly options: BreakerOptions; readonly settings: Settings }
  )

export const format = (millis: number): string => (millis === Infinity ? "∞" : Duration.format(Duration.millis(millis)))

const describeBackoff = (backoff: RetryPlan["backoff"]): string =>
  Backoff.isBackoff(backoff) ? describeFormula(backoff.formula) : "schedule"

const describeOpen = (formula: Formula): string =>
  formula.growth.kind === "constant" && formula.jitter.kind === "none"
    ? format(formula.growth.base)
    : describeFormula(formula)

const describeFormula = ({ cap, growth, jitter }: Formula): string => {
  const spread = jitter.kind === "none" ? "" : ` ${jitter.kind} jitter`
  return `${growth.kind.replace("_", " ")} ${format(growth.base)}${spread} up to ${format(cap)}`
}

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

const describeFallback = (options: FallbackOptions): string => {
  const what = options.orElse === undefined ? "value" : "effect"
  const { when } = options
  return `Fallback(${what}${when === undefined ? "" : typeof when === "function" ? ", if chosen" : `, if ${when.join(" or ")}`})`
}

const describeRetry = (plan: RetryPlan): string => {
  const parts = [`${plan.attempts} attempts`, describeBackoff(plan.backoff)]
  if (plan.maxElapsed !== Infinity) parts.push(`within ${format(plan.maxElapsed)}`)
  if (plan.budget !== undefined) parts.push(plan.budget.rule)
  return `Retry(${parts.join(", ")})`
}

const compile = (at: At, step: Step, place: string, name: string, budget: Budget | undefined): Compiled => {
  switch (step.kind) {
    case "fallback": {
      const plan = planOfFallback(at, { name, ...step.options })
      return { ...step, place, plan, text: describeFallback(step.options) }
    }
    case "timeout": {
      const plan = Limit.planOf(at, step.options)
      if (plan.generate !== undefined) {
        // What nobody knows until it runs cannot be checked against its neighbours.
        refuse(at, "must be a duration, not a function")
      }
      return { ...step, place, plan, text: `Timeout(${format(plan.after)})` }
    }
    case "retry": {
      const plan = planOfRetry(at, budget === undefined ? { name, ...step.options } : { name, ...step.options, budget })
      return { ...step, place, plan, text: describeRetry(plan) }
    }
    case "circuitBreaker": {
      const settings = decode(at, { ...(step.options as CircuitBreaker.Options), name })
      const { openFor, trip } = settings
      return { ...step, place, settings, text: `CircuitBreaker(${describeRule(trip)}, open ${describeOpen(openFor)})` }
    }
  }
}

/** Checks the stages one by one, then their order. A refusal says where under `at`. */
export const compileAll = (
  at: At,
  steps: ReadonlyArray<readonly [place: string, step: Step]>,
  name: string,
  budget?: Budget
): ReadonlyArray<Compiled> => {
  const stages = steps.map(([place, step]) => compile(under(at, place), step, place, name, budget))
  checkOrder(at, stages)
  return stages
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
