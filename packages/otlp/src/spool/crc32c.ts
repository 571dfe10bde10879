const polynomial = 0x82f63b78
const lanes = 8

const makeTables = (): Uint32Array => {
  const tables = new Uint32Array(lanes * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    tables[byte] = crc >>> 0
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let lane = 1; lane < lanes; lane++) {
      const previous = tables[(lane - 1) * 256 + byte]!
      tables[lane * 256 + byte] = ((previous >>> 8) ^ tables[previous & 0xff]!) >>> 0
    }
  }
  return tables
}

const tables = makeTables()

/** The state of a checksum over no bytes yet. */
export const initial = 0xffffffff

/** The state after one more byte. */
export const step = (state: number, byte: number): number => (state >>> 8) ^ tables[(state ^ byte) & 0xff]!

/** The checksum of the bytes that led to this state. */
export const finish = (state: number): number => (state ^ 0xffffffff) >>> 0

/**
 * CRC-32C (Castagnoli) of `bytes[start, end)`. Eight bytes a turn: a checksum guards every record on the way to the disk
 * and back, so it must not be the slow part.
 */
export const crc32c = (bytes: Uint8Array, start = 0, end = bytes.length): number => {
  const t = tables
  let crc = initial
  let at = start
  for (const stop = end - 7; at < stop; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    crc =
      t[1792 + (low & 0xff)]! ^
      t[1536 + ((low >>> 8) & 0xff)]! ^
      t[1280 + ((low >>> 16) & 0xff)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = step(crc, bytes[at]!)
  return finish(crc)
}
