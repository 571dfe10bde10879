import { Clock, Effect, type Schema } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import type * as RemoteFailure from "../remote/RemoteFailure.ts"
import { type Context, decodeHttpWith, decodeProblemWith, decodeRpcWith } from "../remote/decode.ts"

type Failures<Classes extends ReadonlyArray<RemoteFailure.Known>> =
  | Classes[number]["Type"]
  | RemoteFailure.RemoteFailure
  | RemoteFailure.UndecodableRemote

/** `Retry-After` in milliseconds: a number of seconds, or a date. */
const pauseOf = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined || header.length > 64) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/**
 * The failure that a response with an error status tells of. A body that is no failure of ours is an `UndecodableRemote`
 * that knows the status, and so whether to try again.
 */
export const failureOf = <const Classes extends ReadonlyArray<RemoteFailure.Known> = []>(
  response: HttpClientResponse,
  known?: Classes
): Effect.Effect<never, Failures<Classes>> =>
  Effect.gen(function* () {
    const retry_after_ms = pauseOf(response.headers["retry-after"], yield* Clock.currentTimeMillis)
    const body = yield* Effect.orElseSucceed(response.text, () => "")
    const context: Context = {
      status: response.status,
      ...(retry_after_ms === undefined ? {} : { retry_after_ms })
    }
    const classes: ReadonlyArray<RemoteFailure.Known> = known ?? []
    const isProblem = response.headers["content-type"]?.startsWith("application/problem+json") === true
    const failure = isProblem
      ? yield* decodeProblemWith(body, classes, context)
      : yield* decodeHttpWith(body, classes, context).pipe(
          Effect.catch((undecodable) => Effect.mapError(decodeRpcWith(body, classes, context), () => undecodable))
        )
    return yield* Effect.fail(failure as Schema.Schema.Type<Classes[number]>)
  }) as Effect.Effect<never, Failures<Classes>>

/**
 * A client whose responses of status 400 and above are failures: the declared class where its code is known here, else a
 * `RemoteFailure` with the code.
 *
 * - `known`: the classes that may come back. Default: none.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { HttpEdge } from "@holdfast/protocol/http"
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const order = Effect.gen(function* () {
 *   const client = HttpEdge.client(yield* HttpClient.HttpClient, [Reasons.NotFound])
 *   return yield* client.get("http://localhost/orders/7")
 * }).pipe(Effect.catchTag("NotFound", ({ detail }) => Effect.succeed(detail)))
 * ```
 */
export const client = <E, R, const Classes extends ReadonlyArray<RemoteFailure.Known> = []>(
  self: HttpClient.HttpClient.With<E, R>,
  known?: Classes
): HttpClient.HttpClient.With<E | Failures<Classes>, R> =>
  HttpClient.transformResponse(
    self,
    Effect.flatMap((response) =>
      response.status < 400 ? Effect.succeed(response) : failureOf<Classes>(response, known)
    )
  )
