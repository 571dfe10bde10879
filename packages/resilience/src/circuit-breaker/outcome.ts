import { Classifier } from "@holdfast/core"
import { Cause, Duration, Exit } from "effect"
import { tagsOf } from "../internal/named.ts"
import type { Outcome } from "./machine.ts"

const weight: Readonly<Record<Outcome, number>> = { ignored: 0, success: 1, failure: 2 }

/** Other outcomes than the declared ones, by tag or by code. */
export type Outcomes = Readonly<Record<string, Outcome>>

const healthOf = (error: unknown, classify?: Classifier.Classify, overrides?: Outcomes): Outcome => {
  const declared = Classifier.classify(error, classify)
  if (overrides === undefined) return declared.health
  if (Object.hasOwn(overrides, declared.code)) return overrides[declared.code]!
  const tag = tagsOf(error).find((tag) => Object.hasOwn(overrides, tag))
  return tag === undefined ? declared.health : overrides[tag]!
}

/**
 * What an exit says about the dependency: a value is a success, a defect a failure, an interruption is ignored, and a
 * failure says it itself by the `health` of its declaration. In a cause with several reasons the worst one counts. For a
 * `classify` of your own that leaves the rest to it.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Exit } from "effect"
 *
 * CircuitBreaker.outcomeOf(Exit.succeed(200)) // => "success"
 * CircuitBreaker.outcomeOf(Exit.fail(new Reasons.NotFound({}))) // => "success"
 * CircuitBreaker.outcomeOf(Exit.fail(new Reasons.NetworkError({}))) // => "failure"
 * CircuitBreaker.outcomeOf(Exit.fail(new Reasons.NetworkError({})), undefined, { NetworkError: "ignored" }) // => "ignored"
 * ```
 */
export const outcomeOf = (
  exit: Exit.Exit<unknown, unknown>,
  classify?: Classifier.Classify,
  overrides?: Outcomes
): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  let worst: Outcome = "ignored"
  for (const reason of exit.cause.reasons) {
    if (Cause.isInterruptReason(reason)) continue
    const outcome = Cause.isDieReason(reason) ? "failure" : healthOf(reason.error, classify, overrides)
    if (weight[outcome] > weight[worst]) worst = outcome
  }
  return worst
}

/** How long a failing callee asked to be left alone, in milliseconds. */
export const hintOf = (exit: Exit.Exit<unknown, unknown>): number | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const failure = exit.cause.reasons.find(Cause.isFailReason)
  const asked = failure === undefined ? undefined : Classifier.retryAfterOf(failure.error)
  return asked === undefined ? undefined : Duration.toMillis(asked)
}
