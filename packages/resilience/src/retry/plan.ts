import type { At } from "@holdfast/core/options"
import type { Duration, Effect, Schedule } from "effect"
import type { Backoff } from "../backoff/Backoff.ts"
import type { Budget } from "../budget/budget.ts"
import type { Counters } from "../internal/counters.ts"

type Any = Effect.Effect<unknown, unknown, unknown>

/** What `onRetry` is told about the attempt that failed. */
export interface Attempt<out E> {
  /** Number of the attempt that failed, 1 for the first call. */
  readonly attempt: number
  /** How long the policy waits before the next one. */
  readonly delay: Duration.Duration
  readonly failure: E
}

/** The options of a policy, decoded. Times in milliseconds. */
export interface Plan {
  /** Where the options stand. */
  readonly at: At
  readonly name: string
  readonly attempts: number
  readonly backoff: Backoff | Schedule.Schedule<unknown, never, never, unknown>
  readonly maxElapsed: number
  /** `undefined` leaves it to `when`, if there is one. */
  readonly openCircuit: "fail" | "wait" | undefined
  readonly when: ((failure: unknown, code: string) => boolean) | undefined
  readonly unwanted: ((value: unknown) => boolean) | undefined
  readonly discard: ((value: unknown) => Any) | undefined
  readonly maxHint: number
  readonly wrap: boolean
  readonly guardNested: boolean
  readonly budget: Budget | undefined
  readonly onRetry: ((attempt: Attempt<unknown>) => Any) | undefined
  readonly retries: Counters
  readonly givenUp: Counters
}
