/** What a closed circuit remembers under a rate, of failures or of slow calls. */
import { describeRule, type Rule, type WindowRule } from "./rule.ts"
import type { Standing, Tally, TripReason } from "./tally.ts"
import { CountWindow, failed, slow, TimeWindow, type Window } from "./window.ts"

const makeWindow = (rule: WindowRule): Window =>
  rule.kind === "count" ? new CountWindow(rule.size) : new TimeWindow(rule.length)

type RateRule = Extract<Rule, { readonly kind: "failure_rate" | "slow_rate" }>

/** Calls that have not ended yet. */
interface Running {
  /** Starts of those that are not slow yet, with how many share the instant; in order of time. */
  readonly since: Map<number, number>
  /** How many are slow already. Counted beside the window until they end, so that no call counts twice. */
  overdue: number
}

export class RateTally implements Tally {
  readonly rule: RateRule
  readonly window: Window
  /** Kept only by a rule that watches them. Nothing if none runs, as in most circuits; of a single call its start. */
  #running: Running | number | undefined = undefined

  constructor(rule: RateRule) {
    this.rule = rule
    this.window = makeWindow(rule.window)
  }

  get watches(): boolean {
    return this.rule.kind === "slow_rate" && this.rule.inFlight
  }

  get measured(): boolean {
    return this.rule.kind === "slow_rate"
  }

  get lists(): number {
    return 1
  }

  get dated(): boolean {
    return this.window.dated || this.rule.kind === "slow_rate"
  }

  get #overdue(): number {
    return typeof this.#running === "object" ? this.#running.overdue : 0
  }

  start(now: number): void {
    if (!this.watches) return
    if (this.#running === undefined) {
      this.#running = now
      return
    }
    const { since } = this.#several(this.#running)
    since.set(now, (since.get(now) ?? 0) + 1)
  }

  ignore(startedAt: number, now: number): void {
    const running = this.#running
    if (typeof running === "object") {
      const { since } = running
      if (this.#isSlow(startedAt, now)) {
        running.overdue--
      } else {
        const others = since.get(startedAt)! - 1
        if (others > 0) since.set(startedAt, others)
        else since.delete(startedAt)
      }
      if (running.overdue > 0 || since.size > 0) return
    }
    this.#running = undefined
  }

  record(isFailure: boolean, startedAt: number, now: number): TripReason | undefined {
    const { rule, window } = this
    this.ignore(startedAt, now)
    const isSlow = rule.kind === "slow_rate" && this.#isSlow(startedAt, now)
    window.record((isFailure ? failed : 0) | (isSlow ? slow : 0), now)
    // Only a call that speaks against the dependency can open its circuit; a window without any never does.
    if (rule.kind === "slow_rate") return isSlow ? this.#verdict(window.slow + this.#overdue) : undefined
    return isFailure ? this.#verdict(window.failures) : undefined
  }

  overdue(now: number): number | undefined {
    const { rule } = this
    const first = this.#running
    if (first === undefined || rule.kind !== "slow_rate") return undefined
    if (typeof first === "number" && !this.#isSlow(first, now)) return undefined
    const running = this.#several(first)
    for (const [startedAt, calls] of running.since) {
      if (!this.#isSlow(startedAt, now)) return undefined
      running.since.delete(startedAt)
      running.overdue += calls
      const dueAt = startedAt + rule.slowerThan
      this.window.advance(dueAt)
      if (this.#verdict(this.window.slow + running.overdue) !== undefined) return dueAt
    }
    return undefined
  }

  #several(running: Running | number): Running {
    return typeof running === "object" ? running : (this.#running = { since: new Map([[running, 1]]), overdue: 0 })
  }

  #isSlow(startedAt: number, now: number): boolean {
    return this.rule.kind === "slow_rate" && now - startedAt > this.rule.slowerThan
  }

  #verdict(against: number): TripReason | undefined {
    const { kind, minimumCalls, threshold } = this.rule
    const calls = this.window.calls + this.#overdue
    return calls >= minimumCalls && against / calls >= threshold ? kind : undefined
  }

  clear(): void {
    this.window.clear()
    this.#running = undefined
  }

  standing(now: number): ReadonlyArray<Standing> {
    this.window.advance(now)
    const { calls, failures, slow } = this.window
    return [{ rule: describeRule(this.rule), calls: calls + this.#overdue, failures, slow: slow + this.#overdue }]
  }

  save(now: number): ReadonlyArray<ReadonlyArray<number>> {
    return [this.window.save(now)]
  }

  fits([counts, ...others]: ReadonlyArray<ReadonlyArray<number>>): boolean {
    return counts !== undefined && this.window.fits(counts) && others.length === 0
  }

  load(saved: ReadonlyArray<ReadonlyArray<number>>, now: number, age: number): void {
    this.clear()
    this.window.load(saved[0] ?? [], now, age)
  }
}
