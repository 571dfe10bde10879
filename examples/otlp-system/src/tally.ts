/** What became of every span. Pure: a record of counters and what they add up to. */
import type { CircuitBreaker } from "@holdfast/resilience"

/** The states that a breaker of this program can be in. */
export type BreakerState = CircuitBreaker.State

export interface Counters {
  /** Spans read from the input in this run, and accounted for. What was on its way when the run ended is not among them. */
  read: number
  /** Spans of the input that an earlier run had already accounted for. */
  resumed: number
  /** Spans found in the spool when the program started. */
  inherited: number
  deliveredFirst: number
  deliveredAfterRetry: number
  /** Spans that went into the spool in this run. */
  deferred: number
  /** Spans that left the spool for the collector. */
  drained: number
  deadLettered: number
  /** Spans of accepted requests that the collector said it did not keep. */
  refused: number
  /** Export requests sent. */
  attempts: number
  failedAttempts: number
  /** Exports that the open breaker turned away. */
  rejections: number
}

export const zero = (): Counters => ({
  read: 0,
  resumed: 0,
  inherited: 0,
  deliveredFirst: 0,
  deliveredAfterRetry: 0,
  deferred: 0,
  drained: 0,
  deadLettered: 0,
  refused: 0,
  attempts: 0,
  failedAttempts: 0,
  rejections: 0
})

export interface Summary extends Readonly<Counters> {
  /** Everything that has reached the collector, less what it refused. */
  readonly delivered: number
  /** In the spool, for the next run. */
  readonly waiting: number
  /** What the books cannot explain. Zero, or there is a bug. */
  readonly lost: number
  /** Time spent in each state that the breaker has been in. */
  readonly millisIn: Readonly<Partial<Record<BreakerState, number>>>
  readonly receiver?: { readonly distinct: number; readonly duplicates: number; readonly requests: number } | undefined
}

/** Closes the books: every span is delivered, waiting, dead-lettered or refused, or it is lost. */
export const summarize = (
  counters: Readonly<Counters>,
  waiting: number,
  millisIn: Summary["millisIn"],
  receiver?: Summary["receiver"]
): Summary => {
  const arrived = counters.deliveredFirst + counters.deliveredAfterRetry + counters.drained
  return {
    ...counters,
    delivered: arrived - counters.refused,
    waiting,
    lost: counters.read + counters.inherited - arrived - counters.deadLettered - waiting,
    millisIn,
    receiver
  }
}
