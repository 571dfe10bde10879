/**
 * The circuit as a machine: events and instants in, decisions and transitions out. No Effect, no clock, no timer: what
 * would be a timer is noticed by the next event and dated as if the timer had fired.
 *
 * The record is mutated in place. Nothing here waits, so every operation is one step for all fibers.
 */
import { Delays, type Draw, type Formula } from "../backoff/formulas.ts"
import type { Snapshot } from "./snapshot.ts"
import { type Tally, tallyOf, type TripReason } from "./tally.ts"
import { type Rule, slowerThanOf } from "./rule.ts"

/**
 * `isolated` is closed to traffic by hand; `disabled` lets everything through and looks at nothing; `metrics_only` lets
 * everything through and counts.
 */
export type State = "closed" | "open" | "half_open" | "isolated" | "disabled" | "metrics_only"

/** Who decides the state: the circuit itself, or an operator. */
export type Mode = "automatic" | "isolated" | "disabled" | "metrics_only"

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
  /** Why it opened: a rule, `probe_failed` or `probes_hung`. Only when `to` is `open`. */
  readonly reason: TripReason | undefined
}

/** Times in milliseconds. */
export interface Settings {
  readonly trip: Rule
  readonly openFor: Formula
  readonly maxHint: number
  /** Probes at once. */
  readonly concurrent: number
  /** Successful probes that close the circuit, slow ones not counted … */
  readonly successes: number
  /** … out of this many. */
  readonly outOf: number
  /** How long unfinished probes may hold every slot. */
  readonly maxWait: number
  readonly mode: Mode
}

/** What a circuit knows once it has been anything but closed. Most circuits never are, and do without. */
export interface Trouble {
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
  mode: Mode
  /** Calls it refused so far. */
  rejections: number
  /** Results that came after the state or the rule had changed, and counted for nothing. */
  lateResults: number
  /** What moved when somebody only looked, for the next event to tell of. */
  untold: ReadonlyArray<Step> | undefined
  /** What an operator's circuit is to go on with when it is given back, and when that was taken. */
  kept: { readonly snapshot: Snapshot; readonly takenAt: number } | undefined
}

export interface Circuit {
  settings: Settings
  tally: Tally
  state: State
  /** Names the period between two transitions or rules. A result that was admitted in another one is late and counts for nothing. */
  generation: number
  trouble: Trouble | undefined
  /** When somebody last asked for it, in whole milliseconds. Only circuits with keys are dated. */
  usedAt: number
}

export const make = (settings: Settings): Circuit => {
  const self: Circuit = {
    settings,
    tally: tallyOf(settings.trip),
    state: "closed",
    generation: 0,
    trouble: undefined,
    usedAt: 0
  }
  if (settings.mode !== "automatic") {
    troubleOf(self).mode = settings.mode
    self.state = settings.mode
  }
  return self
}

export const troubleOf = (self: Circuit): Trouble =>
  (self.trouble ??= {
    openings: 0,
    lastOpenFor: 0,
    openUntil: 0,
    closedAt: -Infinity,
    delays: undefined,
    ok: 0,
    bad: 0,
    inFlight: 0,
    probeDeadline: 0,
    isolations: 0,
    mode: "automatic",
    rejections: 0,
    lateResults: 0,
    untold: undefined,
    kept: undefined
  })

/** Into another state, with nothing remembered of the one before. */
export const move = (
  self: Circuit,
  to: State,
  at: number,
  steps: Array<Step>,
  openFor?: number,
  reason?: TripReason
): void => {
  const trouble = troubleOf(self)
  const from = self.state
  self.state = to
  self.generation++
  trouble.ok = 0
  trouble.bad = 0
  trouble.inFlight = 0
  steps.push({ from, to, at, openFor, openings: trouble.openings, reason })
  // Last: a rule of the application's own may throw, and the circuit has moved all the same.
  self.tally.clear()
}

/** The open times from the n-th opening in a row on. No backoff grows beyond the steps that are taken here. */
export const delaysFrom = (formula: Formula, opening: number, draw: Draw): Delays => {
  const delays = new Delays(formula)
  for (let i = Math.min(opening, 1100); i > 1; i--) delays.next(draw)
  return delays
}

/** What is granted of the time that a dependency asked for. */
export const askedOf = (hint: number | undefined, maxHint: number): number =>
  hint !== undefined && hint > 0 ? Math.min(hint, maxHint) : 0

const open = (
  self: Circuit,
  at: number,
  reason: TripReason,
  hint: number | undefined,
  draw: Draw,
  steps: Array<Step>
): void => {
  const { maxHint, openFor: formula } = self.settings
  const trouble = troubleOf(self)
  // A recovery that lasted as long as the last opening ends the series. A shorter one was flapping, and growth goes on.
  if (self.state === "closed" && at - trouble.closedAt >= trouble.lastOpenFor) trouble.openings = 0
  if (trouble.openings++ === 0) trouble.delays = undefined
  trouble.delays ??= delaysFrom(formula, trouble.openings, draw)
  const openFor = Math.max(askedOf(hint, maxHint), trouble.delays.next(draw))
  trouble.lastOpenFor = openFor
  trouble.openUntil = at + openFor
  move(self, "open", at, steps, openFor, reason)
}

export const hasSlot = ({ settings }: Circuit, { bad, inFlight, ok }: Trouble): boolean =>
  inFlight < settings.concurrent && ok + bad + inFlight < settings.outOf

/**
 * Brings the circuit up to `now`: an opening that is over becomes half-open, probes that hang are given up, calls that
 * run too long are slow.
 */
export const settle = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): void => {
  const untold = self.trouble?.untold
  if (untold !== undefined) {
    self.trouble!.untold = undefined
    steps.push(...untold)
  }
  for (;;) {
    const { tally, trouble } = self
    switch (self.state) {
      case "closed": {
        const due = tally.watches ? tally.overdue(now) : undefined
        if (due === undefined) return
        open(self, due, "slow_rate", undefined, draw, steps)
        break
      }
      case "open":
        if (now < trouble!.openUntil) return
        move(self, "half_open", trouble!.openUntil, steps)
        break
      case "half_open":
        if (hasSlot(self, trouble!) || now < trouble!.probeDeadline) return
        open(self, trouble!.probeDeadline, "probes_hung", undefined, draw, steps)
        break
      case "metrics_only":
        while (tally.watches && tally.overdue(now) !== undefined);
        return
      default:
        return
    }
  }
}

/**
 * The state at `now` for somebody who only looks, and has nobody to tell. The circuit does move: an open time that is drawn
 * is known to no one before. What moved is told of by the next event.
 */
export const stateAt = (self: Circuit, now: number, draw: Draw): State => {
  const steps: Array<Step> = []
  for (let isSettled = false; !isSettled;) {
    try {
      settle(self, now, draw, steps)
      isSettled = true
    } catch {
      // A rule of the application's own may throw at a transition. The circuit has moved all the same.
    }
  }
  if (steps.length > 0) self.trouble!.untold = steps
  return self.state
}

/** Whether an operator has decided otherwise than the options, or a snapshot waits until they let go. */
export const isHeld = ({ settings, trouble }: Circuit): boolean =>
  trouble !== undefined && (trouble.isolations > 0 || trouble.mode !== settings.mode || trouble.kept !== undefined)

/** Whether nothing but counts would be lost with the circuit: it is as it began, and has recovered from what was before. */
export const isSpare = (self: Circuit, now: number): boolean => {
  const { settings, state, trouble } = self
  const first = settings.mode === "automatic" ? "closed" : settings.mode
  return state === first && !isHeld(self) && (trouble === undefined || now - trouble.closedAt >= trouble.lastOpenFor)
}

/**
 * Since when nobody has asked for the circuit, or waited for it to be ready; `undefined` while it must stay. What its probes
 * were to say is waited for as long as they may take.
 */
export const idleSince = (self: Circuit): number | undefined => {
  const { state, trouble, usedAt } = self
  if (isHeld(self)) return undefined
  switch (state) {
    case "open":
      return Math.max(usedAt, trouble!.openUntil)
    case "half_open":
      return Math.max(usedAt, trouble!.inFlight === 0 ? trouble!.openUntil : trouble!.probeDeadline)
    default:
      return usedAt
  }
}

/** Whether a call at `now` is rejected with nothing else to do. The cheap question of an outage. */
export const rejects = (self: Circuit, now: number): boolean => {
  const { state, trouble } = self
  switch (state) {
    case "open":
      return now < trouble!.openUntil && trouble!.untold === undefined
    case "half_open":
      return !hasSlot(self, trouble!) && now < trouble!.probeDeadline
    case "isolated":
      return true
    default:
      return false
  }
}

/** When a rejected call may come back, in milliseconds from `now`; `undefined` if nobody knows. */
export const retryAfter = (self: Circuit, now: number): number | undefined => {
  switch (self.state) {
    case "open":
      return Math.max(0, self.trouble!.openUntil - now)
    case "half_open":
      return hasSlot(self, self.trouble!) ? undefined : Math.max(0, self.trouble!.probeDeadline - now)
    default:
      return undefined
  }
}

/** Asks to run a call. Gives the generation to hand back with its result, or -1 for a rejection. */
export const acquire = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): number => {
  settle(self, now, draw, steps)
  if (rejects(self, now)) return -1
  if (self.state === "half_open") {
    const trouble = self.trouble!
    trouble.inFlight++
    trouble.probeDeadline = now + self.settings.maxWait
  } else if (self.state !== "disabled" && self.tally.watches) {
    self.tally.start(now)
  }
  return self.generation
}

/**
 * The result of an admitted call, exactly once. `hint` is how long a failing dependency asked to be left alone. Gives
 * whether the result still mattered; one of an earlier generation does not.
 */
export const release = (
  self: Circuit,
  generation: number,
  startedAt: number,
  outcome: Outcome,
  hint: number | undefined,
  now: number,
  draw: Draw,
  steps: Array<Step>
): boolean => {
  settle(self, now, draw, steps)
  if (generation !== self.generation) {
    troubleOf(self).lateResults++
    return false
  }
  const { state, tally } = self
  if (state === "half_open") {
    const trouble = self.trouble!
    const { outOf, successes, trip } = self.settings
    // What would speak against the dependency in a closed circuit does so in a probe, too.
    const isBad = outcome === "failure" || (outcome === "success" && now - startedAt > slowerThanOf(trip))
    trouble.inFlight--
    if (outcome === "success" && !isBad && ++trouble.ok >= successes) {
      trouble.closedAt = now
      move(self, "closed", now, steps)
    } else if (isBad && ++trouble.bad > outOf - successes) {
      open(self, now, "probe_failed", hint, draw, steps)
    }
  } else if (state !== "disabled") {
    if (outcome === "ignored") {
      if (tally.watches) tally.ignore(startedAt, now)
      return true
    }
    const reason = tally.record(outcome === "failure", startedAt, now)
    // A rule of the application's own may have asked for another state meanwhile.
    if (reason !== undefined && self.state === "closed" && generation === self.generation)
      open(self, now, reason, hint, draw, steps)
  }
  return true
}
