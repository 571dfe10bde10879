import { Classifier } from "@holdfast/core"
import { Cause, Exit } from "effect"
import type { Outcome } from "./machine.ts"

const weight: Readonly<Record<Outcome, number>> = { ignored: 0, success: 1, failure: 2 }

/**
 * What an exit says about the dependency: a value is a success, a defect a failure, an interruption is ignored, and a
 * failure says it itself by the `health` of its declaration. In a cause with several reasons the worst one counts.
 */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>, classify?: Classifier.Classify): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  let worst: Outcome = "ignored"
  for (const reason of exit.cause.reasons) {
    if (Cause.isInterruptReason(reason)) continue
    const outcome = Cause.isDieReason(reason) ? "failure" : Classifier.classify(reason.error, classify).health
    if (weight[outcome] > weight[worst]) worst = outcome
  }
  return worst
}
