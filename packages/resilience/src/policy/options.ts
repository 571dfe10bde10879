import { ConfigError, type Reasons } from "@holdfast/core"
import { Duration, type Effect } from "effect"
import * as Backoff from "../backoff/Backoff.ts"
import type * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import { decode } from "../circuit-breaker/options.ts"
import { describeRule } from "../circuit-breaker/rule.ts"
import * as Retry from "../retry/Retry.ts"
import type { Plan as RetryPlan } from "../retry/run.ts"
import * as Limit from "../timeout/limit.ts"
import type * as Timeout from "../timeout/Timeout.ts"

/** The retry options that a pipeline can take: those that do not depend on the types of one effect. */
export type RetryOptions = Omit<
  Retry.Options<unknown, never, "original" | "wrap">,
  "when" | "unwanted" | "discard" | "onRetry"
> & {
  readonly when?: ((failure: unknown) => boolean) | ReadonlyArray<string> | undefined
  readonly onRetry?: ((attempt: Retry.Attempt<unknown>) => Effect.Effect<unknown>) | undefined
}

/** One stage of a pipeline. */
export type Step =
  | { readonly kind: "timeout"; readonly options: Duration.Input | Timeout.Options }
  | { readonly kind: "retry"; readonly options: RetryOptions }
  | { readonly kind: "circuitBreaker"; readonly options: Omit<CircuitBreaker.Options, "name"> }

/** A pipeline in the recommended order: total timeout, retry, circuit breaker, timeout of one attempt. Leave out at will. */
export interface Options {
  /** Time for everything together, waits included. Everything inside sees it as its `Deadline`. */
  readonly timeout?: Duration.Input | Timeout.Options | undefined
  readonly retry?: RetryOptions | undefined
  readonly circuitBreaker?: Omit<CircuitBreaker.Options, "name"> | undefined
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

/** One stage, as tests, documentation and people read it. */
export interface Stage {
  readonly kind: Step["kind"]
  /** The place of its options: `timeout`, `retry`, `circuitBreaker`, `attemptTimeout` or `steps.<n>`. */
  readonly place: string
  /** `Retry(3 attempts, …)`. */
  readonly text: string
  /** The options as they were given. */
  readonly options: Step["options"]
}

/** A stage whose options were found to be sound. */
export type Compiled = Omit<Stage, "kind" | "options"> &
  (
    | { readonly kind: "timeout"; readonly options: Duration.Input | Timeout.Options; readonly plan: Limit.Plan }
    | {
        readonly kind: "retry"
        readonly options: RetryOptions
        readonly policy: Retry.Retry
        readonly plan: RetryPlan
      }
    | { readonly kind: "circuitBreaker"; readonly options: Omit<CircuitBreaker.Options, "name"> }
  )

const format = (millis: number): string => (millis === Infinity ? "∞" : Duration.format(Duration.millis(millis)))

const describeBackoff = (backoff: RetryPlan["backoff"]): string => {
  if (!Backoff.isBackoff(backoff)) return "schedule"
  const { cap, growth, jitter } = backoff.formula
  const spread = jitter.kind === "none" ? "" : ` ${jitter.kind} jitter`
  return `${growth.kind.replace("_", " ")} ${format(growth.base)}${spread} up to ${format(cap)}`
}

const compile = (step: Step, place: string, name: string): Compiled => {
  switch (step.kind) {
    case "timeout": {
      const plan = Limit.planOf(step.options)
      if (plan.generate !== undefined) {
        // What nobody knows until it runs cannot be checked against its neighbours.
        throw new ConfigError.InvalidValue({ path: "Timeout.after", expected: "a duration, not a function" })
      }
      return { kind: step.kind, place, options: step.options, plan, text: `Timeout(${format(plan.after)})` }
    }
    case "retry": {
      const policy = Retry.make(step.options as Retry.Options<unknown, never, "original">)
      const plan = Retry.planOf(policy)
      const parts = [`${plan.attempts} attempts`, describeBackoff(plan.backoff)]
      if (plan.maxElapsed !== Infinity) parts.push(`within ${format(plan.maxElapsed)}`)
      return { kind: step.kind, place, options: step.options, policy, plan, text: `Retry(${parts.join(", ")})` }
    }
    case "circuitBreaker": {
      const decoded = decode({ ...step.options, name })
      if (decoded._tag === "Failure") throw decoded.failure
      const { openFor, trip } = decoded.success
      const text = `CircuitBreaker(${describeRule(trip)}, open ${format(openFor.growth.base)})`
      return { kind: step.kind, place, options: step.options, text }
    }
  }
}

const prefixes = /^(?:Timeout\.after|(?:Timeout|Retry|CircuitBreaker)(?=\.))/

/** Checks the stages one by one, then their order. Throws `ConfigError.InvalidValue` that says where under `path`. */
export const compileAll = (
  steps: ReadonlyArray<readonly [place: string, step: Step]>,
  name: string,
  path: string
): ReadonlyArray<Compiled> => {
  const stages = steps.map(([place, step]) => {
    try {
      return compile(step, place, name)
    } catch (error) {
      if (!(error instanceof ConfigError.InvalidValue)) throw error
      const at = error.path.replace(prefixes, place)
      throw new ConfigError.InvalidValue({ path: `${path}.${at}`, expected: error.expected })
    }
  })
  checkOrder(stages, path)
  return stages
}

/** Orders and pairs that cannot mean what they say, with what to write instead. */
const checkOrder = (stages: ReadonlyArray<Compiled>, path: string): void => {
  const refuse = (place: string, expected: string): never => {
    throw new ConfigError.InvalidValue({ path: place === "" ? path : `${path}.${place}`, expected })
  }
  if (stages.length === 0) refuse("", "at least one of timeout, retry, circuitBreaker, attemptTimeout")
  for (const kind of ["retry", "circuitBreaker"] as const) {
    const again = stages.filter((stage) => stage.kind === kind)[1]
    if (again !== undefined) {
      const why = kind === "retry" ? "two multiply their attempts" : "two count the same calls"
      refuse(again.place, `no more than one ${kind}: ${why}`)
    }
  }
  let outer: Extract<Compiled, { kind: "timeout" }> | undefined
  for (const [i, stage] of stages.entries()) {
    if (stage.kind === "timeout") {
      if (outer !== undefined && stage.plan.after >= outer.plan.after) {
        refuse(
          stage.place,
          `less than the ${format(outer.plan.after)} of the timeout around it, or it can never be reached`
        )
      }
      const inner = stages[i + 1]
      if (outer !== undefined && inner?.kind === "circuitBreaker") {
        refuse(
          stage.place,
          "a place inside of the circuit breaker: around it a call that takes too long is an interruption, which never opens a circuit"
        )
      }
      if (outer !== undefined && inner?.kind === "timeout") refuse(inner.place, "no third timeout")
      outer = stage
    } else if (stage.kind === "retry" && outer !== undefined) {
      const { backoff, maxElapsed } = stage.plan
      const limit = outer.plan.after
      if (maxElapsed !== Infinity && maxElapsed >= limit) {
        refuse(
          `${stage.place}.maxElapsed`,
          `less than the ${format(limit)} of the timeout around it, or it can never be reached`
        )
      }
      const first = Backoff.isBackoff(backoff) ? Backoff.preview(backoff, 1, () => 0)[0]! : 0
      if (first >= limit) {
        refuse(`${stage.place}.backoff`, `a first wait shorter than the ${format(limit)} of the timeout around it`)
      }
    }
  }
}

/** The stages of the recommended order, outermost first. */
export const recommended = (options: Options): ReadonlyArray<readonly [place: string, step: Step]> => {
  const { attemptTimeout, circuitBreaker, retry, timeout } = options
  const steps: Array<readonly [string, Step]> = []
  if (timeout !== undefined) steps.push(["timeout", { kind: "timeout", options: timeout }])
  if (retry !== undefined) steps.push(["retry", { kind: "retry", options: retry }])
  if (circuitBreaker !== undefined) steps.push(["circuitBreaker", { kind: "circuitBreaker", options: circuitBreaker }])
  if (attemptTimeout !== undefined) steps.push(["attemptTimeout", { kind: "timeout", options: attemptTimeout }])
  return steps
}
