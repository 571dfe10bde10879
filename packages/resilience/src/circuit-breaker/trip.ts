/** When a closed circuit opens. Each rule is a value (what the user writes) and a tally (what one circuit remembers). */

/** Opens at the n-th failure in a row. Only a success starts the row again; an ignored outcome does not. */
export interface Consecutive {
  readonly kind: "consecutive"
  readonly failures: number
}

export type Trip = Consecutive

/** What a closed circuit remembers of the outcomes it has seen. */
export interface Tally {
  success(): void
  /** Whether this failure opens the circuit. */
  failure(): boolean
  clear(): void
}

class ConsecutiveTally implements Tally {
  readonly limit: number
  #row = 0

  constructor(limit: number) {
    this.limit = limit
  }

  success(): void {
    this.#row = 0
  }

  failure(): boolean {
    return ++this.#row >= this.limit
  }

  clear(): void {
    this.#row = 0
  }
}

export const tallyOf = (trip: Trip): Tally => new ConsecutiveTally(trip.failures)
