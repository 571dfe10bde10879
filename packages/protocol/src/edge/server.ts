import type { Failure } from "@holdfast/core"
import { type Cause, Effect, ErrorReporter, type Layer, Stream } from "effect"
import type { unhandled } from "effect/Types"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import { detailFor } from "../projection/input.ts"
import * as Projection from "../projection/Projection.ts"
import { type Named, unheard } from "../reporting.ts"
import { formatFor } from "./accept.ts"
import { look } from "../look.ts"
import { bareIn, warnOfBare } from "./bare.ts"
import { InForce } from "./inForce.ts"
import { besides, ownAnswer } from "./own.ts"
import { noticing, provided, under } from "./provided.ts"
import { correlationOf, headerOf, type Options, setTold, type Told, told, verified } from "./told.ts"
import { answeredByApi } from "./translate.ts"

const answer = (
  { audience, headers, language, snapshot }: Told,
  accept: string | undefined,
  { carry, prefer = "json", typeBase }: Options
): HttpServerResponse.HttpServerResponse => {
  const problem = formatFor(accept, prefer) === "problem"
  const options = { audience, ...(carry === undefined ? {} : { carry }) }
  const body = problem
    ? Projection.toProblem(snapshot, { ...options, ...(typeBase === undefined ? {} : { typeBase }) })
    : Projection.toHttp(snapshot, options)
  return HttpServerResponse.text(Projection.stringify(body), {
    status: snapshot.decision.http_status,
    contentType: problem ? ProblemDetails.contentType : "application/json",
    // A detail is in the language it was written in.
    headers: problem || detailFor(snapshot, audience) === null ? { ...headers, ...language } : headers
  })
}

const answered = (error: unknown, options: Options, status?: number) =>
  Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest
    const one = yield* told(error, options, status)
    return { response: answer(one, headers["accept"], options), report: one.report }
  })

/**
 * The answer to a request that failed with this error or `Cause`: the HTTP projection, or problem details if the caller
 * prefers them, under the policies of the fiber. `Retry-After` says when to come back, the correlation header names the
 * request, `Content-Language` the language of the title; `instance` and `trace_id` of a problem name this occurrence.
 */
export const response = (
  error: unknown,
  options: Options = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest> =>
  Effect.map(answered(error, verified("HttpEdge.response", options)), ({ response }) => response)

/** An error that brings its own answer along. */
const itself = (
  own: Effect.Effect<HttpServerResponse.HttpServerResponse>,
  cause: Cause.Cause<unknown>,
  options: Options
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest> => {
  const others = besides(cause)
  return others.reasons.length === 0
    ? own
    : Effect.andThen(
        Effect.flatMap(told(others, options), ({ report }) => report),
        own
      )
}

/** An answer of `HttpApi` itself as one of this edge; it keeps what that says to the connection. */
const inOurWords = (
  response: HttpServerResponse.HttpServerResponse,
  options: Options,
  named: Named
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest> => {
  const said = answeredByApi(response)
  if (said === undefined) {
    const failure = bareIn(response, named)
    return failure === undefined ? watched(response, options) : beside(response, failure, options)
  }
  const { connection } = response.headers
  return Effect.flatMap(answered(said.error, options, said.status), ({ report, response: ours }) =>
    Effect.as(report, connection === undefined ? ours : HttpServerResponse.setHeader(ours, "connection", connection))
  )
}

/** A bare class stays the answer, because a client expects it; what is said beside it is said. */
const beside = (response: HttpServerResponse.HttpServerResponse, failure: Failure.Any, options: Options) =>
  Effect.gen(function* () {
    yield* warnOfBare(failure)
    const { headers } = yield* told(failure, options)
    return setTold(response, headers)
  })

/** An answer whose body is still to be made: what goes wrong then breaks it off, and is reported. */
const watched = (response: HttpServerResponse.HttpServerResponse, options: Options) => {
  const { body } = response
  if (body._tag !== "Stream") return Effect.succeed(response)
  return Effect.map(HttpServerRequest, (request) => {
    const stream = Stream.onError(body.stream, (cause) =>
      Effect.provideService(
        Effect.flatMap(told(cause, options), ({ report }) => report),
        HttpServerRequest,
        request
      )
    )
    const { contentLength, contentType } = body
    const whole = HttpServerResponse.setBody(response, HttpBody.stream(stream, contentType, contentLength))
    return HttpServerResponse.setHeaders(whole, response.headers)
  })
}

const answering = <E, R>(
  self: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  options: Options
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest> => {
  const inside = (named: Named) =>
    Effect.catchCause(
      Effect.flatMap(self, (response) => inOurWords(response, options, named)),
      (cause) => {
        const ours = Effect.flatMap(answered(cause, options), ({ report, response }) => Effect.as(report, response))
        const own = look(() => ownAnswer(cause), undefined)
        return own === undefined ? ours : Effect.catchCause(itself(own, cause, options), () => ours)
      }
    )
  const header = headerOf(options)
  return Effect.flatMap(correlationOf(options), (correlation) =>
    Effect.withFiber((fiber) => {
      const named: Named = new Map()
      const reporters = fiber.getRef(ErrorReporter.CurrentErrorReporters)
      return inside(named).pipe(
        Effect.map((response) =>
          Headers.has(response.headers, header) ? response : HttpServerResponse.setHeader(response, header, correlation)
        ),
        Effect.provideService(InForce, { options, correlation, named }),
        Effect.provideService(
          ErrorReporter.CurrentErrorReporters,
          reporters.size > 0 ? reporters : new Set([unheard(named)])
        ),
        Effect.annotateLogs("correlation_id", correlation)
      )
    })
  )
}

/**
 * Answers every failure, defect and interruption of an HTTP effect with {@link response}, and reports it to the
 * `ErrorReporter`s of the fiber, once and under the name that a problem gives it (`instance`). An error that brings its own
 * answer along (`HttpServerRespondable`, or a response) gives that one. Every answer has the correlation header, every log entry inside
 * the `correlation_id`. A body that fails when its head is already on the way breaks off, and is
 * reported. A caller who leaves stops the effect; that is no failure. Of several global middlewares of a router the first one
 * is the outermost: what fails in one outside of this one is answered by the server.
 *
 * - `audience`: default `"client"`. `prefer`: default `"json"`. `typeBase`, `carry`, `titles`: default none. `correlationHeader`:
 *   default `x-correlation-id`; a name of a header. What is unknown or wrong is thrown as `ConfigError.InvalidValue`.
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
  options: Options = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest> =>
  answering(self, verified("HttpEdge.handled", options))

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
export const layer = (options: Options = {}): Layer.Layer<never, never, HttpRouter.HttpRouter> => {
  const valid = verified("HttpEdge.layer", options)
  return HttpRouter.middleware(
    Effect.map(provided, (layer) => {
      const said = noticing()
      // The router wants middleware to leave room for errors of other middleware.
      return (effect: Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled>) =>
        under(layer)(Effect.andThen(said, answering(effect, valid))) as Effect.Effect<
          HttpServerResponse.HttpServerResponse,
          unhandled,
          HttpServerRequest
        >
    }),
    { global: true }
  )
}
