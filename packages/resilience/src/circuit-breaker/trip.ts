/** When a closed circuit opens, as a user writes it. */
import type { Duration } from "effect"

/** Which calls a rate is taken over: the last so many, or those of the last so long (in ten buckets). */
export type WindowOptions = { readonly calls: number } | { readonly time: Duration.Input }

export interface RateOptions {
  /** Opens at this share of the calls or more. 0 to 1. Default: 0.5. */
  readonly threshold?: number | undefined
  /** Calls of at least 1, or a time of more than 0. Default: the last 100 calls. */
  readonly window?: WindowOptions | undefined
  /**
   * Completed calls below which no rate is known. Ignored ones do not count. At least 1, and no more than a window of
   * calls holds. Default: the size of a window of calls, else 10.
   */
  readonly minimumCalls?: number | undefined
}

export interface SlowRateOptions extends RateOptions {
  /** A call that takes longer is slow. More than 0. */
  readonly slowerThan: Duration.Input
  /**
   * Whether a call that is still running counts as slow as soon as it has taken longer than `slowerThan`. Default: `true`.
   */
  readonly inFlight?: boolean | undefined
}

/** One completed call, as a custom rule sees it. */
export interface Call {
  readonly failed: boolean
  /** In milliseconds. */
  readonly duration: number
  /** When it ended, in milliseconds of a clock that only goes forward. */
  readonly at: number
}

export interface CustomOptions {
  /** Names the rule in transitions and health. Not empty; from a small, fixed set. */
  readonly name: string
  /** Makes the memory of one circuit. Tried once more when a breaker is made, to see that it does. */
  readonly make: () => {
    /** Whether this call opens the circuit. */
    readonly record: (call: Call) => boolean
    /** Forgets everything; called at every transition. */
    readonly clear: () => void
  }
}

/** A rule for opening, as it was written. It is checked when a breaker is made of it. */
export type Trip =
  | { readonly kind: "consecutive"; readonly failures: number }
  | { readonly kind: "failure_rate"; readonly options: RateOptions }
  | { readonly kind: "slow_rate"; readonly options: SlowRateOptions }
  | { readonly kind: "any_of"; readonly rules: ReadonlyArray<Trip> }
  | { readonly kind: "custom"; readonly options: CustomOptions }

/** Opens at the n-th failure in a row. The example of `make` shows it. */
export const consecutive = (failures: number): Trip => ({ kind: "consecutive", failures })

/**
 * Opens when the share of failures reaches a threshold, once enough calls have completed.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 *
 * const overTheLastCalls = CircuitBreaker.failureRate({ threshold: 0.5, window: { calls: 20 } })
 * const overTime = CircuitBreaker.failureRate({ window: { time: "30 seconds" }, minimumCalls: 50 })
 * ```
 */
export const failureRate = (options: RateOptions = {}): Trip => ({ kind: "failure_rate", options })

/**
 * Opens when the share of slow calls reaches a threshold, even if they succeed. Calls that are still running count as
 * soon as they are slow, so a dependency that hangs is noticed before anything times out.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 *
 * const slow = CircuitBreaker.slowRate({ slowerThan: "2 seconds", threshold: 0.8, window: { calls: 20 } })
 * ```
 */
export const slowRate = (options: SlowRateOptions): Trip => ({ kind: "slow_rate", options })

/**
 * Opens when one of several rules says so. Each has a memory of its own.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 *
 * const either = CircuitBreaker.anyOf(
 *   CircuitBreaker.consecutive(5),
 *   CircuitBreaker.failureRate({ window: { time: "1 minute" } })
 * )
 * ```
 */
export const anyOf = (...rules: ReadonlyArray<Trip>): Trip => ({ kind: "any_of", rules })

/**
 * A rule of your own, with a memory of its own per circuit.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 *
 * const twoInASecond = CircuitBreaker.custom({
 *   name: "two_in_a_second",
 *   make: () => {
 *     let last = -Infinity
 *     return {
 *       record: ({ at, failed }) => {
 *         const opens = failed && at - last <= 1000
 *         if (failed) last = at
 *         return opens
 *       },
 *       clear: () => void (last = -Infinity)
 *     }
 *   }
 * })
 * ```
 */
export const custom = (options: CustomOptions): Trip => ({ kind: "custom", options })
