import type { Failure } from "@holdfast/core"
import { Clock, Effect } from "effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import type * as RemoteFailure from "../remote/RemoteFailure.ts"
import { bodiless, type Context, decodeJsonWith, decodeProblemWith } from "../remote/decode.ts"
import { type Came, type Patience, textOf } from "./body.ts"
import { InForce } from "./inForce.ts"
import { verifiedKnown } from "../remote/known.ts"
import { type Reading, verifiedReading } from "./reading.ts"
import { headerOf } from "./told.ts"

/** What an answer may tell of. */
export type Failures<Classes extends ReadonlyArray<RemoteFailure.Known>> =
  | Classes[number]["Type"]
  | RemoteFailure.RemoteFailure
  | RemoteFailure.UndecodableRemote

/** Nobody waits longer than that. */
const longest = 2 ** 31

/** `Retry-After` in milliseconds: a number of seconds, or a date, which begins with a day of the week. */
const pauseOf = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined || header.length > 64) return undefined
  if (/^\d+$/.test(header)) return Math.min(longest, Number(header) * 1000)
  const at = /^[A-Z][a-z]{2,8},? /.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.min(longest, Math.max(0, at - now))
}

const isProblem = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^\s*application\/problem\+json\s*(;|$)/i.test(contentType)

/** The answer to a HEAD has no body, whatever its headers say, and a connection is free when that has been read. */
const nothing: Came = { text: "" }

/** As much of a response as there is and as came in time. */
export const came = (response: HttpClientResponse, options: Patience): Effect.Effect<Came> =>
  response.request.method === "HEAD" ? Effect.as(textOf(response, options), nothing) : textOf(response, options)

/** The failure that a response tells of, of which this has come. */
export const failureIn = (
  { headers, status }: HttpClientResponse,
  { cut, text }: Came,
  known: ReadonlyArray<RemoteFailure.Known>,
  { trust = "peer" }: Reading = {}
): Effect.Effect<never, Failure.Any> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const retry_after_ms = pauseOf(headers["retry-after"], now)
    if (text === "" && cut === undefined) return Effect.fail(bodiless(status, retry_after_ms))
    const context: Context = {
      status,
      isTrusted: trust === "peer",
      ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
      ...(cut === undefined ? {} : { cut })
    }
    const decode = isProblem(headers["content-type"]) ? decodeProblemWith : decodeJsonWith(status)
    return Effect.flatMap(decode(text, known, context), Effect.fail)
  })

const failed = (
  response: HttpClientResponse,
  known: ReadonlyArray<RemoteFailure.Known>,
  options: Reading
): Effect.Effect<never, Failure.Any> =>
  Effect.flatMap(came(response, options), (body) => failureIn(response, body, known, options))

/**
 * The failure that a response with an error status tells of. A body that is no failure of ours is an `UndecodableRemote`
 * that knows the status, and so whether to try again. So is one that is too large, that breaks off, or that takes too long
 * (`problem`: `too_large`, `incomplete`, `timed_out`), unless what came in time is a failure. An answer without a body, as to every HEAD, is a `RemoteFailure` with the code that
 * its status stands for (`Classifier.ofStatus`). A problem is recognised whatever its content type says.
 *
 * - `known`: the classes that may come back. Default: none.
 * - `patience`: how long the body may take. Default: 10 seconds. `maxBytes`: how much of it is read. Default: 1 MiB. `trust`: whose
 *   words may be shown again as ours, `"peer"` or `"nobody"`. Default: `"peer"`.
 *
 * What is unknown or wrong is thrown as `ConfigError.InvalidValue`.
 */
export const failureOf = <const Classes extends ReadonlyArray<RemoteFailure.Known> = []>(
  response: HttpClientResponse,
  known?: Classes,
  options?: Reading
): Effect.Effect<never, Failures<Classes>> =>
  failed(
    response,
    verifiedKnown("HttpEdge.failureOf", known),
    verifiedReading("HttpEdge.failureOf", options)
  ) as Effect.Effect<never, Failures<Classes>>

/** A client that passes on the name of the request that the fiber is about, unless the request has one already. */
export const correlated = <E, R>(self: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E, R> =>
  HttpClient.mapRequestEffect(self, (request) =>
    Effect.map(InForce, ({ correlation, options }) => {
      const header = headerOf(options)
      return correlation === undefined || Headers.has(request.headers, header)
        ? request
        : HttpClientRequest.setHeader(request, header, correlation)
    })
  )

/** A client of the other side, whose options are looked at before there is a client to use them. */
const reads = (given: ReadonlyArray<RemoteFailure.Known> | undefined, options: Reading | undefined) => {
  const known = verifiedKnown("HttpEdge.client", given)
  const reading = verifiedReading("HttpEdge.client", options)
  return <E, R>(self: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E | Failure.Any, R> =>
    HttpClient.transformResponse(
      correlated(self),
      Effect.flatMap((response) =>
        response.status < 400 ? Effect.succeed(response) : failed(response, known, reading)
      )
    )
}

/**
 * A client whose responses of status 400 and above are failures: the declared class where its code is known here, else a
 * `RemoteFailure` with the code. No more than 1 MiB of a body is read, and for no longer than 10 seconds; interruption gives
 * the connection up. What the client itself fails with (no connection, no such host) stays as it is; the `Classifier` knows it.
 * Give it a client without `filterStatusOk`, which would take the answer away. Inside of a request that an edge answers it
 * passes the correlation id on, under the header of that edge.
 *
 * - `known`: the classes that may come back. Default: none.
 * - `patience`: how long the body of a failure may take. Default: 10 seconds. `maxBytes`: how much of it is read. Default:
 *   1 MiB. Use an `Effect.timeout` or a policy for the request itself.
 * - `trust`: `"peer"` takes the other side at its word: a body that calls itself public is shown to your callers word for word.
 *   With `"nobody"` it is an internal detail. Default: `"peer"`.
 *
 * What is unknown or wrong is thrown as `ConfigError.InvalidValue`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { HttpEdge } from "@holdfast/protocol/http"
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const order = Effect.gen(function* () {
 *   const client = (yield* HttpClient.HttpClient).pipe(HttpEdge.client([Reasons.NotFound]))
 *   return yield* client.get("http://localhost/orders/7")
 * }).pipe(Effect.catchTag("NotFound", ({ detail }) => Effect.succeed(detail)))
 * ```
 */
export const client: {
  <const Classes extends ReadonlyArray<RemoteFailure.Known> = []>(
    known?: Classes,
    options?: Reading
  ): <E, R>(self: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E | Failures<Classes>, R>
  <E, R, const Classes extends ReadonlyArray<RemoteFailure.Known> = []>(
    self: HttpClient.HttpClient.With<E, R>,
    known?: Classes,
    options?: Reading
  ): HttpClient.HttpClient.With<E | Failures<Classes>, R>
} = (...args: ReadonlyArray<unknown>) => {
  const [self, ...others] = HttpClient.isHttpClient(args[0]) ? args : [undefined, ...args]
  const reader = reads(...(others as Parameters<typeof reads>))
  return (self === undefined ? reader : reader(self as HttpClient.HttpClient)) as never
}
