/** What an operator, a snapshot or a new configuration does to a circuit. As pure as the machine. */
import type { Draw } from "../backoff/formulas.ts"
import {
  type Circuit,
  hasSlot,
  type Mode,
  move,
  type Settings,
  settle,
  type State,
  type Step,
  troubleOf
} from "./machine.ts"
import { isSameRule, keyOf } from "./rule.ts"
import type { Snapshot } from "./snapshot.ts"
import { tallyOf } from "./tally.ts"

/** Closes the circuit to traffic until every isolation has ended. */
export const isolate = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): void => {
  settle(self, now, draw, steps)
  troubleOf(self).isolations++
  obey(self, now, steps)
}

export const endIsolation = (self: Circuit, now: number, steps: Array<Step>): void => {
  troubleOf(self).isolations--
  obey(self, now, steps)
}

/** Hands the circuit to an operator, or back to itself. An isolation goes before every mode. */
export const setMode = (self: Circuit, mode: Mode, now: number, draw: Draw, steps: Array<Step>): void => {
  settle(self, now, draw, steps)
  troubleOf(self).mode = mode
  obey(self, now, steps)
}

const isAutomatic = (state: State): boolean => state === "closed" || state === "open" || state === "half_open"

const obey = (self: Circuit, now: number, steps: Array<Step>): void => {
  const { isolations, kept, mode } = self.trouble!
  const wanted = isolations > 0 ? "isolated" : mode === "automatic" ? "closed" : mode
  if (wanted === self.state || (wanted === "closed" && isAutomatic(self.state))) return
  start(self, wanted, now, steps)
  if (kept === undefined) return
  if (wanted === "closed") goOn(self, kept.snapshot, kept.takenAt, now, steps)
  else self.trouble!.kept = kept
}

/** Forgets everything that was seen. What an operator has decided stays: nobody has said that it is over. */
export const reset = (self: Circuit, now: number, draw: Draw, steps: Array<Step>): void => {
  settle(self, now, draw, steps)
  if (self.state === "open" || self.state === "half_open") start(self, "closed", now, steps)
  else start(self, self.state, now, [])
}

const start = (self: Circuit, state: State, now: number, steps: Array<Step>): void => {
  const trouble = troubleOf(self)
  trouble.openings = 0
  trouble.closedAt = -Infinity
  trouble.kept = undefined
  move(self, state, now, steps)
}

/**
 * Goes on where the snapshot was taken, in the hands of an operator as soon as they let go. Probes that were running are gone
 * with their process, so a half-open circuit starts its probing again.
 */
export const restore = (
  self: Circuit,
  snapshot: Snapshot,
  takenAt: number,
  now: number,
  draw: Draw,
  steps: Array<Step>
): void => {
  reset(self, now, draw, steps)
  if (isAutomatic(self.state)) goOn(self, snapshot, takenAt, now, steps)
  else troubleOf(self).kept = { snapshot, takenAt }
}

const goOn = (self: Circuit, snapshot: Snapshot, takenAt: number, now: number, steps: Array<Step>): void => {
  const { closedFor, counted, lastOpenFor, openings, opensFor, rule, state } = snapshot
  const trouble = troubleOf(self)
  trouble.openings = openings
  trouble.lastOpenFor = lastOpenFor
  trouble.delays = undefined
  if (closedFor !== undefined) trouble.closedAt = takenAt - closedFor
  if (state === "closed") {
    if (rule === keyOf(self.settings.trip)) self.tally.load(counted, now, now - takenAt)
    return
  }
  const openUntil = state === "open" ? takenAt + opensFor : now
  trouble.openUntil = openUntil
  if (openUntil > now) move(self, "open", now, steps, openUntil - now, "restored")
  else move(self, "half_open", now, steps)
}

/**
 * Other settings for a living circuit. State, growth and open time stay; what was counted stays if the rule is still the
 * same, and else nobody is left whom the calls in flight could tell. The mode stays too, unless the settings name another
 * one.
 */
export const reconfigure = (self: Circuit, settings: Settings, now: number, draw: Draw, steps: Array<Step>): void => {
  settle(self, now, draw, steps)
  const before = self.settings
  const wasFree = self.trouble !== undefined && hasSlot(self, self.trouble)
  self.settings = settings
  if (!isSameRule(before.trip, settings.trip)) {
    self.tally = tallyOf(settings.trip)
    // The new memory has not seen the calls that are running start. Probes are judged by other numbers than a rule's.
    if (self.state !== "half_open") self.generation++
  }
  if (self.trouble !== undefined) {
    self.trouble.delays = undefined
    // Probes that were to be judged by other numbers say nothing under these.
    if (before.successes !== settings.successes || before.outOf !== settings.outOf) {
      self.trouble.ok = 0
      self.trouble.bad = 0
    }
    // Probes that left a slot free were not waited for.
    if (wasFree && !hasSlot(self, self.trouble)) {
      self.trouble.probeDeadline = Math.max(self.trouble.probeDeadline, now + settings.maxWait)
    }
  }
  if (before.mode !== settings.mode) setMode(self, settings.mode, now, draw, steps)
}
