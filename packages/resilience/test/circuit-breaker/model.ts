import type * as Machine from "../../src/circuit-breaker/machine.ts"

/**
 * The same circuit as a plain model with real timers: time moves one millisecond at a time, every timer fires when it is
 * due, and the history is searched instead of counted. Slow and obvious.
 */
export class Model {
  readonly settings: Machine.Settings
  readonly steps: Array<string> = []
  now = 0
  state: Machine.State = "closed"
  period = 0
  history: Array<Machine.Outcome> = []
  running: Array<number> = []
  lastAdmission = 0
  openUntil = 0
  lastOpenFor = 0
  openings = 0
  closedAt: number | undefined
  isolations = 0

  constructor(settings: Machine.Settings) {
    this.settings = settings
  }

  enter(state: Machine.State) {
    this.steps.push(`${this.state}>${state}@${this.now}`)
    this.restart(state)
  }

  restart(state: Machine.State) {
    this.state = state
    this.period++
    this.history = []
    this.running = []
  }

  open(hint = 0) {
    if (this.state === "closed" && (this.closedAt === undefined || this.now - this.closedAt >= this.lastOpenFor)) {
      this.openings = 0
    }
    this.openings++
    const growth = this.settings.openFor.growth as { base: number; factor: number }
    const computed = Math.min(this.settings.openFor.cap, growth.base * growth.factor ** (this.openings - 1))
    this.lastOpenFor = Math.max(computed, Math.min(hint, this.settings.maxHint))
    this.openUntil = this.now + this.lastOpenFor
    this.enter("open")
  }

  count(outcome: Machine.Outcome) {
    return this.history.filter((one) => one === outcome).length
  }

  isFull() {
    const judged = this.count("success") + this.count("failure")
    return this.running.length >= this.settings.concurrent || judged + this.running.length >= this.settings.outOf
  }

  advance(millis: number) {
    for (let i = 0; i < millis; i++) {
      this.now++
      if (this.state === "open" && this.now === this.openUntil) this.enter("half_open")
      if (this.state === "half_open" && this.isFull() && this.now === this.lastAdmission + this.settings.maxWait) {
        this.open()
      }
    }
  }

  acquire(): number {
    if (this.state === "open" || this.state === "isolated") return -1
    if (this.state === "half_open") {
      if (this.isFull()) return -1
      this.lastAdmission = this.now
      this.running.push(this.now)
    }
    return this.period
  }

  release(period: number, outcome: Machine.Outcome, hint: number) {
    if (period !== this.period) return
    if (this.state === "closed") {
      if (outcome !== "ignored") this.history.push(outcome)
      const { failures } = this.settings.trip
      const last = this.history.slice(-failures)
      if (last.length === failures && last.every((one) => one === "failure") && outcome === "failure") this.open(hint)
    } else if (this.state === "half_open") {
      this.running.pop()
      this.history.push(outcome)
      if (this.count("success") >= this.settings.successes) {
        this.closedAt = this.now
        this.enter("closed")
      } else if (this.settings.outOf - this.count("failure") < this.settings.successes) {
        this.open(hint)
      }
    }
  }

  isolate() {
    if (this.isolations++ === 0) this.enter("isolated")
  }

  endIsolation() {
    if (--this.isolations > 0) return
    this.forget()
    this.enter("closed")
  }

  reset() {
    if (this.state === "isolated") return
    this.forget()
    if (this.state === "closed") this.restart("closed")
    else this.enter("closed")
  }

  forget() {
    this.openings = 0
    this.closedAt = undefined
  }
}
