/**
 * As much of the protobuf wire format as six small messages need: varints and length-delimited fields. A library for that
 * would weigh more than the messages.
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: false })

// oxlint-disable-next-line no-control-regex
const ascii = /^[\x00-\x7f]*$/

/** Collects the fields of one message. Fields of their default value are left out, as proto3 wants it. */
export class Writer {
  #bytes = new Uint8Array(512)
  #length = 0

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more))
    larger.set(this.#bytes)
    this.#bytes = larger
  }

  #varint(value: number): void {
    this.#reserve(10)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  /** A whole number from 0 to 2^53. */
  int(field: number, value: number): this {
    if (value === 0) return this
    this.#varint(field * 8)
    this.#varint(value)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + 2)
    this.#varint(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  text(field: number, value: string): this {
    if (value === "") return this
    // Most texts are short and plain: they are copied faster than they are encoded.
    if (value.length > 128 || !ascii.test(value)) return this.bytes(field, encoder.encode(value))
    this.#varint(field * 8 + 2)
    this.#varint(value.length)
    this.#reserve(value.length)
    for (let i = 0; i < value.length; i++) this.#bytes[this.#length++] = value.charCodeAt(i)
    return this
  }

  message(field: number, write: (writer: Writer) => void): this {
    this.#varint(field * 8 + 2)
    const start = this.#length
    write(this)
    const size = this.#length - start
    // The length goes in front, and is known only now: the body makes room for it.
    this.#varint(size)
    const width = this.#length - start - size
    this.#bytes.copyWithin(start + width, start, start + size)
    this.#length = start
    this.#varint(size)
    this.#length = start + width + size
    return this
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** The bytes of one message. */
export const message = (write: (writer: Writer) => void): Uint8Array => {
  const writer = new Writer()
  write(writer)
  return writer.finish()
}

/** One field of a message: a number, or the bytes of a text or of another message. */
export interface Field {
  readonly number: number
  readonly value: number | Uint8Array
}

/** The fields of a message, those of unknown numbers included. Throws at bytes that are no message. */
export const fields = (bytes: Uint8Array): ReadonlyArray<Field> => {
  const found: Array<Field> = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1, length = 0; length < 10; scale *= 0x80, length++) {
      const byte = bytes[at++]
      if (byte === undefined) throw new RangeError("the message is torn")
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new RangeError("a number is too long")
  }
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new RangeError("the message is torn")
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        found.push({ number, value: varint() })
        break
      case 1:
        take(8)
        break
      case 2:
        found.push({ number, value: take(varint()) })
        break
      case 5:
        take(4)
        break
      default:
        throw new RangeError("no such wire type")
    }
  }
  return found
}

/** The last number under a field; 0 if there is none. */
export const intOf = (of: ReadonlyArray<Field>, number: number): number => {
  const value = of.findLast((field) => field.number === number)?.value
  return typeof value === "number" ? value : 0
}

/** All bytes under a field. */
export const bytesOf = (of: ReadonlyArray<Field>, number: number): ReadonlyArray<Uint8Array> =>
  of.flatMap((field) => (field.number === number && typeof field.value !== "number" ? [field.value] : []))

/** The last text under a field; empty if there is none. */
export const textOf = (of: ReadonlyArray<Field>, number: number): string => {
  const bytes = bytesOf(of, number).at(-1)
  return bytes === undefined ? "" : decoder.decode(bytes)
}
