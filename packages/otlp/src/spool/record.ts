import { crc32c } from "./crc32c.ts"

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
export const unknownFlags = 0xff00

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

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const setSafe = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, Math.floor(value / 0x100000000))
  view.setUint32(at + 4, value >>> 0)
}

export const getSafe = (view: DataView, at: number): number => view.getUint32(at) * 0x100000000 + view.getUint32(at + 4)

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

/** What the first bytes of a segment say about it. */
export const headerOf = (bytes: Uint8Array, view: DataView): Scan["header"] => {
  if (bytes.length < segmentHeaderSize) return "torn"
  if (bytes.every((byte) => byte === 0)) return "torn"
  if (view.getUint32(28) !== crc32c(bytes, 0, 28) || magic.some((byte, at) => bytes[at] !== byte)) return "damaged"
  return view.getUint16(8) > version ? "newer" : "ok"
}
