import { Context } from "effect"
import type { AnyFiber } from "../internal/fiber.ts"

/**
 * The deadline in force, in milliseconds of the monotonic clock; `undefined` without one. Set it with `Deadline.within`.
 *
 * @example
 * ```ts
 * import { Deadline } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * Effect.runSync(Effect.service(Deadline.Deadline)) // => undefined
 * ```
 */
export const Deadline: Context.Reference<number | undefined> = Context.Reference("@holdfast/resilience/Deadline", {
  defaultValue: (): number | undefined => undefined
})

/** The milliseconds that are left to a fiber; `Infinity` without a deadline. */
export const leftOf = (fiber: AnyFiber, now: number): number => {
  const at = fiber.getRef(Deadline)
  return at === undefined ? Infinity : at - now
}
