import { Identity, Reasons } from "@holdfast/core"
import { Cause, Predicate, Schema } from "effect"
import { isHttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import { isMultipartError } from "effect/http/Multipart"

/** An error in the words of this house. */
export interface Translated {
  readonly error: unknown
  /** The status, where the protocol and not a policy decides it. */
  readonly status?: number
  /** Whether somebody is to hear of it, though `HttpApi` would not tell. */
  readonly isHeard?: boolean
}

/** Marks what `HttpApi` says about schemas. */
const schemaErrorId = "~effect/http-api/HttpApiError/HttpApiSchemaError"

/** What `HttpApi` dies of when a request does not decode; when a response does not encode, it is a defect of ours. */
const isRequestSchemaError = (u: unknown): u is { readonly kind: string; readonly cause: unknown } =>
  Predicate.hasProperty(u, schemaErrorId) && "kind" in u && u.kind !== "Body" && u.kind !== "ResponseHeaders"

/** What it dies of when a body that it streams is too large. */
const payloadTooLargeId = "~effect/http-api/HttpApiError/HttpApiPayloadTooLarge"

const tooLarge: ReadonlySet<string> = new Set(["BodyTooLarge", "FieldTooLarge", "FileTooLarge", "TooManyParts"])

/** What the server itself has to say about a request, in the words of this house. */
const unreadable = (cause: { readonly reason: unknown }, reason: string | undefined): Translated =>
  reason !== undefined && tooLarge.has(reason)
    ? { error: new Reasons.PayloadTooLarge({ cause }), status: 413 }
    : { error: new Reasons.ValidationError({ detail: "the request cannot be read", cause }), status: 400 }

const isThrown = (error: unknown): boolean => Identity.isCause(error) && !error.reasons.some(Cause.isFailReason)

/** The server's own errors, in the words of this house. */
export const translated = (error: unknown, { method }: HttpServerRequest): Translated => {
  const primary = Identity.isCause(error) ? Identity.primary(error).error : error
  if (isRequestSchemaError(primary)) {
    return { error: new Reasons.ValidationError({ cause: primary.cause }), status: 400, isHeard: true }
  }
  if (Predicate.hasProperty(primary, payloadTooLargeId)) return unreadable({ reason: primary }, "BodyTooLarge")
  // Raised, it speaks of the request; thrown, of whatever the program had in its hands.
  if (Schema.isSchemaError(primary) && !isThrown(error))
    return { error: new Reasons.ValidationError({ cause: primary }) }
  if (isMultipartError(primary)) {
    const { _tag } = primary.reason
    return _tag === "InternalError" ? { error } : unreadable(primary, _tag)
  }
  if (!isHttpServerError(primary)) return { error }
  switch (primary.reason._tag) {
    case "RouteNotFound":
      return { error: new Reasons.NotFound({ detail: `no route for ${method} at this path` }), status: 404 }
    case "RequestParseError":
      return unreadable(primary, primary.reason.reason)
    default:
      return { error }
  }
}

/** Whether an error is one of those that are said in the words of this house. */
export const isServersOwn = (error: unknown): boolean =>
  isHttpServerError(error) ||
  isMultipartError(error) ||
  Predicate.hasProperty(error, schemaErrorId) ||
  Predicate.hasProperty(error, payloadTooLargeId)

const unsupported = "Unsupported content-type: "

/** What `HttpApi` answers without failing, in the words of this house: such an answer would have no name and no code. */
export const answeredByApi = ({ body, status }: HttpServerResponse): Translated | undefined => {
  if (status === 413 && body._tag === "Empty") return { error: new Reasons.PayloadTooLarge(), status }
  if (status !== 415 || body._tag !== "Uint8Array") return undefined
  const isTheirs = new TextDecoder().decode(body.body.subarray(0, unsupported.length)) === unsupported
  return isTheirs
    ? { error: new Reasons.ValidationError({ detail: "the content type is not supported" }), status }
    : undefined
}
