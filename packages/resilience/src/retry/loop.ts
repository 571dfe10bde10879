import { Effect } from "effect"
import { budgetOf } from "../budget/budget.ts"
import { RetryBudget } from "../budget/RetryBudget.ts"
import { nowOf } from "../internal/fiber.ts"
import type { Plan } from "./plan.ts"
import { Run } from "./run.ts"

/** The effect, again and again while the plan allows. */
export const retried = (
  self: Effect.Effect<unknown, unknown, unknown>,
  plan: Plan
): Effect.Effect<unknown, unknown, unknown> => {
  // The clock is read up front only by a policy that will need to know when it started.
  const isTimed = plan.wrap || plan.maxElapsed !== Infinity
  return Effect.withFiber((fiber) => {
    const shared = plan.budget === undefined ? fiber.getRef(RetryBudget) : undefined
    const budget = shared === undefined ? plan.budget : budgetOf(shared)
    if (budget === undefined && !isTimed && plan.unwanted === undefined) {
      return Effect.catchCause(self, (cause) => new Run(self, plan, undefined, 0).failed(cause, fiber))
    }
    const run = new Run(self, plan, budget, isTimed ? nowOf(fiber) : 0)
    return budget === undefined ? run.attemptNext : run.counted(budget)
  })
}
