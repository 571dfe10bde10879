import { Audience, Category, Visibility } from "@holdfast/core"
import { Option, Schema, Struct } from "effect"
import { HttpProjection, LogProjection, PeerProjection, RpcProjection } from "../projection/schema.ts"
import { CarriedFailure, carriedVersion } from "../snapshot/carried.ts"
import { fromUnknown } from "../snapshot/ErrorSnapshot.ts"
import { remoteCode } from "../snapshot/remote.ts"
import type { Props } from "./failure.ts"
import { checkVersion } from "./undecodable.ts"

const isCategory = Schema.is(Category)
const isVisibility = Schema.is(Visibility)
const isAudience = Schema.is(Audience)

export const textIn = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

export const isObject = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u) && !ArrayBuffer.isView(u)

export const own = (body: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(body, key) ? body[key] : undefined

/** The category that a code names. */
export const categoryOf = (code: string | undefined): Category => {
  const named = code?.slice(0, code.indexOf("."))
  return isCategory(named) ? named : "sys"
}

/** A category that this version does not know is the one that the code names; a visibility or audience, the narrowest. */
const known = (body: unknown): unknown => {
  if (!isObject(body)) return body
  const [audience, category, visibility] = [own(body, "audience"), own(body, "category"), own(body, "visibility")]
  const isNew = (value: unknown, is: (u: unknown) => boolean) => typeof value === "string" && !is(value)
  return {
    ...body,
    ...(isCategory(category) ? {} : { category: categoryOf(textIn(own(body, "code"))) }),
    ...(isNew(visibility, isVisibility) ? { visibility: "internal" } : {}),
    ...(isNew(audience, isAudience) ? { audience: "developer" } : {})
  }
}

/** For whom something was written; an audience that this version does not know is the narrowest. */
export const audienceIn = (audience: unknown): Audience | undefined =>
  isAudience(audience) ? audience : typeof audience === "string" ? "developer" : undefined

/** What a body says, whatever its format. */
export interface Said extends Omit<Props, "audience" | "detail" | "failure" | "path" | "retryable" | "retryAfter"> {
  readonly audience?: Audience | undefined
  /** `undefined` where the format does not say. */
  readonly retryable: boolean | undefined
  readonly detail: string | null
  readonly path?: string | null
  readonly retry_after_ms?: number | undefined
  readonly failure?: CarriedFailure | undefined
}

const decodeCarried = Schema.decodeUnknownOption(CarriedFailure)

/** What came along beside the format, if it is as it should be: else the format has to do. */
export const carriedIn = (u: unknown): CarriedFailure | undefined =>
  u === undefined ? undefined : Option.getOrUndefined(decodeCarried(u))

/** What the format says, and what came along, which says it better. */
export const withCarried = (said: Said, carried: CarriedFailure | undefined): Said => {
  if (carried === undefined || carried.version !== carriedVersion) return said
  const { decision, identity, origin, retry_after_ms, root_metadata, violations } = carried
  const { position: _position, ...named } = identity ?? { position: null }
  return {
    ...said,
    ...named,
    ...(decision === undefined
      ? {}
      : {
          decision,
          status: decision.http_status,
          visibility: decision.visibility,
          hints: decision.default_hints,
          audience: undefined,
          retryable: decision.retryable
        }),
    ...(origin === undefined ? {} : { origin }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    ...(violations === undefined ? {} : { violations }),
    ...(root_metadata === undefined ? {} : { metadata: root_metadata }),
    failure: carried
  }
}

const reading = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  said: (body: S["Type"]) => Said
): ((body: unknown) => Said | undefined) => {
  const decode = Schema.decodeUnknownOption(schema)
  return (body) => {
    if (!isObject(body)) return undefined
    checkVersion(body)
    const read = decode(known(body))
    return Option.isNone(read) ? undefined : withCarried(said(read.value), carriedIn(own(body, "failure")))
  }
}

const carried = ["failure"] as const

/** A summary in our words: the end of the code. */
const reasonOf = (code: string): string => code.slice(code.lastIndexOf(".") + 1).replaceAll("_", " ")

/** What somebody says whose words nobody here may repeat: all of them are a detail, which stays inside. */
export const distrusted = (of: Said): Said => {
  const { decision: _, ...said } = of
  return {
    ...said,
    reason: reasonOf(said.code),
    detail: said.detail === null ? said.reason : `${said.reason}: ${said.detail}`,
    visibility: "internal",
    audience: "operator"
  }
}

export const readHttp = reading(HttpProjection.mapFields(Struct.omit(carried)), ({ message, ...body }) => ({
  ...body,
  // One member held either of them; shown again as the detail, a public message stays what it was.
  reason: body.visibility === "public" ? reasonOf(body.code) : message,
  detail: body.visibility === "public" ? message : null,
  retryable: [429, 503, 504].includes(body.status) || undefined
}))

export const readRpc = reading(RpcProjection.mapFields(Struct.omit(carried)), (body) => body)

const readPeer = reading(PeerProjection.mapFields(Struct.omit(carried)), (body) => body)

/** What somebody says who knows nothing of this house: free text, which was written for nobody in particular. */
export const elsewhere = (detail: string | null, status: number | null): Said => ({
  code: remoteCode,
  category: "sys",
  reason: "remote failure",
  detail,
  status,
  visibility: "internal",
  origin: "foreign",
  hints: [],
  retryable: undefined
})

/** The failure in the error of another protocol; without the member that is ours, all there is to know is its text. */
const readWithin =
  (member: "data" | "extensions", wrapper: "error" | "errors") =>
  (body: unknown): Said | undefined => {
    if (!isObject(body)) return undefined
    checkVersion(body)
    const wrapped = own(body, wrapper)
    const error = Array.isArray(wrapped) ? (wrapped[0] as unknown) : (wrapped ?? body)
    if (!isObject(error)) return undefined
    checkVersion(error)
    const message = textIn(own(error, "message"))
    if (message === undefined) return undefined
    return readPeer(own(error, member)) ?? elsewhere(message, null)
  }

export const readJsonRpc = readWithin("data", "error")

export const readGraphQl = readWithin("extensions", "errors")

const header = (headers: unknown, name: string): string | undefined => {
  if (!isObject(headers)) return undefined
  const key = Object.keys(headers).find((one) => one.toLowerCase() === name)
  const value = key === undefined ? undefined : headers[key]
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : textIn(value)
}

/** Headers of a message; without ours, its type is all there is to know. */
export const readMessageHeaders = (headers: unknown, parse: (text: string) => unknown): Said | undefined => {
  const [code, data] = [header(headers, "error-type"), header(headers, "error-data")]
  if (code === undefined) return undefined
  return (data === undefined ? undefined : readPeer(parse(data))) ?? elsewhere(code, null)
}

const readEntry = reading(LogProjection.mapFields(Struct.omit(carried)), ({ root_metadata, ...body }) => ({
  ...body,
  metadata: root_metadata,
  status: null,
  // The log is for operators, and so were its hints.
  audience: "operator" as const,
  retryable: undefined
}))

/** A projection, or a line of `LogEdge`, which has it under a name. */
export const readLog = (body: unknown): Said | undefined =>
  readEntry(body) ?? (isObject(body) ? readEntry(own(body, "failure")) : undefined)

export const readSnapshot = (body: unknown): Said | undefined => {
  if (isObject(body)) checkVersion(body)
  const snapshot = Option.getOrUndefined(fromUnknown(body))
  if (snapshot === undefined) return undefined
  const { decision, failure, identity, origin, retry_after_ms, root_metadata, violations } = snapshot
  const { position: _position, ...named } = identity
  return {
    ...named,
    ...(origin === undefined ? {} : { origin }),
    ...(violations === undefined ? {} : { violations }),
    decision,
    metadata: root_metadata,
    retry_after_ms,
    failure,
    status: decision.http_status,
    visibility: decision.visibility,
    hints: decision.default_hints,
    retryable: decision.retryable
  }
}
