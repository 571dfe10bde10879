/**
 * Declared failures as the errors of an `HttpApi`: typed problem details on the wire and in the OpenAPI document, the
 * declared class on the client.
 */
import type { Audience, Failure } from "@holdfast/core"
import { check, fitting, refuse, type Table, text as word } from "@holdfast/core/options"
import { Effect, Schema, SchemaGetter, SchemaIssue } from "effect"
import * as HttpEffect from "effect/http/HttpEffect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import { text } from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as ExposurePolicy from "../exposure/ExposurePolicy.ts"
import * as Projection from "../projection/Projection.ts"
import { arrived, remoteOf } from "../remote/decode.ts"
import { RemoteFailure } from "../remote/failure.ts"
import { remoteCode } from "../snapshot/remote.ts"
import { failureClass, final, type Known } from "../remote/known.ts"
import { readProblem } from "../remote/problem.ts"
import { carriedVersion } from "../snapshot/carried.ts"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { clean } from "./clean.ts"
import { met } from "./met.ts"
import { response } from "./server.ts"
import { InForce } from "./inForce.ts"
import { setTold, told } from "./told.ts"

export { client, type ClientOptions } from "./apiClient.ts"
export { api } from "./apiProblems.ts"

/** How a failure is documented. */
export interface Options {
  /** The HTTP status, here and in the document: from 400 to 599. Default: the declared one, else that of `ExposurePolicy.standard`. */
  readonly status?: number
  /** The beginning of the type URI, to which the code is appended. Default: `urn:failure:`, so that types differ. */
  readonly typeBase?: string
}

const table: Table = {
  status: fitting("a status from 400 to 599", ExposurePolicy.ExposureDecision.fields.http_status),
  typeBase: word
}

const verified = <S extends Known>(path: string, Class: S): S =>
  !failureClass.is(Class)
    ? refuse({ path }, failureClass.what, Class)
    : Class.declared.code === remoteCode
      ? refuse({ path }, "must be a class with a code of its own, which RemoteFailure has not")
      : Class

const statusOf = (Class: Known): number => {
  const { category, code, reason } = Class.declared
  const about: ExposurePolicy.Subject = {
    identity: { code, category, reason, detail: null, position: null, path: null },
    classification: Class.declared,
    origin: "failure",
    metadata: {},
    causes: []
  }
  return ExposurePolicy.decide(ExposurePolicy.standard, about).http_status
}

/** A problem of ours, of this one failure. */
const wireOf = <S extends Known>(Class: S, type: string, status: number) => {
  const { category, code } = Class.declared
  return Schema.Struct({
    ...Projection.ProblemProjection.fields,
    type: Schema.tag(type),
    status: Schema.Literal(status),
    code: Schema.Literal(code),
    category: Schema.Literal(category),
    // Of another version of the class, its fields are as good as none.
    failure: Schema.optionalKey(Schema.Struct({ version: Schema.Literal(carriedVersion), data: Class })).pipe(
      Schema.catchDecoding(() => Effect.succeedNone)
    )
  })
}

interface Seen {
  readonly snapshot: ErrorSnapshot.ErrorSnapshot
  readonly audience: Audience
  readonly isAnswer: boolean
}

/** A failure that answers a request: in the words and under the headers of the edge around it. `HttpApi` has reported it. */
const seen = (failure: Failure.Any, status: number): Effect.Effect<Seen> =>
  Effect.withFiber((fiber) => {
    const request = Effect.serviceOption(HttpServerRequest)
    const { options } = fiber.getRef(InForce)
    return Effect.flatMap(request, (given) => {
      if (given._tag === "None") {
        return Effect.map(met(failure, { carry: "all", status }), ({ snapshot }): Seen => ({
          snapshot,
          audience: "client",
          isAnswer: false
        }))
      }
      return Effect.gen(function* () {
        const { audience, headers, language, snapshot } = yield* told(failure, { ...options, carry: "all" }, status)
        yield* HttpEffect.appendPreResponseHandler((_, response) =>
          Effect.succeed(setTold(response, { ...headers, ...language }))
        )
        return { snapshot, audience, isAnswer: true }
      }).pipe(Effect.provideService(HttpServerRequest, given.value))
    })
  })

/**
 * What cannot be told as its class: without its secrets it breaks the rules of its fields, or it is too large. A request is
 * answered all the same, as the documented problem without `failure`.
 */
const untold = (tag: string, body: ProblemDetails.ProblemDetails, status: number, isAnswer: boolean) =>
  isAnswer
    ? Effect.die(text(Projection.stringify(body), { status, contentType: ProblemDetails.contentType }))
    : Effect.fail(new SchemaIssue.InvalidValue({ message: `${tag} cannot be sent without its secrets` }))

/** What another program failed with is not what an endpoint declares: it is answered as what nobody declares. */
const passedOn = (failure: RemoteFailure): Effect.Effect<never, SchemaIssue.Issue> =>
  Effect.flatMap(Effect.serviceOption(HttpServerRequest), (given) =>
    given._tag === "None"
      ? Effect.fail(new SchemaIssue.InvalidValue({ message: "a RemoteFailure is no failure of this endpoint" }))
      : Effect.flatMap(InForce, ({ options }) => response(failure, options)).pipe(
          Effect.provideService(HttpServerRequest, given.value),
          Effect.flatMap(Effect.die)
        )
  )

/** A problem without the fields: the class where it needs none, else what the problem says. */
const cameBare = (body: object, Class: Known): Effect.Effect<Failure.Any> =>
  arrived(remoteOf(readProblem(body)!)!, undefined, [Class])

/** The schema of a failure as a problem. */
export interface problem<S extends Known> extends Schema.Codec<
  S["Type"] | RemoteFailure,
  ProblemDetails.ProblemDetailsEncoded,
  never,
  never
> {}

/**
 * A failure class as the error of an endpoint. `detail` is there if the reader may see it; `failure` holds the declared fields,
 * secrets masked, and rebuilds the class on the client. Where a mask breaks the rule of a field that is not declared to be
 * secret, and where the fields take more than 16 KiB, the problem goes without `failure`: a class that needs no fields comes back
 * all the same, any other as a `RemoteFailure` with its code.
 *
 * The status is fixed here, because the document says it; what else is said goes by the policies of the fiber when the failure
 * is answered. Inside of `HttpEdge.layer` its `audience`, its `titles` and its headers hold here, too.
 *
 * - `status`: default: the declared one, else that of `ExposurePolicy.standard`. A policy in force that gives another one does
 *   not change it. From 400 to 599. `typeBase`: default `urn:failure:`. What is unknown or wrong is thrown as
 *   `ConfigError.InvalidValue`.
 *
 * @example
 * ```ts
 * import { Failure } from "@holdfast/core"
 * import { ApiEdge } from "@holdfast/protocol/http-api"
 * import { Schema } from "effect"
 * import { HttpApiEndpoint } from "effect/http-api"
 *
 * class SoldOut extends Failure.Tagged<SoldOut>()("SoldOut", { sku: Schema.String }, {
 *   code: "biz.stock.sold_out",
 *   http: 409
 * }) {}
 *
 * const order = HttpApiEndpoint.post("order", "/orders", { success: Schema.String, error: ApiEdge.problem(SoldOut) })
 * order.identifier // => "order"
 * ```
 */
export const problem = <S extends Known>(Class: S, options: Options = {}): problem<S> => {
  verified("ApiEdge.problem", Class)
  check({ path: "ApiEdge.problem" }, table, options)
  const { status = statusOf(Class), typeBase = "urn:failure:" } = options
  const { code, reason, tag } = Class.declared
  const decode = (body: { readonly failure?: { readonly data: Failure.Any }; readonly retryable: boolean }) =>
    body.failure === undefined
      ? cameBare(body, Class)
      : Effect.succeed(body.retryable ? body.failure.data : final(body.failure.data))
  const encode = (failure: Failure.Any) => {
    if (failure instanceof RemoteFailure && !(failure instanceof Class)) return passedOn(failure)
    return Effect.flatMap(seen(failure, status), ({ audience, isAnswer, snapshot }) => {
      const body = Projection.toProblem(snapshot, { typeBase, audience })
      // The declared fields go as an instance that has no secret any more: its own schema encodes it.
      const data = clean(snapshot, Class, audience)
      return data === undefined
        ? untold(tag, body, status, isAnswer)
        : Effect.succeed({ ...body, failure: { version: carriedVersion, data } })
    })
  }
  const wire = wireOf(Class, typeBase + encodeURIComponent(code), status)
  return wire.annotate({ identifier: `${tag}Problem`, description: reason }).pipe(
    Schema.decodeTo(Schema.Union([Schema.toType(Class), Schema.toType(RemoteFailure)]).annotate({ description: tag }), {
      decode: SchemaGetter.transformEffect(decode),
      encode: SchemaGetter.transformEffect(encode)
    } as never),
    HttpApiSchema.status(status),
    HttpApiSchema.asJson({ contentType: ProblemDetails.contentType })
  ) as never
}

/**
 * Several failure classes as the errors of an endpoint, each as {@link problem} makes it.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ApiEdge } from "@holdfast/protocol/http-api"
 * import { Schema } from "effect"
 * import { HttpApiEndpoint } from "effect/http-api"
 *
 * const order = HttpApiEndpoint.get("order", "/orders", {
 *   success: Schema.String,
 *   error: ApiEdge.problems(Reasons.NotFound, Reasons.RateLimited)
 * })
 * order.identifier // => "order"
 * ```
 */
export const problems = <const Classes extends ReadonlyArray<Known>>(
  ...classes: Classes
): { readonly [K in keyof Classes]: problem<Classes[K]> } =>
  classes.map((Class, i) => problem(verified(`ApiEdge.problems[${i}]`, Class))) as never
