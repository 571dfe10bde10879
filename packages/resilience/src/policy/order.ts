import { type At, refuse, under } from "@holdfast/core/options"
import { Duration } from "effect"
import * as Backoff from "../backoff/Backoff.ts"
import type { Budget } from "../budget/budget.ts"
import type { Step } from "./options.ts"
import { type Compiled, compile, format } from "./stage.ts"

const reasons = {
  fallback: "two answer for each other",
  retry: "two multiply their attempts",
  circuitBreaker: "two count the same calls"
} as const

/** Orders and pairs that cannot mean what they say, with what to write instead. */
const checkOrder = (at: At, stages: ReadonlyArray<Compiled>): void => {
  if (stages.length === 0) {
    refuse(at, "must have at least one of fallback, timeout, retry, circuitBreaker, attemptTimeout")
  }
  for (const kind of ["fallback", "retry", "circuitBreaker"] as const) {
    const again = stages.filter((stage) => stage.kind === kind)[1]
    if (again !== undefined) refuse(under(at, again.place), `must be the only ${kind}: ${reasons[kind]}`)
  }
  const inner = stages.findIndex(({ kind }) => kind === "fallback")
  if (inner > 0) {
    refuse(
      under(at, stages[inner]!.place),
      "must be outermost: whatever is around it never sees the failures that it answers for"
    )
  }
  let outer: Extract<Compiled, { kind: "timeout" }> | undefined
  for (const [i, stage] of stages.entries()) {
    if (stage.kind === "timeout") {
      if (outer !== undefined && stage.plan.after >= outer.plan.after) {
        refuse(
          under(at, stage.place),
          outer.plan.after === Infinity
            ? "must be finite: around it there is no limit, either"
            : `must be less than the ${format(outer.plan.after)} of the timeout around it, or it can never be reached`,
          Duration.millis(stage.plan.after)
        )
      }
      const inner = stages[i + 1]
      const isTotal = stages.slice(0, i).every(({ kind }) => kind === "fallback")
      if (!isTotal && inner?.kind === "circuitBreaker") {
        refuse(
          under(at, stage.place),
          "must be inside of the circuit breaker: around it a call that takes too long is an interruption, which never opens a circuit"
        )
      }
      if (outer !== undefined && inner?.kind === "timeout")
        refuse(under(at, inner.place), "must be left out: there is no third timeout")
      outer = stage
    } else if (stage.kind === "retry" && outer !== undefined) {
      const { backoff, maxElapsed } = stage.plan
      const limit = outer.plan.after
      if (maxElapsed !== Infinity && maxElapsed >= limit) {
        refuse(
          under(at, `${stage.place}.maxElapsed`),
          `must be less than the ${format(limit)} of the timeout around it, or it can never be reached`,
          Duration.millis(maxElapsed)
        )
      }
      const first = Backoff.isBackoff(backoff) ? Backoff.preview(backoff, 1, () => 0)[0]! : 0
      if (first >= limit) {
        refuse(
          under(at, `${stage.place}.backoff`),
          `must have a first wait shorter than the ${format(limit)} of the timeout around it`,
          Duration.millis(first)
        )
      }
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
