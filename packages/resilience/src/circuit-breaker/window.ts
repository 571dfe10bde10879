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
/** Calls, failures and slow calls of one bucket. */
const perBucket = 3

/**
 * The calls of the last `length` milliseconds, in ten buckets: it covers between nine and ten tenths of its length. A
 * clock that does not advance changes nothing; one that jumps empties it.
 */
export class TimeWindow implements Window {
  readonly dated = true
  readonly length: number
  calls = 0
  failures = 0
  slow = 0
  #slot = -Infinity
  #counts: Array<number> | undefined

  constructor(length: number) {
    this.length = length
  }

  record(bits: number, now: number): void {
    this.advance(now)
    this.#add(this.#slot, 1, bits & failed, bits >> 1)
  }

  advance(now: number): void {
    const slot = Math.floor((now * buckets) / this.length)
    if (slot <= this.#slot) return
    const counts = this.#counts
    // After a long idle time every bucket has expired, not one per call.
    const expired = Math.min(buckets, slot - this.#slot)
    this.#slot = slot
    if (counts === undefined || this.calls === 0) return
    for (let i = 0; i < expired; i++) {
      const at = ((slot - i) % buckets) * perBucket
      this.calls -= counts[at]!
      this.failures -= counts[at + 1]!
      this.slow -= counts[at + 2]!
      counts.fill(0, at, at + perBucket)
    }
  }

  clear(): void {
    this.calls = this.failures = this.slow = 0
    this.#counts = undefined
  }

  save(now: number): ReadonlyArray<number> {
    this.advance(now)
    const counts = this.#counts
    if (counts === undefined) return []
    return Array.from({ length: buckets }, (_, i) => ((this.#slot + 1 + i) % buckets) * perBucket).flatMap((at) =>
      counts.slice(at, at + perBucket)
    )
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
    this.clear()
    this.#slot = Math.floor((now * buckets) / this.length)
    // Whole buckets: what is restored leaves the window at most a tenth of its length late.
    const aged = Math.floor((age * buckets) / this.length)
    for (let i = Math.max(0, aged); i < buckets; i++) {
      const at = i * perBucket
      this.#add(this.#slot + 1 + i - aged, saved[at] ?? 0, saved[at + 1] ?? 0, saved[at + 2] ?? 0)
    }
  }

  #add(slot: number, calls: number, failures: number, slow: number): void {
    const counts = (this.#counts ??= Array.from({ length: buckets * perBucket }, () => 0))
    const at = (((slot % buckets) + buckets) % buckets) * perBucket
    counts[at]! += calls
    counts[at + 1]! += failures
    counts[at + 2]! += slow
    this.calls += calls
    this.failures += failures
    this.slow += slow
  }
}
