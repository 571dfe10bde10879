/** The messages of `google.rpc` by their field numbers: too few and too small for generated code. */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"

// A text may begin with U+FEFF: here that is a character.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** Collects the fields of one message. Fields of their default value are left out, as proto3 wants it. */
export class Writer {
  readonly #to = new BinaryWriter()

  int(field: number, value: number): this {
    if (value !== 0) this.#to.tag(field, WireType.Varint).int32(value)
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.#to.tag(field, WireType.LengthDelimited).bytes(value)
    return this
  }

  text(field: number, value: string): this {
    if (value !== "") this.#to.tag(field, WireType.LengthDelimited).string(value)
    return this
  }

  message(field: number, write: (writer: Writer) => void): this {
    this.#to.tag(field, WireType.LengthDelimited).fork()
    write(this)
    this.#to.join()
    return this
  }

  finish(): Uint8Array {
    return this.#to.finish()
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
  const reader = new BinaryReader(bytes)
  const found: Array<Field> = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (type === WireType.Varint) found.push({ number, value: Number(reader.int64()) })
    else if (type === WireType.LengthDelimited) found.push({ number, value: reader.bytes() })
    else reader.skip(type, number)
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
