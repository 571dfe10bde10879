/** How much retrying a client allows itself. Pure: calls and instants in, permission out. */

export type Rule =
  | { readonly kind: "tokens"; readonly max: number; readonly ratio: number }
  | { readonly kind: "window"; readonly percent: number; readonly minPerSecond: number; readonly timeToLive: number }
  | { readonly kind: "in_flight"; readonly ratio: number; readonly minimum: number }

/** What one budget remembers. Every `call` is followed by one `end`, every granted `retry` by one `retryEnd`. */
export interface Ledger {
  call(now: number): void
  end(): void
  succeeded(): void
  failed(): void
  /** Whether one more attempt may be made. One that may is counted at once, also while it waits. */
  retry(now: number): boolean
  retryEnd(): void
  /** How many retries would be allowed now, if nothing else happened. */
  left(now: number): number
}

/** gRPC: every failure costs a token, every success earns a part of one, and half a bucket is the end of retrying. */
class Tokens implements Ledger {
  // In thousandths, so that 0.1 added ten times is 1.
  readonly #max: number
  readonly #ratio: number
  #tokens: number

  constructor(max: number, ratio: number) {
    this.#max = Math.round(max * 1000)
    this.#ratio = Math.round(ratio * 1000)
    this.#tokens = this.#max
  }

  call(): void {}
  end(): void {}
  retryEnd(): void {}

  succeeded(): void {
    this.#tokens = Math.min(this.#max, this.#tokens + this.#ratio)
  }

  failed(): void {
    this.#tokens = Math.max(0, this.#tokens - 1000)
  }

  retry(): boolean {
    return this.#tokens > this.#max / 2
  }

  left(): number {
    return Math.max(0, Math.ceil((this.#tokens - this.#max / 2) / 1000))
  }
}

const slots = 10

/** Finagle: every call deposits, a retry costs several deposits, and what nobody spends expires. */
class Deposits implements Ledger {
  readonly #cost: number
  readonly #reserve: number
  readonly #length: number
  readonly #balance: Array<number> = Array.from({ length: slots }, () => 0)
  #sum = 0
  #slot = -Infinity

  constructor(percent: number, minPerSecond: number, timeToLive: number) {
    this.#cost = 1 / percent
    this.#reserve = (minPerSecond * timeToLive) / 1000 / percent
    this.#length = timeToLive / slots
  }

  end(): void {}
  succeeded(): void {}
  failed(): void {}
  retryEnd(): void {}

  call(now: number): void {
    this.#advance(now)
    this.#add(1)
  }

  retry(now: number): boolean {
    this.#advance(now)
    // A deposit is worth a fraction that a double cannot always hold exactly.
    if (this.#sum + this.#reserve < this.#cost - 1e-9) return false
    this.#add(-this.#cost)
    return true
  }

  left(now: number): number {
    this.#advance(now)
    return Math.max(0, Math.floor((this.#sum + this.#reserve + 1e-9) / this.#cost))
  }

  #advance(now: number): void {
    const slot = Math.floor(now / this.#length)
    const expired = Math.min(slots, slot - this.#slot)
    if (!(expired > 0)) return
    this.#slot = slot
    for (let i = 0; i < expired; i++) {
      const at = (slot + slots - i) % slots
      this.#sum -= this.#balance[at]!
      this.#balance[at] = 0
    }
  }

  #add(amount: number): void {
    this.#balance[this.#slot % slots]! += amount
    this.#sum += amount
  }
}

/** Envoy: retries may be a share of what is running, those that wait included. It needs no clock. */
class InFlight implements Ledger {
  readonly #ratio: number
  readonly #minimum: number
  #running = 0
  #retries = 0

  constructor(ratio: number, minimum: number) {
    this.#ratio = ratio
    this.#minimum = minimum
  }

  succeeded(): void {}
  failed(): void {}

  call(): void {
    this.#running++
  }

  end(): void {
    this.#running--
  }

  retry(): boolean {
    if (!this.#allows(this.#retries)) return false
    this.#retries++
    return true
  }

  retryEnd(): void {
    this.#retries--
  }

  left(): number {
    let more = 0
    while (more < 1e6 && this.#allows(this.#retries + more)) more++
    return more
  }

  #allows(retries: number): boolean {
    return retries < this.#minimum || retries / (this.#running + retries) <= this.#ratio
  }
}

export const open = (rule: Rule): Ledger => {
  switch (rule.kind) {
    case "tokens":
      return new Tokens(rule.max, rule.ratio)
    case "window":
      return new Deposits(rule.percent, rule.minPerSecond, rule.timeToLive)
    case "in_flight":
      return new InFlight(rule.ratio, rule.minimum)
  }
}
