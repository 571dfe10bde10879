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
  /** `age`: the milliseconds that have passed since they were saved. */
  load(saved: ReadonlyArray<number>, now: number, age: number): void
}

/** Calls in one array element: two bits each, together still a small integer. */
const perWord = 15

/** The last `size` calls. Two bits per call, and only as many words as there were calls: most circuits see few. */
export class CountWindow implements Window {
  readonly dated = false
  readonly size: number
  calls = 0
  failures = 0
  slow = 0
  #next = 0
  #words: Array<number> = []

  constructor(size: number) {
    this.size = size
  }

  record(bits: number): void {
    const word = Math.trunc(this.#next / perWord)
    const shift = (this.#next % perWord) * 2
    const before = this.#words[word] ?? 0
    if (this.calls < this.size) {
      this.calls++
    } else {
      const gone = (before >>> shift) & 3
      this.failures -= gone & failed
      this.slow -= gone >> 1
    }
    // Grown word by word: what grows by itself grows by sixteen at once, and most circuits never need a second.
    if (word === this.#words.length) this.#words = this.#words.concat(0)
    this.#words[word] = (before & ~(3 << shift)) | (bits << shift)
    this.failures += bits & failed
    this.slow += bits >> 1
    this.#next = this.#next + 1 === this.size ? 0 : this.#next + 1
  }

  advance(): void {}

  clear(): void {
    this.calls = this.failures = this.slow = this.#next = 0
    this.#words = []
  }

  save(): ReadonlyArray<number> {
    const oldest = this.calls < this.size ? 0 : this.#next
    return Array.from({ length: this.calls }, (_, i) => {
      const at = (oldest + i) % this.size
      return (this.#words[Math.trunc(at / perWord)]! >>> ((at % perWord) * 2)) & 3
    })
  }

  load(saved: ReadonlyArray<number>): void {
    this.clear()
    for (const bits of saved) this.record(bits & 3)
  }
}

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
