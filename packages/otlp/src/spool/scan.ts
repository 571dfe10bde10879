import { crc32c, finish, initial, step } from "./crc32c.ts"
import {
  type Entry,
  getSafe,
  headerOf,
  recordHeaderSize,
  type Scan,
  segmentHeaderSize,
  unknownFlags,
  viewOf
} from "./record.ts"

/** A record that can be read, found behind damage. */
interface Ahead {
  readonly at: number
  readonly sequence: number
}

/**
 * Reads a segment as far as it can be read. Total: any bytes give an answer. `first` is the sequence the segment was
 * named after; `owed` tells how many records of `[from, to)` are not done, because losing one that is done is no loss.
 *
 * Behind damage it goes on with the next record whose checksum holds, wherever that begins, and the sequences tell how
 * many are missing. Only where no such record follows it has to guess: a record that is all there counts as lost, one
 * that claims more bytes than there are is taken for torn, and with it whatever was behind.
 */
export const scan = (
  bytes: Uint8Array,
  first: number,
  owed: (from: number, to: number) => number = (from, to) => Math.max(0, to - from)
): Scan => {
  const view = viewOf(bytes)
  const size = bytes.length
  const entries: Array<Entry> = []
  const header = headerOf(bytes, view)
  if (header === "torn" || header === "newer") {
    return { header, entries, corrupted: 0, torn: header === "torn", end: 0, next: first }
  }

  const fits = (at: number): boolean => size - at >= recordHeaderSize
  const endOf = (at: number): number => at + recordHeaderSize + view.getUint32(at)
  const isIntactAt = (at: number): boolean => {
    const to = endOf(at)
    return to <= size && view.getUint32(at + 4) === crc32c(bytes, at + 8, to)
  }

  /** Whether a record with this sequence, or the end of the segment, begins here. */
  const begins = (at: number, sequence: number): boolean => !fits(at) || getSafe(view, at + 10) === sequence

  /** The length with which the checksum of the record at `at` holds, if its own is damaged. */
  const healed = (at: number, sequence: number, limit: number): number | undefined => {
    if (getSafe(view, at + 10) !== sequence) return undefined
    const stored = view.getUint32(at + 4)
    let state = initial
    let to = at + 8
    while (to < at + recordHeaderSize) state = step(state, bytes[to++]!)
    for (;;) {
      if (finish(state) === stored && begins(to, sequence + 1)) return to - at - recordHeaderSize
      if (to >= limit) return undefined
      state = step(state, bytes[to++]!)
    }
  }

  /** Bytes that may still be checked in search of a record, so that a payload full of headers cannot stop the program. */
  let patience = 16 * size + 65536
  /** The first record behind `at` that can be read. A segment has no gaps, so its sequence says how far it may be. */
  const findAhead = (at: number, next: number): Ahead | undefined => {
    for (let from = at + 1; fits(from) && patience > 0; from++) {
      const sequence = getSafe(view, from + 10)
      if (sequence < next || sequence - next > (from - at) / recordHeaderSize || endOf(from) > size) continue
      patience -= endOf(from) - from
      if (isIntactAt(from)) return { at: from, sequence }
    }
    return undefined
  }

  let at = segmentHeaderSize
  let next = first
  let corrupted = 0
  let torn = false
  let end = at
  /** Known since the last damage; `undefined` when nothing that can be read follows, `at: -1` before the first damage. */
  let ahead: Ahead | undefined = { at: -1, sequence: 0 }
  const lose = (to: number): void => {
    corrupted += owed(next, next + 1)
    next++
    at = to
    end = to
  }
  while (at < size) {
    if (!fits(at)) {
      torn = true
      break
    }
    let to = endOf(at)
    let intact = isIntactAt(at)
    if (!intact) {
      const follows = to <= size && fits(to) && getSafe(view, to + 10) === next + 1
      if (follows && isIntactAt(to)) {
        lose(to)
        continue
      }
      if (ahead !== undefined && ahead.at <= at) ahead = findAhead(at, next)
      if (!follows) {
        const length = healed(at, next, ahead?.at ?? size)
        if (length !== undefined) {
          to = at + recordHeaderSize + length
          intact = true
        }
      }
      if (!intact) {
        if (ahead !== undefined) {
          // Step by step while the sequences agree: the length of the next one may be all that is wrong with it.
          if (follows && to < ahead.at && next + 1 <= ahead.sequence) {
            lose(to)
            continue
          }
          corrupted += owed(next, ahead.sequence)
          next = ahead.sequence
          at = ahead.at
          continue
        }
        // A record that claims more bytes than there are, or a tail of zeros that the file system left after a power
        // cut, was being written; anything else was there once.
        torn = to > size || isZero(bytes, at)
        if (torn) break
        if (follows || !fits(to)) {
          lose(to)
          continue
        }
        lose(at)
        break
      }
    }
    const flags = view.getUint16(at + 8)
    if ((flags & unknownFlags) !== 0) return { header: "newer", entries: [], corrupted: 0, torn: false, end: 0, next }
    const sequence = getSafe(view, at + 10)
    if (sequence < next) {
      corrupted++
    } else {
      corrupted += owed(next, sequence)
      next = sequence + 1
      entries.push({
        sequence,
        items: view.getUint32(at + 18),
        enqueuedAt: getSafe(view, at + 22),
        kind: flags,
        offset: at + recordHeaderSize,
        length: to - at - recordHeaderSize
      })
    }
    at = to
    end = to
  }
  return { header, entries, corrupted, torn, end, next }
}

const isZero = (bytes: Uint8Array, from: number): boolean => {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] !== 0) return false
  }
  return true
}
