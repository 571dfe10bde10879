/**
 * How things are measured here: every case in processes of its own, warmed up, in samples of at least 20 ms, the median of
 * the samples and then the median of the processes. Machines are noisy: read ratios, not nanoseconds.
 */

/** Runs the operation `n` times. */
export type Run = (n: number) => void | Promise<void>

export interface Case {
  /** What is measured; the row of the table. */
  readonly name: string
  /** Rows of one group are compared with each other; the first row of a group is the measure of the others. */
  readonly group: string
  /** Whether the rows that follow in the group are compared with this one. */
  readonly measure?: boolean
  /** Made in the process that measures, once. */
  readonly make: () => Run | Promise<Run>
  /** Whether the bytes of the row are those that one operation keeps, measured after a collection. */
  readonly kept?: boolean
}

/** Repeats a synchronous operation. */
export const sync =
  (operation: () => unknown): Run =>
  (n) => {
    for (let i = 0; i < n; i++) operation()
  }

export interface Measured {
  readonly name: string
  readonly group: string
  /** Nanoseconds for one operation, median. */
  readonly ns: number
  /** The fastest sample. */
  readonly best: number
  /** Bytes allocated by one operation. */
  readonly bytes: number
}

/** What a hundred operations leave armed or attached when all of them are over. */
export interface LeftBehind {
  readonly timers: number
  readonly listeners: number
}
