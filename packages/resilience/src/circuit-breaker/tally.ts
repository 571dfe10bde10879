/** What a closed circuit remembers, by rule. */
import { RateTally } from "./rateTally.ts"
import { describeRule, type Rule } from "./rule.ts"
import type { CustomOptions } from "./trip.ts"
import type { Totals } from "./window.ts"

/** Why a circuit opened: the kind of the rule, or the name of a custom one. */
export type TripReason = string

/** How one rule stands. */
export interface Standing extends Totals {
  /** The rule in a few words. */
  readonly rule: string
}

export interface Tally {
  /** Whether a call must be dated when it ends. */
  readonly dated: boolean
  /** Whether a call must be dated when it starts. */
  readonly measured: boolean
  /** Whether calls that are still running can open the circuit. */
  readonly watches: boolean
  /** How many lists it saves. */
  readonly lists: number
  /** A call was let through. Asked for only if it `watches`. */
  start(now: number): void
  /** A call ended and says something. Gives why that opens the circuit, if it does. */
  record(isFailure: boolean, startedAt: number, now: number): TripReason | undefined
  /** A call ended and says nothing. Asked for only if it `watches`. */
  ignore(startedAt: number, now: number): void
  /** The first instant up to now at which running calls opened the circuit. */
  overdue(now: number): number | undefined
  clear(): void
  standing(now: number): ReadonlyArray<Standing>
  save(now: number): ReadonlyArray<ReadonlyArray<number>>
  /** Whether it can have saved that. */
  fits(saved: ReadonlyArray<ReadonlyArray<number>>): boolean
  load(saved: ReadonlyArray<ReadonlyArray<number>>, now: number, age: number): void
}

const nothing = (): undefined => undefined

class ConsecutiveTally implements Tally {
  declare readonly dated: boolean
  declare readonly measured: boolean
  declare readonly watches: boolean
  declare readonly lists: number
  declare start: Tally["start"]
  declare ignore: Tally["ignore"]
  declare overdue: Tally["overdue"]
  readonly limit: number
  #row = 0

  constructor(limit: number) {
    this.limit = limit
  }

  record(isFailure: boolean): TripReason | undefined {
    if (isFailure) return ++this.#row >= this.limit ? "consecutive" : undefined
    this.#row = 0
    return undefined
  }

  clear(): void {
    this.#row = 0
  }

  standing(): ReadonlyArray<Standing> {
    const rule = describeRule({ kind: "consecutive", failures: this.limit })
    return [{ rule, calls: this.#row, failures: this.#row, slow: 0 }]
  }

  save(): ReadonlyArray<ReadonlyArray<number>> {
    // Where nothing may open the circuit the row goes on; elsewhere it would have.
    return [[Math.min(this.#row, this.limit - 1)]]
  }

  fits([row, ...others]: ReadonlyArray<ReadonlyArray<number>>): boolean {
    return row?.length === 1 && row[0]! < this.limit && others.length === 0
  }

  load([[row = 0] = []]: ReadonlyArray<ReadonlyArray<number>>): void {
    this.#row = row
  }
}

// On the prototype: a million circuits share one answer.
Object.assign(ConsecutiveTally.prototype, {
  dated: false,
  measured: false,
  watches: false,
  lists: 1,
  start: nothing,
  ignore: nothing,
  overdue: nothing
})

class AnyTally implements Tally {
  readonly tallies: ReadonlyArray<Tally>
  readonly dated: boolean
  readonly measured: boolean
  readonly watches: boolean
  readonly lists: number

  constructor(tallies: ReadonlyArray<Tally>) {
    this.tallies = tallies
    this.dated = tallies.some((tally) => tally.dated)
    this.measured = tallies.some((tally) => tally.measured)
    this.watches = tallies.some((tally) => tally.watches)
    this.lists = tallies.reduce((sum, tally) => sum + tally.lists, 0)
  }

  start(now: number): void {
    for (const tally of this.tallies) tally.start(now)
  }

  ignore(startedAt: number, now: number): void {
    for (const tally of this.tallies) tally.ignore(startedAt, now)
  }

  record(isFailure: boolean, startedAt: number, now: number): TripReason | undefined {
    let reason: TripReason | undefined
    // Every rule sees every call, also after one of them has decided.
    for (const tally of this.tallies) {
      const own = tally.record(isFailure, startedAt, now)
      reason ??= own
    }
    return reason
  }

  overdue(now: number): number | undefined {
    let first: number | undefined
    for (const tally of this.tallies) {
      const at = tally.overdue(now)
      if (at !== undefined && (first === undefined || at < first)) first = at
    }
    return first
  }

  clear(): void {
    for (const tally of this.tallies) tally.clear()
  }

  standing(now: number): ReadonlyArray<Standing> {
    return this.tallies.flatMap((tally) => tally.standing(now))
  }

  save(now: number): ReadonlyArray<ReadonlyArray<number>> {
    return this.tallies.flatMap((tally) => tally.save(now))
  }

  fits(saved: ReadonlyArray<ReadonlyArray<number>>): boolean {
    const each = this.#each(saved)
    return saved.length === this.lists && this.tallies.every((tally, i) => tally.fits(each[i]!))
  }

  load(saved: ReadonlyArray<ReadonlyArray<number>>, now: number, age: number): void {
    const each = this.#each(saved)
    for (const [i, tally] of this.tallies.entries()) tally.load(each[i]!, now, age)
  }

  /** What of it is whose. */
  #each(saved: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>> {
    let at = 0
    return this.tallies.map((tally) => saved.slice(at, (at += tally.lists)))
  }
}

/** A rule of the application's own. It may throw; whoever records sees that. */
class CustomTally implements Tally {
  readonly dated = true
  readonly measured = true
  readonly watches = false
  readonly lists = 0
  readonly name: string
  readonly #memory: ReturnType<CustomOptions["make"]>

  constructor(options: CustomOptions) {
    this.name = options.name
    this.#memory = options.make()
  }

  start(): void {}

  ignore(): void {}

  record(isFailure: boolean, startedAt: number, now: number): TripReason | undefined {
    return this.#memory.record({ failed: isFailure, duration: now - startedAt, at: now }) ? this.name : undefined
  }

  overdue(): undefined {}

  clear(): void {
    this.#memory.clear()
  }

  standing(): ReadonlyArray<Standing> {
    return []
  }

  save(): ReadonlyArray<ReadonlyArray<number>> {
    return []
  }

  fits(saved: ReadonlyArray<ReadonlyArray<number>>): boolean {
    return saved.length === 0
  }

  load(): void {}
}

export const tallyOf = (rule: Rule): Tally => {
  switch (rule.kind) {
    case "consecutive":
      return new ConsecutiveTally(rule.failures)
    case "failure_rate":
    case "slow_rate":
      return new RateTally(rule)
    case "any_of":
      return new AnyTally(rule.rules.map(tallyOf))
    case "custom":
      return new CustomTally(rule.options)
  }
}
