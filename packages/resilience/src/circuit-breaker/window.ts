/**
 * What a circuit remembers of its last calls: how many, how many failed, how many were slow. Totals are kept, so reading
 * is free; recording never allocates once the window is full.
 */

/** What is known of one recorded call, as two bits. */
export const failed = 1
export const slow = 2

export interface Totals {
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

export interface Window extends Totals {
  /** Whether it must be told the time of every call. */
  readonly dated: boolean
  record(bits: number, now: number): void
  /** Forgets what has left the window by now. */
  advance(now: number): void
  clear(): void
  /** Everything it remembers, oldest first, as plain numbers; {@link load} takes them back. */
  save(now: number): ReadonlyArray<number>
  /** Whether whole numbers of 0 or more can be what it has saved. */
  fits(saved: ReadonlyArray<number>): boolean
  /** `age`: the milliseconds that have passed since they were saved. */
  load(saved: ReadonlyArray<number>, now: number, age: number): void
}

/** Calls in one array element: two bits each, together still a small integer. */
const perWord = 15

/** The last `size` calls. Two bits per call, in one number until there are more: most circuits see few. */
export class CountWindow implements Window {
  declare readonly dated: boolean
  readonly size: number
  failures = 0
  slow = 0
  /** Calls so far; once the window is full, by whole windows fewer, so that it stays a small number. */
  #seen = 0
  #words: number | Array<number> = 0

  constructor(size: number) {
    this.size = size
  }

  get calls(): number {
    return Math.min(this.#seen, this.size)
  }

  record(bits: number): void {
    const next = this.#seen % this.size
    const word = Math.trunc(next / perWord)
    const shift = (next % perWord) * 2
    const before = this.#word(word)
    if (this.#seen >= this.size) {
      const gone = (before >>> shift) & 3
      this.failures -= gone & failed
      this.slow -= gone >> 1
    }
    const after = (before & ~(3 << shift)) | (bits << shift)
    if (typeof this.#words !== "number") {
      // Grown word by word: what grows by itself grows by sixteen at once.
      if (word === this.#words.length) this.#words = this.#words.concat(after)
      else this.#words[word] = after
    } else {
      this.#words = word === 0 ? after : [this.#words, after]
    }
    this.failures += bits & failed
    this.slow += bits >> 1
    this.#seen = this.#seen + 1 === 2 * this.size ? this.size : this.#seen + 1
  }

  advance(): void {}

  clear(): void {
    this.failures = this.slow = this.#seen = this.#words = 0
  }

  save(): ReadonlyArray<number> {
    const oldest = this.#seen < this.size ? 0 : this.#seen % this.size
    return Array.from({ length: this.calls }, (_, i) => {
      const at = (oldest + i) % this.size
      return (this.#word(Math.trunc(at / perWord)) >>> ((at % perWord) * 2)) & 3
    })
  }

  fits(saved: ReadonlyArray<number>): boolean {
    return saved.length <= this.size && saved.every((bits) => bits <= (failed | slow))
  }

  load(saved: ReadonlyArray<number>): void {
    this.clear()
    for (const bits of saved) this.record(bits & 3)
  }

  #word(at: number): number {
    return typeof this.#words === "number" ? (at === 0 ? this.#words : 0) : (this.#words[at] ?? 0)
  }
}

// On the prototype: a million circuits share one answer.
Object.assign(CountWindow.prototype, { dated: false })

const buckets = 10
/** Calls, failures and slow calls, as one bucket saves them. */
const perBucket = 3
/** The number of the bucket, and those. */
const perHeld = 4

const none: ReadonlyArray<number> = []

/**
 * The calls of the last `length` milliseconds, in ten buckets: it covers between nine and ten tenths of its length. A
 * clock that does not advance changes nothing; one that jumps empties it.
 */
export class TimeWindow implements Window {
  declare readonly dated: boolean
  readonly length: number
  calls = 0
  failures = 0
  slow = 0
  #slot = 0
  /** The buckets before the newest that have calls, oldest first. What the totals hold beside them is the newest. */
  #older: ReadonlyArray<number> = none

  constructor(length: number) {
    this.length = length
  }

  record(bits: number, now: number): void {
    this.advance(now)
    this.calls++
    this.failures += bits & failed
    this.slow += bits >> 1
  }

  advance(now: number): void {
    const slot = this.#slotOf(now)
    if (slot > this.#slot) this.#hold(slot, this.calls === 0 ? none : this.#held())
  }

  clear(): void {
    this.calls = this.failures = this.slow = 0
    this.#older = none
  }

  save(now: number): ReadonlyArray<number> {
    this.advance(now)
    if (this.calls === 0) return []
    const saved = Array.from({ length: buckets * perBucket }, () => 0)
    const held = this.#held()
    for (let i = 0; i < held.length; i += perHeld) {
      const at = (held[i]! - this.#slot + buckets - 1) * perBucket
      for (let n = 0; n < perBucket; n++) saved[at + n] = held[i + 1 + n]!
    }
    return saved
  }

  fits(saved: ReadonlyArray<number>): boolean {
    if (saved.length === 0) return true
    return (
      saved.length === buckets * perBucket &&
      // Neither failures nor slow calls are more than the calls of their bucket.
      saved.every((count, at) => count <= saved[at - (at % perBucket)]!)
    )
  }

  load(saved: ReadonlyArray<number>, now: number, age: number): void {
    const slot = this.#slotOf(now)
    // Whole buckets: what is restored leaves the window at most a tenth of its length late.
    const oldest = slot - buckets + 1 - Math.floor((age * buckets) / this.length)
    const held = Array.from({ length: saved.length / perBucket }, (_, i) => [
      oldest + i,
      ...saved.slice(i * perBucket, (i + 1) * perBucket)
    ])
    this.#hold(slot, held.flat())
  }

  #slotOf(now: number): number {
    return Math.floor((now * buckets) / this.length)
  }

  /** Every bucket, the newest included. */
  #held(): ReadonlyArray<number> {
    const older = this.#older
    let { calls, failures, slow } = this
    for (let i = 0; i < older.length; i += perHeld) {
      calls -= older[i + 1]!
      failures -= older[i + 2]!
      slow -= older[i + 3]!
    }
    return older.concat(this.#slot, calls, failures, slow)
  }

  /** Holds these buckets, as far as they have calls and are in the window whose newest is `slot`. */
  #hold(slot: number, held: ReadonlyArray<number>): void {
    this.clear()
    this.#slot = slot
    for (let i = 0; i < held.length; i += perHeld) {
      const calls = held[i + 1]!
      if (calls === 0 || held[i]! <= slot - buckets) continue
      this.calls += calls
      this.failures += held[i + 2]!
      this.slow += held[i + 3]!
      // Grown bucket by bucket: what grows by itself grows by sixteen numbers at once.
      if (held[i]! < slot) this.#older = this.#older.concat(held.slice(i, i + perHeld))
    }
  }
}

// On the prototype: a million circuits share one answer.
Object.assign(TimeWindow.prototype, { dated: true })
