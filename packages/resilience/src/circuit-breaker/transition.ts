import type { Duration } from "effect"
import type { State } from "./machine.ts"

/** One change of state of a circuit. */
export interface Transition {
  readonly circuit: string
  /** Which circuit of a keyed breaker. */
  readonly key?: string
  readonly from: State
  readonly to: State
  /** When, in milliseconds since 1970. A transition is dated when it was due, not when a call noticed. */
  readonly at: number
  /** Openings in a row, this one included. */
  readonly openings: number
  /** How long it stays open. Only when `to` is `open`. */
  readonly openFor?: Duration.Duration
  /**
   * Why it opened: `consecutive`, `failure_rate`, `slow_rate`, the name of a custom rule, `probe_failed` (or was
   * slow under a `slowRate`), `probes_hung` or `restored`. Only when `to` is `open`.
   */
  readonly reason?: string
}
