import { Category, Visibility } from "@holdfast/core"
import { Option, Predicate, Result, Schema } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { audienceIn, carriedIn, categoryOf, elsewhere, type Said, withCarried } from "../remote/bodies.ts"
import { look } from "../look.ts"
import { checkVersion, Refused } from "../remote/undecodable.ts"
import type { CarriedFailure } from "../snapshot/carried.ts"
import { isLabel } from "../snapshot/remote.ts"
import type { Violation } from "../snapshot/violations.ts"
import { retryable, statusOf } from "./codes.ts"
import { bytesOf, type Field, fields, intOf, textOf } from "./protobuf.ts"

/** More bytes than this are no trailer. */
const most = 65_536

/** What a gRPC client hands over: the code, the text, and the details as bytes or base64. */
const Trailers = Schema.Struct({
  code: Schema.Int,
  message: Schema.String,
  details: Schema.optional(Schema.Union([Schema.Uint8Array, Schema.String]))
})

const isCategory = Schema.is(Category)
const isVisibility = Schema.is(Visibility)
const isBytes = (u: unknown): u is Uint8Array => u instanceof Uint8Array

/** The trailers as they are sent. */
const Headers = Schema.Struct({
  "grpc-status": Schema.FiniteFromString,
  "grpc-message": Schema.optional(Schema.String),
  "grpc-status-details-bin": Schema.optional(Schema.String)
})

/** The error of `@grpc/grpc-js`: the text under `details`, the trailers under `metadata`. */
interface ServiceError {
  readonly code: number
  readonly details: string
  readonly metadata: { readonly get: (name: string) => ReadonlyArray<unknown> }
}

const isServiceError = (u: unknown): u is ServiceError =>
  Predicate.hasProperty(u, "metadata") &&
  Predicate.hasProperty(u.metadata, "get") &&
  Predicate.isFunction(u.metadata.get)

const decoded = (text: string): Uint8Array | undefined => {
  const bare = text.replace(/=+$/, "")
  if (bare.length > most) throw new Refused("too_large")
  return Result.getOrUndefined(Base64.decode(bare.padEnd(Math.ceil(bare.length / 4) * 4, "=")))
}

interface Status {
  readonly code: number
  readonly message: string
  readonly details: ReadonlyMap<string, ReadonlyArray<Field>>
}

const readStatus = (bytes: Uint8Array): Status => {
  const status = fields(bytes)
  const details = new Map<string, ReadonlyArray<Field>>()
  for (const any of bytesOf(status, 3).map(fields)) {
    const type = /google\.rpc\.(\w+)$/.exec(textOf(any, 1))?.[1]
    const [value] = bytesOf(any, 2)
    if (type !== undefined && value !== undefined && !details.has(type)) details.set(type, fields(value))
  }
  return { code: intOf(status, 1), message: textOf(status, 2), details }
}

const statusIn = (body: unknown): Status | undefined => {
  if (isBytes(body)) {
    if (body.length > most) throw new Refused("too_large")
    return readStatus(body)
  }
  if (typeof body === "string") {
    const bytes = decoded(body)
    return bytes === undefined ? undefined : readStatus(bytes)
  }
  if (isServiceError(body)) {
    const [details] = body.metadata.get("grpc-status-details-bin")
    const plain = { code: body.code, message: body.details }
    return statusIn(details === undefined ? plain : { ...plain, details })
  }
  const trailers = Option.getOrUndefined(Schema.decodeUnknownOption(Trailers)(body)) ?? trailersIn(body)
  if (trailers === undefined) return undefined
  const { code, details, message } = trailers
  return readable(details) ?? { code, message, details: new Map() }
}

const trailersIn = (body: unknown): typeof Trailers.Type | undefined => {
  const headers = Option.getOrUndefined(Schema.decodeUnknownOption(Headers)(body))
  if (headers === undefined) return undefined
  const { "grpc-message": message = "", "grpc-status": code, "grpc-status-details-bin": details } = headers
  return { code, message: look(() => decodeURIComponent(message), message), details }
}

/** Details that cannot be read are worth nothing, but the code and the text are still there. */
const readable = (details: Uint8Array | string | undefined): Status | undefined => {
  if (details === undefined || details.length === 0) return undefined
  try {
    return statusIn(details)
  } catch {
    return undefined
  }
}

const metadataOf = (info: ReadonlyArray<Field>): ReadonlyMap<string, string> =>
  new Map(bytesOf(info, 3).map((bytes) => [textOf(fields(bytes), 1), textOf(fields(bytes), 2)] as const))

/** Nobody waits longer than that, and seconds have 64 bits. */
const longest = 2 ** 31

const pauseOf = (retry: ReadonlyArray<Field> | undefined): number | undefined => {
  if (retry === undefined) return undefined
  const [bytes] = bytesOf(retry, 1)
  const delay = bytes === undefined ? [] : fields(bytes)
  return Math.min(longest, Math.max(0, intOf(delay, 1) * 1000 + intOf(delay, 2) / 1e6))
}

/** What cannot be read costs what came along, and not the failure. */
const carriedFrom = (text: string | undefined): CarriedFailure | undefined => {
  if (text === undefined) return undefined
  try {
    return carriedIn(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Their codes went through upper case. */
const violationsIn = (request: ReadonlyArray<Field> | undefined): { readonly violations?: ReadonlyArray<Violation> } =>
  request === undefined
    ? {}
    : {
        violations: bytesOf(request, 1).map((bytes) => {
          const violation = fields(bytes)
          return {
            path: textOf(violation, 1),
            code: textOf(violation, 3).toLowerCase(),
            message: textOf(violation, 2)
          }
        })
      }

const hintsIn = (help: ReadonlyArray<Field> | undefined): ReadonlyArray<string> =>
  help === undefined ? [] : bytesOf(help, 1).map((link) => textOf(fields(link), 1))

/** What a gRPC status says; one of another house by its canonical code. Throws at bytes that are none. */
export const readGrpc = (body: unknown): Said | undefined => {
  if (typeof body === "object" && body !== null) checkVersion(body)
  const status = statusIn(body)
  if (status === undefined || !(status.code >= 1 && status.code <= 16)) return undefined
  const { code: number, details, message } = status
  const metadata = metadataOf(details.get("ErrorInfo") ?? [])
  const version = metadata.get("schema_version")
  if (version !== undefined) checkVersion({ schema_version: Number(version) })
  const code = metadata.get("code") ?? ""
  const retry_after_ms = pauseOf(details.get("RetryInfo"))
  const shared = {
    hints: hintsIn(details.get("Help")),
    retry_after_ms,
    ...violationsIn(details.get("BadRequest"))
  }
  if (!isLabel(code)) {
    return {
      ...elsewhere(message === "" ? null : message, statusOf.get(number) ?? null),
      ...shared,
      // Help of another house was not written for our callers.
      audience: "operator",
      retryable: retry_after_ms !== undefined || retryable.has(number)
    }
  }
  const category = metadata.get("category")
  const visibility = metadata.get("visibility")
  const title = metadata.get("title") ?? message
  const marked = metadata.get("has_detail")
  const hasDetail = marked === undefined ? message !== title : marked === "true"
  const http = Number(metadata.get("http_status"))
  const isRetryable = metadata.get("retryable")
  const said: Said = {
    ...shared,
    code,
    category: isCategory(category) ? category : categoryOf(code),
    reason: title,
    detail: visibility === "public" && hasDetail ? message : null,
    status: Number.isInteger(http) && http >= 400 && http <= 599 ? http : (statusOf.get(number) ?? null),
    visibility: isVisibility(visibility) ? visibility : "internal",
    audience: audienceIn(metadata.get("audience")),
    retryable: isRetryable === undefined ? undefined : isRetryable === "true"
  }
  return withCarried(said, carriedFrom(metadata.get("failure")))
}
