import { Effect } from "effect"
import { nowOf } from "../internal/fiber.ts"
import * as Limit from "../timeout/limit.ts"
import { Deadline } from "./reference.ts"

/** The effect under a timeout that everything inside knows of. */
export const enforce = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  plan: Limit.Plan
): Effect.Effect<A, E | Limit.TimedOut, R> =>
  Effect.withFiber((fiber) => {
    const now = nowOf(fiber)
    const endsAt = now + plan.after
    const outer = fiber.getRef(Deadline) ?? Infinity
    if (outer <= endsAt) return Limit.run(fiber, Effect.provideService(self, Deadline, outer), plan, outer - now)
    const { after } = plan
    return Limit.named(
      Limit.run(fiber, Effect.provideService(self, Deadline, endsAt), plan, after),
      plan,
      after,
      endsAt
    )
  })
