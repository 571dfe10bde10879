import { check, either, guarded, type Table, text } from "@holdfast/core/options"
import { Effect, Predicate } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import { isHttpClientError } from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import { type Known, verifiedKnown } from "../remote/known.ts"
import type { Patience } from "./body.ts"
import { came, correlated, type Failures, failureIn } from "./client.ts"
import { patience as patient } from "./reading.ts"

/** How a generated client reads failures. */
export interface ClientOptions extends Patience {
  /** Where the API is. Default: what the `HttpClient` makes of the paths. */
  readonly baseUrl?: URL | string
}

const table: Table = {
  ...patient,
  baseUrl: either(
    text,
    guarded("a URL", (u) => u instanceof URL)
  )
}

type Answers = WeakMap<object, Effect.Effect<never, unknown>>

/** An error response whose body has been read, no further than is bounded: the generated client may read it, and so may we. */
const kept = (
  response: HttpClientResponse.HttpClientResponse,
  known: ReadonlyArray<Known>,
  options: Patience,
  answers: Answers
): Effect.Effect<HttpClientResponse.HttpClientResponse> => {
  const { headers, request, status } = response
  if (status < 400 || status > 599) return Effect.succeed(response)
  return Effect.map(came(response, options), (body) => {
    const whole = HttpClientResponse.fromWeb(request, new Response(body.text, { status, headers }))
    answers.set(whole, failureIn(response, body, known))
    return whole
  })
}

const answerOf = (error: unknown, answers: Answers): Effect.Effect<never, unknown> | undefined => {
  if (!isHttpClientError(error) || !Predicate.hasProperty(error.reason, "response")) return undefined
  return answers.get(error.reason.response as object)
}

/**
 * The generated client of an `HttpApi`, whose methods fail with what the other side failed with, whether the endpoint declares
 * it or not: an error that it declares as it is; anything else as the class that is known here, else as a `RemoteFailure` with
 * the code. What the client itself fails with stays as it is.
 *
 * - `known`: the classes that may come back of what no endpoint declares. Default: none.
 * - `baseUrl`: where the API is. Default: none. `patience`, `maxBytes`: as of `HttpEdge.client`. What is
 *   unknown or wrong is thrown as `ConfigError.InvalidValue`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ApiEdge } from "@holdfast/protocol/http-api"
 * import { Effect, Schema } from "effect"
 * import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
 *
 * const order = HttpApiEndpoint.post("order", "/orders", { success: Schema.String, error: ApiEdge.problem(Reasons.NotFound) })
 * const Shop = HttpApi.make("Shop").add(HttpApiGroup.make("orders").add(order))
 *
 * const program = Effect.gen(function* () {
 *   const shop = yield* ApiEdge.client(Shop, [Reasons.RateLimited])
 *   return yield* shop.orders.order({})
 * }).pipe(
 *   Effect.catchTag("NotFound", ({ detail }) => Effect.succeed(detail)),
 *   Effect.catchTag("RateLimited", ({ retryAfter }) => Effect.succeed(`come back in ${retryAfter}`))
 * )
 * ```
 */
export const client = <
  ApiId extends string,
  Groups extends HttpApiGroup.Constraint,
  const Classes extends ReadonlyArray<Known> = []
>(
  api: HttpApi.HttpApi<ApiId, Groups>,
  known?: Classes,
  options: ClientOptions = {}
): Effect.Effect<
  HttpApiClient.Client<Groups, Failures<Classes>>,
  never,
  HttpClient.HttpClient | HttpApiGroup.MiddlewareClient<Groups>
> => {
  const classes = verifiedKnown("ApiEdge.client", known)
  check({ path: "ApiEdge.client" }, table, options)
  const { baseUrl, ...patience } = options
  return Effect.flatMap(HttpClient.HttpClient, (httpClient) => {
    const answers: Answers = new WeakMap()
    const reading = HttpClient.transformResponse(
      correlated(httpClient),
      Effect.flatMap((response) => kept(response, classes, patience, answers))
    )
    return HttpApiClient.makeWith(api, {
      httpClient: reading,
      transformResponse: Effect.catch((error) => answerOf(error, answers) ?? Effect.fail(error)),
      ...(baseUrl === undefined ? {} : { baseUrl })
    }) as never
  })
}
