/**
 * The circuit as a machine: events and instants in, decisions and transitions out. No Effect, no clock, no timer: what
 * would be a timer is noticed by the next event and dated as if the timer had fired.
 *
 * The record is mutated in place. Nothing here waits, so every operation is one step for all fibers.
 */
import { Delays, type Draw, type Formula } from "../backoff/formulas.ts"
import { type Tally, tallyOf, type Trip } from "./trip.ts"

/** `isolated` is closed to traffic by hand. */
export type State = "closed" | "open" | "half_open" | "isolated"

/** What one call says about the dependency: it works, it does not, or nothing. */
export type Outcome = "success" | "failure" | "ignored"

/** A change of state, dated in the milliseconds of the clock that the events are dated in. */
export interface Step {
  readonly from: State
  readonly to: State
  readonly at: number
  /** How long it stays open, in milliseconds. Only when `to` is `open`. */
  readonly openFor: number | undefined
  /** Openings in a row without a recovery that lasted. */
  readonly openings: number
}

/** Times in milliseconds. */
export interface Settings {
  readonly trip: Trip
  readonly openFor: Formula
  readonly maxHint: number
  /** Probes at once. */
  readonly concurrent: number
  /** Successful probes that close the circuit … */
  readonly successes: number
  /** … out of this many. */
  readonly outOf: number
  /** How long unfinished probes may hold every slot. */
  readonly maxWait: number
}

export interface Circuit {
  readonly settings: Settings
  readonly tally: Tally
  state: State
  /** Names the period between two transitions. A result that was admitted in another one is late and counts for nothing. */
  generation: number
  openings: number
  lastOpenFor: number
  openUntil: number
  closedAt: number
  delays: Delays | undefined
  ok: number
  bad: number
  inFlight: number
  probeDeadline: number
  isolations: number
}

export const make = (settings: Settings): Circuit => ({
  settings,
  tally: tallyOf(settings.trip),
  state: "closed",
  generation: 0,
  openings: 0,
  lastOpenFor: 0,
  openUntil: 0,
  closedAt: -Infinity,
  delays: undefined,
  ok: 0,
  bad: 0,
  inFlight: 0,
  probeDeadline: 0,
  isolations: 0
})

const move = (self: Circuit, to: State, at: number, steps: Array<Step>, openFor?: number): void => {
  const from = self.state
  self.state = to
  self.generation++
  self.ok = 0
  self.bad = 0
  self.inFlight = 0
  self.tally.clear()
  steps.push({ from, to, at, openFor, openings: self.openings })
}

const open = (self: Circuit, at: number, hint: number | undefined, draw: Draw, steps: Array<Step>): void => {
  const { maxHint, openFor: formula } = self.settings
  // A recovery that lasted as long as the last opening ends the series. A shorter one was flapping, and growth goes on.
  if (self.state === "closed" && at - self.closedAt >= self.lastOpenFor) self.openings = 0
  if (self.openings++ === 0) self.delays = undefined
  self.delays ??= new Delays(formula)
  const asked = hint !== undefined && hint > 0 ? Math.min(hint, maxHint) : 0
  const openFor = Math.max(asked, self.delays.next(draw))
  self.lastOpenFor = openFor
  self.openUntil = at + openFor
  move(self, "open", at, steps, openFor)
}

const hasSlot = ({ bad, inFlight, ok, settings }: Circuit): boolean =>
  inFlight < settings.concurrent && ok + bad + inFlight < settings.outOf

/** Brings the circuit up to `now`: an opening that is over becomes half-open, probes that hang are given up. */
export const settle = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): void => {
  // Twice round at most: a circuit that has just become half-open has its slots free.
  for (;;) {
    if (self.state === "open" && now >= self.openUntil) {
      move(self, "half_open", self.openUntil, steps)
    } else if (self.state === "half_open" && !hasSlot(self) && now >= self.probeDeadline) {
      open(self, self.probeDeadline, undefined, draw, steps)
    } else {
      return
    }
  }
}

/** Whether a call at `now` is rejected with nothing else to do. The cheap question of an outage. */
export const rejects = (self: Circuit, now: number): boolean => {
  switch (self.state) {
    case "closed":
      return false
    case "open":
      return now < self.openUntil
    case "half_open":
      return !hasSlot(self) && now < self.probeDeadline
    case "isolated":
      return true
  }
}

/** When a rejected call may come back, in milliseconds from `now`; `undefined` if nobody knows. */
export const retryAfter = (self: Circuit, now: number): number | undefined => {
  switch (self.state) {
    case "open":
      return Math.max(0, self.openUntil - now)
    case "half_open":
      return Math.max(0, self.probeDeadline - now)
    default:
      return undefined
  }
}

/** Asks to run a call. Gives the generation to hand back with its result, or -1 for a rejection. */
export const acquire = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): number => {
  settle(self, now, draw, steps)
  if (rejects(self, now)) return -1
  if (self.state === "half_open") {
    self.inFlight++
    self.probeDeadline = now + self.settings.maxWait
  }
  return self.generation
}

/** The result of an admitted call, exactly once. `hint` is how long a failing dependency asked to be left alone. */
export const release = (
  self: Circuit,
  generation: number,
  outcome: Outcome,
  hint: number | undefined,
  now: number,
  draw: Draw,
  steps: Array<Step>
): void => {
  settle(self, now, draw, steps)
  if (generation !== self.generation) return
  if (self.state === "half_open") {
    self.inFlight--
    if (outcome === "success" && ++self.ok >= self.settings.successes) {
      self.closedAt = now
      move(self, "closed", now, steps)
    } else if (outcome === "failure" && ++self.bad > self.settings.outOf - self.settings.successes) {
      open(self, now, hint, draw, steps)
    }
  } else if (outcome === "success") {
    self.tally.success()
  } else if (outcome === "failure" && self.tally.failure()) {
    open(self, now, hint, draw, steps)
  }
}

/** Closes the circuit to traffic until every isolation has ended. */
export const isolate = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): void => {
  settle(self, now, draw, steps)
  if (self.isolations++ === 0) move(self, "isolated", now, steps)
}

export const endIsolation = (self: Circuit, now: number, steps: Array<Step>): void => {
  if (--self.isolations === 0) start(self, now, steps)
}

/** Forgets everything that was seen. An isolation stays: who isolated it has not said that it is over. */
export const reset = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): void => {
  settle(self, now, draw, steps)
  if (self.state === "isolated") return
  if (self.state !== "closed") return start(self, now, steps)
  start(self, now, [])
}

const start = (self: Circuit, now: number, steps: Array<Step>): void => {
  self.openings = 0
  self.closedAt = -Infinity
  move(self, "closed", now, steps)
}
