import * as Ranges from "./ranges.ts"
import type { Entry } from "./record.ts"

/** One file of the log. */
export interface Segment {
  readonly first: number
  readonly path: string
  /** Oldest first. */
  readonly entries: Array<Entry>
  /** How many of the oldest entries are done. */
  head: number
  bytes: number
}

/**
 * Which records there are, which are out for delivery, which are done. Plain bookkeeping: no clock, no disk. The spool
 * changes it only while it holds its lock, and only after the disk has agreed.
 */
export interface Ledger {
  readonly segments: Array<Segment>
  /** Out for delivery. */
  readonly taken: Set<number>
  /** Given back: below `untaken`, and to be taken again before anything else. */
  readonly released: Ranges.Ranges
  /** Every record below this one is taken, done or released, so that a search need not begin at the oldest. */
  untaken: number
  /** Done out of order: behind the oldest record that is not done. */
  readonly done: Ranges.Ranges
  /** Every record up to this one is done. */
  cursor: number
  /** The sequence of the next record. */
  next: number
  records: number
  items: number
  bytes: number
}

export const empty = (cursor: number): Ledger => ({
  segments: [],
  taken: new Set(),
  released: [],
  untaken: 0,
  done: [],
  cursor,
  next: cursor + 1,
  records: 0,
  items: 0,
  bytes: 0
})

export const isDone = (ledger: Ledger, sequence: number): boolean =>
  sequence <= ledger.cursor || Ranges.has(ledger.done, sequence)

/** How many records of `[from, to)` are not done: what is lost when they are. */
export const owed = (ledger: Ledger, from: number, to: number): number => {
  const start = Math.max(from, ledger.cursor + 1)
  return Math.max(0, to - start) - Ranges.countWithin(ledger.done, start, to)
}

/** Adds a segment, records it already holds included, behind the others. */
export const addSegment = (
  ledger: Ledger,
  segment: { readonly first: number; readonly path: string; readonly entries: Array<Entry>; readonly bytes: number }
): Segment => {
  const added: Segment = { ...segment, head: 0 }
  ledger.segments.push(added)
  ledger.bytes += added.bytes
  for (const entry of added.entries) {
    if (isDone(ledger, entry.sequence)) continue
    ledger.records++
    ledger.items += entry.items
  }
  advance(ledger, added)
  return added
}

export const append = (ledger: Ledger, segment: Segment, entry: Entry, bytes: number): void => {
  segment.entries.push(entry)
  segment.bytes += bytes
  ledger.bytes += bytes
  ledger.records++
  ledger.items += entry.items
  ledger.next = entry.sequence + 1
}

export interface Found {
  readonly segment: Segment
  readonly entry: Entry
}

/** The oldest record that is neither done nor, unless asked for, out for delivery. */
export const oldest = (ledger: Ledger, options: { readonly taken: boolean }): Found | undefined => {
  if (!options.taken) {
    for (let first = ledger.released[0]; first !== undefined; first = ledger.released[0]) {
      const found = ledger.taken.has(first[0]) ? undefined : find(ledger, first[0])
      if (found !== undefined) return found
      Ranges.dropThrough(ledger.released, first[0])
    }
  }
  const from = options.taken ? 0 : ledger.untaken
  for (const segment of ledger.segments) {
    for (let at = Math.max(segment.head, positionOf(segment, from)); at < segment.entries.length; at++) {
      const entry = segment.entries[at]!
      if (isDone(ledger, entry.sequence)) continue
      if (options.taken || !ledger.taken.has(entry.sequence)) {
        if (!options.taken) ledger.untaken = entry.sequence
        return { segment, entry }
      }
    }
  }
  return undefined
}

/** Gives a taken record back: it goes before all that were never taken. */
export const release = (ledger: Ledger, sequence: number): void => {
  if (ledger.taken.delete(sequence)) Ranges.add(ledger.released, sequence)
}

/** Where the first entry with this sequence or a later one is. */
const positionOf = (segment: Segment, sequence: number): number => {
  let low = segment.head
  let high = segment.entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (segment.entries[middle]!.sequence < sequence) low = middle + 1
    else high = middle
  }
  return low
}

/** The record with this sequence, unless it is done or was never here. */
export const find = (ledger: Ledger, sequence: number): Found | undefined => {
  if (isDone(ledger, sequence)) return undefined
  const segment = ledger.segments.findLast((candidate) => candidate.first <= sequence)
  if (segment === undefined) return undefined
  let low = segment.head
  let high = segment.entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (segment.entries[middle]!.sequence < sequence) low = middle + 1
    else high = middle
  }
  const entry = segment.entries[low]
  return entry?.sequence === sequence ? { segment, entry } : undefined
}

/** Marks a record done. Returns it, or `undefined` when there was nothing to do. */
export const complete = (ledger: Ledger, sequence: number): Entry | undefined => {
  const found = find(ledger, sequence)
  if (found === undefined) return undefined
  Ranges.add(ledger.done, sequence)
  ledger.taken.delete(sequence)
  ledger.records--
  ledger.items -= found.entry.items
  advance(ledger, found.segment)
  moveCursor(ledger)
  return found.entry
}

/** Marks done whatever of a segment is not. Returns what was lost by that. */
export const evict = (ledger: Ledger, segment: Segment): { readonly records: number; readonly items: number } => {
  let records = 0
  let items = 0
  for (let at = segment.head; at < segment.entries.length; at++) {
    const entry = segment.entries[at]!
    if (isDone(ledger, entry.sequence)) continue
    records++
    items += entry.items
    Ranges.add(ledger.done, entry.sequence)
    ledger.taken.delete(entry.sequence)
  }
  ledger.records -= records
  ledger.items -= items
  advance(ledger, segment)
  moveCursor(ledger)
  return { records, items }
}

/** Takes a segment out of which all is done. */
export const drop = (ledger: Ledger, segment: Segment): void => {
  ledger.segments.splice(ledger.segments.indexOf(segment), 1)
  ledger.bytes -= segment.bytes
}

export const isFinished = (segment: Segment): boolean => segment.head === segment.entries.length

const advance = (ledger: Ledger, segment: Segment): void => {
  while (segment.head < segment.entries.length && isDone(ledger, segment.entries[segment.head]!.sequence)) {
    segment.head++
  }
}

/** Only once every segment is known: what is in none of them counts as done. */
export const moveCursor = (ledger: Ledger): void => {
  const first = oldest(ledger, { taken: true })
  ledger.cursor = Math.max(ledger.cursor, first === undefined ? ledger.next - 1 : first.entry.sequence - 1)
  Ranges.dropThrough(ledger.done, ledger.cursor)
}
