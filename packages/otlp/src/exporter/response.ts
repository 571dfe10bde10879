import { Predicate, Schema } from "effect"

/** What a receiver said about a request that it took. */
export interface Answer {
  /** Records that it kept out for good. */
  readonly rejected: number
  /** Its own words, cut to a length that a log can carry; `""` for none. */
  readonly message: string
  /** Whether the body was an OTLP response. If not, the request still arrived: its status said so. */
  readonly understood: boolean
}

const nothing: Answer = { rejected: 0, message: "", understood: true }
const strange: Answer = { rejected: 0, message: "", understood: false }

// A global of every runtime that has `fetch`; declared here because the package is built without any runtime's types.
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string }

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const maxMessage = 1024

/** Text of a stranger: no control characters, no more than a log line. */
const tame = (text: string): string => {
  const plain = text.replaceAll(/\p{Cc}+/gu, " ").trim()
  return plain.length > maxMessage ? `${plain.slice(0, maxMessage)}…` : plain
}

const rejectedKeys = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"]

/** A 64-bit integer of proto3 JSON: a number, or a decimal string. */
const countOf = (value: unknown): number | undefined => {
  const count = Predicate.isString(value) && /^-?\d+$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(count) && (count as number) >= 0 ? (count as number) : undefined
}

const Json = Schema.fromJsonString(Schema.Unknown)
const decodeJson = Schema.decodeUnknownOption(Json)

const fromJson = (bytes: Uint8Array): Answer => {
  const parsed = decodeJson(textOf(bytes))
  if (parsed._tag === "None" || !Predicate.isObject(parsed.value) || Array.isArray(parsed.value)) return strange
  const partial = (parsed.value as Record<string, unknown>)["partialSuccess"] ?? {}
  if (!Predicate.isObject(partial)) return strange
  const fields = partial as Record<string, unknown>
  const key = rejectedKeys.find((name) => fields[name] !== undefined)
  const rejected = key === undefined ? 0 : countOf(fields[key])
  const message = fields["errorMessage"]
  return rejected === undefined
    ? strange
    : { rejected, message: Predicate.isString(message) ? tame(message) : "", understood: true }
}

/** Reads protobuf fields one after another; `undefined` once the bytes are no protobuf. */
const fieldsOf = (bytes: Uint8Array): Map<number, number | Uint8Array> | undefined => {
  const fields = new Map<number, number | Uint8Array>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return Number.NaN
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return Number.NaN
  }
  while (at < bytes.length) {
    const key = varint()
    const type = key % 8
    const length = type === 0 ? 0 : type === 1 ? 8 : type === 5 ? 4 : type === 2 ? varint() : Number.NaN
    if (Number.isNaN(length) || key < 8 || at + length > bytes.length) return undefined
    const value = type === 0 ? varint() : bytes.subarray(at, at + length)
    if (Number.isNaN(value)) return undefined
    fields.set(Math.floor(key / 8), value)
    at += length
  }
  return fields
}

const fromProtobuf = (bytes: Uint8Array): Answer => {
  const partial = fieldsOf(bytes)?.get(1) ?? new Uint8Array(0)
  const fields = Predicate.isNumber(partial) ? undefined : fieldsOf(partial)
  const rejected = countOf(fields?.get(1) ?? 0)
  const message = fields?.get(2)
  if (fieldsOf(bytes) === undefined || fields === undefined || rejected === undefined) return strange
  return {
    rejected,
    message: message === undefined || Predicate.isNumber(message) ? "" : tame(textOf(message)),
    understood: true
  }
}

/** Reads the body of a 2xx answer. An empty body is the encoding of a full success. */
export const read = (bytes: Uint8Array, contentType: string): Answer => {
  if (bytes.length === 0) return nothing
  return /^application\/x-protobuf\b/i.test(contentType) ? fromProtobuf(bytes) : fromJson(bytes)
}
