import { type At, checkOne, refuse, section, under } from "@holdfast/core/options"
import { Duration } from "effect"
import * as Backoff from "../backoff/Backoff.ts"
import type { Formula } from "../backoff/formulas.ts"
import type { Budget } from "../budget/budget.ts"
import { describeRule as describeBudget } from "../budget/kinds.ts"
import type * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import type { Settings } from "../circuit-breaker/machine.ts"
import { decode } from "../circuit-breaker/options.ts"
import { describeRule } from "../circuit-breaker/rule.ts"
import { type Plan as FallbackPlan, planOf as planOfFallback } from "../fallback/run.ts"
import { planOf as planOfRetry } from "../retry/policy.ts"
import type { Plan as RetryPlan } from "../retry/plan.ts"
import * as Limit from "../timeout/limit.ts"
import type * as Timeout from "../timeout/Timeout.ts"
import type { BreakerOptions, FallbackOptions, RetryOptions, Step } from "./options.ts"

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
  if (growth.base === 0 && jitter.kind === "none") return "no wait"
  const spread = jitter.kind === "none" ? "" : ` ${jitter.kind} jitter`
  if (growth.kind === "listed") {
    const [first, more] = [growth.delays.slice(0, 3).map(format).join(", "), growth.delays.length > 3 ? ", …" : ""]
    return `${first}${more}${spread}`
  }
  return `${growth.kind.replace("_", " ")} ${format(growth.base)}${spread} up to ${format(cap)}`
}

const describeWhen = (when: FallbackOptions["when"]): ReadonlyArray<string> =>
  when === undefined ? [] : [typeof when === "function" ? "if chosen" : `if ${when.join(" or ")}`]

const describeFallback = ({ orElse, when }: FallbackOptions): string =>
  `Fallback(${[orElse === undefined ? "value" : "effect", ...describeWhen(when)].join(", ")})`

const describeRetry = (plan: RetryPlan, { when }: RetryOptions): string => {
  const attempts = `${plan.attempts} ${plan.attempts === 1 ? "attempt" : "attempts"}`
  const parts = [attempts, describeBackoff(plan.backoff), ...describeWhen(when)]
  if (plan.maxElapsed !== Infinity) parts.push(`within ${format(plan.maxElapsed)}`)
  if (plan.budget !== undefined) parts.push(describeBudget(plan.budget.rule))
  return `Retry(${parts.join(", ")})`
}

/** Checks one stage. A refusal says where under `at`. */
export const compile = (at: At, step: Step, place: string, name: string, budget: Budget | undefined): Compiled => {
  if (step.kind !== "timeout") checkOne(at, section, step.options)
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
      for (const option of ["unwanted", "discard"]) {
        // No compiler refuses what an object has beside what it must have.
        if (option in step.options)
          refuse(under(at, option), "must be left out: a pipeline knows the results of no effect")
      }
      const plan = planOfRetry(at, budget === undefined ? { name, ...step.options } : { name, ...step.options, budget })
      return { ...step, place, plan, text: describeRetry(plan, step.options) }
    }
    case "circuitBreaker": {
      if ("name" in step.options) refuse(under(at, "name"), "must be left out: its name is that of the pipeline")
      const settings = decode(at, { ...(step.options as CircuitBreaker.Options), name })
      const { openFor, trip } = settings
      return { ...step, place, settings, text: `CircuitBreaker(${describeRule(trip)}, open ${describeOpen(openFor)})` }
    }
  }
}
