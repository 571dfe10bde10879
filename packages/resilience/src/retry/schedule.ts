/** A schedule in place of a backoff. It is stepped in monotonic time and never finds out what day it is. */
import { type At, invalid } from "@holdfast/core/options"
import { Cause, type Effect, type Schedule } from "effect"
import { type AnyFiber, nowOf } from "../internal/fiber.ts"

export type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, unknown>>>

/** After the last instant that has a date. */
const beyondDates = 8.64e15 + 1

/**
 * What a schedule is told that the time is, in milliseconds. It counts from its first step, so any origin serves; one that
 * asks the calendar cannot go on, and is found out.
 */
export const instantOf = (fiber: AnyFiber): number => beyondDates + Math.floor(nowOf(fiber))

const needsDate = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      Cause.isDieReason(reason) && (Cause.isIllegalArgumentError(reason.defect) || reason.defect instanceof RangeError)
  )

/** Why a step of a schedule ended badly: the option is wrong if it was for want of a date. */
export const withoutDate = (at: At, cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  needsDate(cause)
    ? Cause.die(invalid(at, "must be a schedule that does not ask for the date", { cause: Cause.squash(cause) }))
    : cause
