import { type Catalog, Identity, Reasons } from "@holdfast/core"
import { Cause, Effect, type Layer, Option, Predicate } from "effect"
import type { unhandled } from "effect/Types"
import * as HttpRouter from "effect/http/HttpRouter"
import { isHttpServerError } from "effect/http/HttpServerError"
import { isMultipartError } from "effect/http/Multipart"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Respondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as Projection from "../projection/Projection.ts"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { freshId } from "../snapshot/occurrence.ts"
import { type Format, formatFor, localesOf } from "./accept.ts"
import { look } from "./look.ts"
import { isIgnored, met, report } from "./met.ts"

/** How failures are answered. */
export interface Options {
  /** The format for callers that accept both or say nothing. Default: `"json"`, the HTTP projection. */
  readonly prefer?: Format
  /** The beginning of the type URI of a problem. Default: none, and the type is `about:blank`. */
  readonly typeBase?: string
  /** Whether the failure's own fields go along in a problem. Default: no. */
  readonly carry?: ErrorSnapshot.Carry
  /** The header that names the request on both sides. Default: `x-correlation-id`. */
  readonly correlationHeader?: string
  /** Titles by locale, then by code; `Content-Language` says which was used. Default: none. */
  readonly titles?: Catalog.Titles
}

const requestId = /^[\w.:+/=-]{1,128}$/

/** The caller's own name for the request, else that of the trace, else a new one. */
const correlationId = (given: string | undefined): Effect.Effect<string> =>
  given !== undefined && requestId.test(given)
    ? Effect.succeed(given)
    : Effect.option(Effect.currentSpan).pipe(
        Effect.flatMap((span) => (Option.isSome(span) ? Effect.succeed(span.value.traceId) : freshId))
      )

interface Translated {
  readonly error: unknown
  /** The status, where the protocol and not a policy decides it. */
  readonly status?: number
}

const schemaErrorId = "~effect/http-api/HttpApiError/HttpApiSchemaError"

/** What `HttpApi` dies of when a request does not decode; when a response does not encode, it is a defect of ours. */
const isRequestSchemaError = (u: unknown): u is { readonly kind: string; readonly cause: unknown } =>
  Predicate.hasProperty(u, schemaErrorId) && "kind" in u && u.kind !== "Body" && u.kind !== "ResponseHeaders"

const tooLarge: ReadonlySet<string> = new Set(["BodyTooLarge", "FieldTooLarge", "FileTooLarge", "TooManyParts"])

/** What the server itself has to say about a request, in the words of this house. */
const unreadable = (cause: { readonly reason: unknown }, reason: string | undefined): Translated =>
  reason !== undefined && tooLarge.has(reason)
    ? { error: new Reasons.PayloadTooLarge({ cause }), status: 413 }
    : { error: new Reasons.ValidationError({ detail: "the request cannot be read", cause }), status: 400 }

/** The server's own errors, in the words of this house. */
const translated = (error: unknown, { method }: HttpServerRequest): Translated => {
  const primary = Cause.isCause(error) ? Identity.primary(error).error : error
  if (isRequestSchemaError(primary)) {
    return { error: new Reasons.ValidationError({ cause: primary.cause }), status: 400 }
  }
  if (isMultipartError(primary)) {
    const { _tag } = primary.reason
    return _tag === "InternalError" ? { error } : unreadable(primary, _tag)
  }
  if (!isHttpServerError(primary)) return { error }
  switch (primary.reason._tag) {
    case "RouteNotFound":
      return { error: new Reasons.NotFound({ detail: `no route for ${method}` }), status: 404 }
    case "RequestParseError":
      return unreadable(primary, primary.reason.reason)
    default:
      return { error }
  }
}

/** A failure as the caller of this request reads it, and what it says about the request. */
const answered = (error: unknown, options: Options) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest
    const { carry, correlationHeader = "x-correlation-id", prefer = "json", titles, typeBase } = options
    const { error: said, status } = look(() => translated(error, request), { error })
    const locales = localesOf(request.headers["accept-language"])
    const one = yield* met(said, { carry, titles, locales, status })
    const { locale, snapshot } = one
    const problem = formatFor(request.headers["accept"], prefer) === "problem"
    const body = problem
      ? Projection.toProblem(snapshot, {
          ...(typeBase === undefined ? {} : { typeBase }),
          ...(carry === undefined ? {} : { carry })
        })
      : Projection.toHttp(snapshot)
    const pause = snapshot.retry_after_ms
    const correlation = yield* correlationId(request.headers[correlationHeader.toLowerCase()])
    const response = HttpServerResponse.text(Projection.stringify(body), {
      status: snapshot.decision.http_status,
      contentType: problem ? ProblemDetails.contentType : "application/json",
      headers: {
        [correlationHeader]: correlation,
        vary: "accept, accept-language",
        "cache-control": "no-store",
        ...(pause === undefined ? {} : { "retry-after": String(Math.ceil(pause / 1000)) }),
        ...(locale === undefined ? {} : { "content-language": locale })
      }
    })
    const told = isIgnored(error) ? Effect.void : report(one)
    return { response, report: Effect.annotateLogs(told, "correlation_id", correlation) }
  })

/**
 * The answer to a request that failed with this error or `Cause`: the HTTP projection, or problem details if the caller
 * prefers them, under the policies of the fiber. `Retry-After` says when to come back, the correlation header names the
 * request, `Content-Language` the language of the title.
 */
export const response = (
  error: unknown,
  options: Options = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest> =>
  Effect.map(answered(error, options), ({ response }) => response)

/** What brings its own answer along: an error that knows how to respond, a response that was thrown. */
const ownAnswer = (cause: Cause.Cause<unknown>): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
  const thrown = cause.reasons.find((reason) => Cause.isDieReason(reason) && isResponse(reason.defect))
  if (thrown !== undefined && Cause.isDieReason(thrown)) return Effect.succeed(thrown.defect as never)
  const { error } = Identity.primary(cause)
  const isOthers = isHttpServerError(error) || isMultipartError(error) || Predicate.hasProperty(error, schemaErrorId)
  return Respondable.isRespondable(error) && !isOthers ? Respondable.toResponse(error) : undefined
}

const isResponse = HttpServerResponse.isHttpServerResponse

/**
 * Answers every failure, defect and interruption of an HTTP effect with {@link response}, and reports it to the
 * `ErrorReporter`s of the fiber. An error that brings its own answer along (`HttpServerRespondable`) gives that one.
 *
 * - `prefer`: default `"json"`. `typeBase`, `carry`, `titles`: default none. `correlationHeader`: default `x-correlation-id`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { HttpEdge } from "@holdfast/protocol/http"
 * import { Effect } from "effect"
 * import { HttpEffect } from "effect/http"
 *
 * const handler = HttpEffect.toWebHandler(HttpEdge.handled(Effect.fail(new Reasons.NotFound({ detail: "order 7" }))))
 * const response = await handler(new Request("http://localhost/orders/7"))
 * response.status // => 400
 * ```
 */
export const handled = <E, R>(
  self: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  options?: Options
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest> =>
  Effect.catchCause(self, (cause) => {
    const ours = Effect.flatMap(answered(cause, options ?? {}), ({ report, response }) => Effect.as(report, response))
    const own = look(() => ownAnswer(cause), undefined)
    return own === undefined ? ours : Effect.catchCause(own, () => ours)
  })

/**
 * {@link handled} for every route of an `HttpRouter`, those that do not exist included: one layer beside the routes.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { HttpEdge } from "@holdfast/protocol/http"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 *
 * const routes = HttpRouter.add("GET", "/orders/:id", Effect.fail(new Reasons.NotFound({ detail: "order 7" })))
 * const app = Layer.mergeAll(routes, HttpEdge.layer({ prefer: "problem" }))
 *
 * const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
 * const answer = await handler(new Request("http://localhost/orders/7"))
 * answer.headers.get("content-type") // => "application/problem+json"
 * await dispose()
 * ```
 */
export const layer = (options?: Options): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.middleware(
    // The router wants middleware to leave room for errors of other middleware.
    (effect) =>
      handled(effect, options) as Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled, HttpServerRequest>,
    { global: true }
  )
