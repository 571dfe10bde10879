import type * as Machine from "../../src/circuit-breaker/machine.ts"
import type { Rule } from "../../src/circuit-breaker/rule.ts"

/** One call that a closed circuit let through. */
interface Call {
  readonly startedAt: number
  endedAt: number | undefined
  outcome: Machine.Outcome | undefined
}

/**
 * The same circuit as a plain model with real timers: time moves one millisecond at a time, every timer fires when it is
 * due, and the history is searched instead of counted. Slow and obvious.
 */
export class Model {
  settings: Machine.Settings
  readonly steps: Array<string> = []
  now = 0
  state: Machine.State = "closed"
  period = 0
  history: Array<Machine.Outcome> = []
  calls: Array<Call> = []
  mode: Machine.Mode = "automatic"
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

  enter(state: Machine.State, at = this.now) {
    this.steps.push(`${this.state}>${state}@${at}`)
    this.restart(state)
  }

  restart(state: Machine.State) {
    this.state = state
    this.period++
    this.history = []
    this.running = []
    this.calls = []
  }

  open(hint = 0, at = this.now) {
    if (this.state === "closed" && (this.closedAt === undefined || at - this.closedAt >= this.lastOpenFor)) {
      this.openings = 0
    }
    this.openings++
    const growth = this.settings.openFor.growth as { base: number; factor: number }
    const computed = Math.min(this.settings.openFor.cap, growth.base * growth.factor ** (this.openings - 1))
    this.lastOpenFor = Math.max(computed, Math.min(hint, this.settings.maxHint))
    this.openUntil = at + this.lastOpenFor
    this.enter("open", at)
  }

  /** Whether the rule holds at `at`, searched from the whole history. `last` is the call that has just ended. */
  holds(rule: Rule, at: number, last: Call | undefined): boolean {
    if (rule.kind === "any_of") return rule.rules.some((one) => this.holds(one, at, last))
    if (rule.kind === "custom") throw new Error("not modelled")
    const ended = this.calls
      .filter(({ outcome }) => outcome !== undefined && outcome !== "ignored")
      .toSorted((a, b) => this.order.get(a)! - this.order.get(b)!)
    if (rule.kind === "consecutive") {
      const row = ended.slice(-rule.failures)
      return last?.outcome === "failure" && row.length === rule.failures && row.every((c) => c.outcome === "failure")
    }
    const { window } = rule
    const bucket = (instant: number) => Math.floor((instant * 10) / (window.kind === "time" ? window.length : 1))
    const inWindow =
      window.kind === "count"
        ? ended.slice(-window.size)
        : ended.filter(({ endedAt }) => bucket(at) - bucket(endedAt!) < 10)
    if (rule.kind === "failure_rate") {
      const failures = inWindow.filter(({ outcome }) => outcome === "failure").length
      const judged = last?.outcome === "failure" && inWindow.length >= rule.minimumCalls
      return judged && failures / inWindow.length >= rule.threshold
    }
    const isSlow = (call: Call) => (call.endedAt ?? this.now) - call.startedAt > rule.slowerThan
    const hanging = rule.inFlight ? this.calls.filter((call) => call.outcome === undefined && isSlow(call)).length : 0
    const total = inWindow.length + hanging
    const against = inWindow.filter(isSlow).length + hanging
    const judged = last === undefined || (last.outcome !== "ignored" && isSlow(last))
    return judged && against > 0 && total >= rule.minimumCalls && against / total >= rule.threshold
  }

  /** In which order the calls ended. */
  readonly order = new Map<Call, number>()

  /** Calls that have become slow with this millisecond. They were slow from the millisecond before on. */
  watch(rule: Rule) {
    for (const one of rule.kind === "any_of" ? rule.rules : [rule]) {
      if (one.kind !== "slow_rate" || !one.inFlight || this.state !== "closed") continue
      const due = this.calls.some((c) => c.outcome === undefined && this.now - c.startedAt === one.slowerThan + 1)
      if (due && this.holds(one, this.now - 1, undefined)) this.open(0, this.now - 1)
    }
  }

  isSlow(rule: Rule, took: number): boolean {
    if (rule.kind === "any_of") return rule.rules.some((one) => this.isSlow(one, took))
    return rule.kind === "slow_rate" && took > rule.slowerThan
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
      this.watch(this.settings.trip)
      if (this.state === "open" && this.now === this.openUntil) this.enter("half_open")
      if (this.state === "half_open" && this.isFull() && this.now === this.lastAdmission + this.settings.maxWait) {
        this.open()
      }
    }
  }

  acquire(): readonly [number, Call] | undefined {
    if (this.state === "open" || this.state === "isolated") return undefined
    const call: Call = { startedAt: this.now, endedAt: undefined, outcome: undefined }
    if (this.state === "half_open") {
      if (this.isFull()) return undefined
      this.lastAdmission = this.now
      this.running.push(this.now)
    }
    if (this.state === "closed" || this.state === "metrics_only") this.calls.push(call)
    return [this.period, call]
  }

  release([period, call]: readonly [number, Call], outcome: Machine.Outcome, hint: number) {
    if (period !== this.period) return
    if (this.state === "closed" || this.state === "metrics_only") {
      call.outcome = outcome
      call.endedAt = this.now
      this.order.set(call, this.order.size)
      if (this.state === "closed" && outcome !== "ignored" && this.holds(this.settings.trip, this.now, call)) {
        this.open(hint)
      }
    } else if (this.state === "half_open") {
      this.running.pop()
      const took = this.now - call.startedAt
      this.history.push(outcome === "success" && this.isSlow(this.settings.trip, took) ? "failure" : outcome)
      if (this.count("success") >= this.settings.successes) {
        this.closedAt = this.now
        this.enter("closed")
      } else if (this.settings.outOf - this.count("failure") < this.settings.successes) {
        this.open(hint)
      }
    }
  }

  isolate() {
    this.isolations++
    this.obey()
  }

  endIsolation() {
    this.isolations--
    this.obey()
  }

  setMode(mode: Machine.Mode) {
    this.mode = mode
    this.obey()
  }

  obey() {
    const automatic = ["closed", "open", "half_open"]
    const wanted = this.isolations > 0 ? "isolated" : this.mode === "automatic" ? "closed" : this.mode
    if (wanted === this.state || (wanted === "closed" && automatic.includes(this.state))) return
    this.forget()
    this.enter(wanted)
  }

  reconfigure(settings: Machine.Settings) {
    const before = this.settings
    const wasFull = this.isFull()
    this.settings = settings
    const isHalfOpen = this.state === "half_open"
    if (JSON.stringify(before.trip) !== JSON.stringify(settings.trip) && !isHalfOpen) this.restart(this.state)
    if (before.successes !== settings.successes || before.outOf !== settings.outOf) this.history = []
    if (isHalfOpen && !wasFull && this.isFull()) this.lastAdmission = this.now
  }

  reset() {
    this.forget()
    if (this.state === "open" || this.state === "half_open") this.enter("closed")
    else this.restart(this.state)
  }

  forget() {
    this.openings = 0
    this.closedAt = undefined
  }
}
