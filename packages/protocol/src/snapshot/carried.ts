import { Failure, Identity, type Redaction } from "@holdfast/core"
import { Option, Schema } from "effect"
import { ExposureDecision, Undeclared } from "../exposure/decision.ts"
import { Metadata } from "./metadata.ts"
import { isRemote } from "./remote.ts"
import { Violation } from "./violations.ts"

/** The version of the member that carries what a format itself does not say. Another one is not read. */
export const carriedVersion = 1

/**
 * What a format itself does not say, so that the other side gets the failure back: its own fields, and what there is to know
 * about it. The same in every format; each of its members may be missing.
 */
export const CarriedFailure = Schema.Struct({
  version: Schema.Int,
  /** The fields of a declared failure as its own schema encodes them, secrets masked. */
  data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  /** Without the position. */
  identity: Schema.optionalKey(Identity.Identity),
  decision: Schema.optionalKey(ExposureDecision),
  origin: Schema.optionalKey(Undeclared),
  retry_after_ms: Schema.optionalKey(Schema.Finite),
  violations: Schema.optionalKey(Schema.Array(Violation)),
  root_metadata: Schema.optionalKey(Metadata)
})
export type CarriedFailure = typeof CarriedFailure.Type

/** What is carried of a failure after which nobody may come back: who may not need not know when. */
export const withoutPause = (carried: CarriedFailure): CarriedFailure => {
  const { data, retry_after_ms: _, ...others } = carried
  if (data === undefined) return others
  const { retryAfter: _pause, ...fields } = data
  return { ...others, data: fields }
}

/** Fields that take more room than this are not carried: half of them would be none. */
const maxCarried = 16_384

/** Whether fields that came from elsewhere are no more than would have been sent from here. */
export const isBounded = (data: object): boolean => {
  try {
    return JSON.stringify(data).length <= maxCarried
  } catch {
    return false
  }
}

const codecs = new WeakMap<object, (failure: Failure.Any) => Option.Option<unknown>>()

const encoderOf = (failure: Failure.Any): ((failure: Failure.Any) => Option.Option<unknown>) | undefined => {
  const Class: unknown = failure.constructor
  if (typeof Class !== "function" || !Schema.isSchema(Class)) return undefined
  let encode = codecs.get(Class)
  if (encode === undefined) {
    encode = Schema.encodeUnknownOption(Schema.toCodecJson(Class as unknown as Failure.Member))
    codecs.set(Class, encode)
  }
  return encode
}

const scrub = (value: unknown, text: (text: string) => string, policy: Redaction.Policy): unknown => {
  if (typeof value === "string") return text(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((item) => scrub(item, text, policy))
  // Not by assignment: a key called __proto__ is a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, of]) => [
      text(key),
      policy.isSecretKey(key) ? policy.mask : scrub(of, text, policy)
    ])
  )
}

/** Fields that came from elsewhere, clean. */
export const scrubData = (
  data: Readonly<Record<string, unknown>>,
  text: (text: string) => string,
  policy: Redaction.Policy
): Readonly<Record<string, unknown>> => scrub(data, text, policy) as Readonly<Record<string, unknown>>

/**
 * The fields of a failure for the wire. `detail` is the one of the snapshot, which is already clean and bounded. Nothing
 * where the failure has no schema, cannot be encoded, or is too large.
 */
export const carry = (
  error: unknown,
  detail: string | null,
  policy: Redaction.Policy,
  secrets: () => Redaction.Secrets
): CarriedFailure | undefined => {
  try {
    if (!Failure.isFailure(error)) return undefined
    const known = secrets()
    const leaf = Failure.leafOf(error)
    // What another program said about its failure is no field of the failure; the fields it sent along are.
    const isPassedOn = isRemote(leaf)
    const encoded = isPassedOn
      ? (leaf as { readonly failure?: CarriedFailure }).failure?.data
      : Option.getOrUndefined(encoderOf(leaf)?.(leaf) ?? Option.none())
    const json = encoded === undefined ? undefined : JSON.stringify(encoded)
    if (json === undefined || json.length > maxCarried) return undefined
    const clean = scrub(JSON.parse(json), (text) => policy.text(text, known).toWellFormed(), policy)
    if (typeof clean !== "object" || clean === null || Array.isArray(clean)) return undefined
    const own = isPassedOn || leaf.detail === undefined || detail === null ? {} : { detail }
    return { version: carriedVersion, data: { ...clean, ...own } }
  } catch {
    return undefined
  }
}
