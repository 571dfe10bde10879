import { Classifier, Reasons } from "@holdfast/core"
import { Cause, Exit } from "effect"
import type { Outcome } from "./machine.ts"

/** Failures that a policy or the caller made, not the dependency. They say nothing about its health. */
const ignored: ReadonlySet<string> = new Set(
  [Reasons.CircuitOpen, Reasons.BulkheadFull, Reasons.RateLimited, Reasons.Cancelled].map(
    ({ declared }) => declared.code
  )
)

const weight: Readonly<Record<Outcome, number>> = { ignored: 0, success: 1, failure: 2 }

const ofFailure = (failure: unknown, classify?: Classifier.Classify): Outcome => {
  const { category, code } = Classifier.classify(failure, classify)
  if (ignored.has(code)) return "ignored"
  // It refused the request by a rule of the business: it works.
  return category === "biz" ? "success" : "failure"
}

/**
 * What an exit says about the dependency, by declaration: a value and a `biz` failure are a success, any other failure
 * and a defect are a failure. Ignored are interruption, and what policies and callers cause themselves: an open circuit,
 * a full bulkhead, a rate limit, a cancellation. In a cause with several reasons the worst one counts.
 */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>, classify?: Classifier.Classify): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  let worst: Outcome = "ignored"
  for (const reason of exit.cause.reasons) {
    if (Cause.isInterruptReason(reason)) continue
    const outcome = Cause.isDieReason(reason) ? "failure" : ofFailure(reason.error, classify)
    if (weight[outcome] > weight[worst]) worst = outcome
  }
  return worst
}
