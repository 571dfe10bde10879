import { crc32c, finish, initial, step } from "./crc32c.ts"

/*
 * All numbers are big endian.
 *
 * segment header (32): magic 8 | version u16 | reserved u16 | created u64 ms | first sequence u64 | CRC32C u32
 * record header  (30): payload length u32 | CRC32C u32 | flags u16 | sequence u64 | items u32 | enqueued u64 ms
 *
 * The record's checksum covers everything after itself, so not the length. That is what lets a damaged length be found
 * again: it is the one with which the checksum holds and after which the next record begins.
 */

export const version = 1
export const segmentHeaderSize = 32
export const recordHeaderSize = 30
export const maxPayload = 0xffffffff - recordHeaderSize

const magic = [0x48, 0x46, 0x53, 0x50, 0x4f, 0x4f, 0x4c, 0x0a]
/** The low byte of the flags is the caller's; the high byte is for later formats, which this one must not misread. */
const unknownFlags = 0xff00

/** What a segment says about one record, without its payload. */
export interface Entry {
  readonly sequence: number
  /** How many spans, points or log records the payload holds, as the caller counted them. */
  readonly items: number
  /** Wall clock, milliseconds since 1970. */
  readonly enqueuedAt: number
  /** The caller's own byte. */
  readonly kind: number
  /** Where the payload starts in the segment. */
  readonly offset: number
  readonly length: number
}

export interface Scan {
  /**
   * `ok`; `torn`: cut off while it was written; `damaged`: its checksum fails, the records are read all the same;
   * `newer`: written by a later version, nothing was read.
   */
  readonly header: "ok" | "torn" | "damaged" | "newer"
  readonly entries: ReadonlyArray<Entry>
  /** Records that are there and cannot be read. */
  readonly corrupted: number
  /** Whether the last record was cut off while it was written. It was never acknowledged to the writer, so it is no loss. */
  readonly torn: boolean
  /** Bytes up to and including the last whole record. */
  readonly end: number
  /** The sequence after the last record that is known to have been here. */
  readonly next: number
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const setSafe = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, Math.floor(value / 0x100000000))
  view.setUint32(at + 4, value >>> 0)
}

const getSafe = (view: DataView, at: number): number => view.getUint32(at) * 0x100000000 + view.getUint32(at + 4)

export const encodeHeader = (options: { readonly created: number; readonly first: number }): Uint8Array => {
  const bytes = new Uint8Array(segmentHeaderSize)
  const view = viewOf(bytes)
  bytes.set(magic)
  view.setUint16(8, version)
  setSafe(view, 12, options.created)
  setSafe(view, 20, options.first)
  view.setUint32(28, crc32c(bytes, 0, 28))
  return bytes
}

export const encodeRecord = (
  entry: Pick<Entry, "sequence" | "items" | "enqueuedAt" | "kind">,
  payload: Uint8Array
): Uint8Array => {
  const bytes = new Uint8Array(recordHeaderSize + payload.length)
  const view = viewOf(bytes)
  view.setUint32(0, payload.length)
  view.setUint16(8, entry.kind)
  setSafe(view, 10, entry.sequence)
  view.setUint32(18, entry.items)
  setSafe(view, 22, entry.enqueuedAt)
  bytes.set(payload, recordHeaderSize)
  view.setUint32(4, crc32c(bytes, 8))
  return bytes
}

/** Whether the bytes of one record, header included, are still what was written. */
export const isIntact = (bytes: Uint8Array, entry: Entry): boolean => {
  if (bytes.length !== recordHeaderSize + entry.length) return false
  const view = viewOf(bytes)
  return getSafe(view, 10) === entry.sequence && view.getUint32(4) === crc32c(bytes, 8)
}

const headerOf = (bytes: Uint8Array, view: DataView): Scan["header"] => {
  if (bytes.length < segmentHeaderSize) return "torn"
  if (bytes.every((byte) => byte === 0)) return "torn"
  if (view.getUint32(28) !== crc32c(bytes, 0, 28) || magic.some((byte, at) => bytes[at] !== byte)) return "damaged"
  return view.getUint16(8) > version ? "newer" : "ok"
}

/**
 * Reads a segment as far as it can be read. Total: any bytes give an answer. `first` is the sequence the segment was
 * named after; `owed` tells how many records of `[from, to)` are not done, because losing one that is done is no loss.
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

  /** Whether a record with this sequence, or the end of the segment, begins here. */
  const begins = (at: number, sequence: number): boolean =>
    size - at < recordHeaderSize || getSafe(view, at + 10) === sequence

  /** The length with which the checksum of the record at `at` holds, if its own is damaged. */
  const healed = (at: number, sequence: number): number | undefined => {
    if (getSafe(view, at + 10) !== sequence) return undefined
    const stored = view.getUint32(at + 4)
    let state = initial
    let to = at + 8
    while (to < at + recordHeaderSize) state = step(state, bytes[to++]!)
    for (;;) {
      if (finish(state) === stored && begins(to, sequence + 1)) return to - at - recordHeaderSize
      if (to >= size) return undefined
      state = step(state, bytes[to++]!)
    }
  }

  let at = segmentHeaderSize
  let next = first
  let corrupted = 0
  let torn = false
  let end = at
  while (at < size) {
    if (size - at < recordHeaderSize) {
      torn = true
      break
    }
    let length = view.getUint32(at)
    let to = at + recordHeaderSize + length
    let intact = to <= size && view.getUint32(at + 4) === crc32c(bytes, at + 8, to)
    const bodyDamaged = !intact && size - to >= recordHeaderSize && getSafe(view, to + 10) === next + 1
    if (!intact && !bodyDamaged) {
      const found = healed(at, next)
      if (found !== undefined) {
        length = found
        to = at + recordHeaderSize + length
        intact = true
      }
    }
    if (intact) {
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
          length
        })
      }
      at = to
      end = to
      continue
    }
    if (to <= size && begins(to, next + 1)) {
      corrupted += owed(next, next + 1)
      next++
      at = to
      end = to
      continue
    }
    // The rest cannot be read. A record that claims more bytes than there are, or a tail of zeros that the file system
    // left after a power cut, was being written; anything else was there once.
    torn = to > size || isZero(bytes, at)
    if (!torn) {
      corrupted += owed(next, next + 1)
      next++
    }
    break
  }
  return { header, entries, corrupted, torn, end, next }
}

const isZero = (bytes: Uint8Array, from: number): boolean => {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] !== 0) return false
  }
  return true
}
