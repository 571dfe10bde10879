/**
 * Declared failures as the errors of an `HttpApi`: typed problem details on the wire and in the OpenAPI document, the
 * declared class on the client.
 */
import { type Audience, type Category, type Failure, Visibility } from "@holdfast/core"
import { Effect, Schema, SchemaGetter, SchemaIssue } from "effect"
import * as HttpEffect from "effect/http/HttpEffect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import { setHeaders, text } from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as ExposurePolicy from "../exposure/ExposurePolicy.ts"
import * as Projection from "../projection/Projection.ts"
import type { Known } from "../remote/known.ts"
import { carriedVersion } from "../snapshot/carried.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { clean } from "./clean.ts"
import { met } from "./met.ts"
import { InForce, told } from "./told.ts"

/** How a failure is documented. */
export interface Options {
  /** The HTTP status, here and in the document. Default: the declared one, else that of `ExposurePolicy.standard`. */
  readonly status?: number
  /** The beginning of the type URI, to which the code is appended. Default: `urn:failure:`, so that types differ. */
  readonly typeBase?: string
}

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

const wireOf = <S extends Known>(Class: S, type: string, status: number, code: string, category: Category) =>
  Schema.Struct({
    type: Schema.tag(type),
    title: Schema.String,
    status: Schema.Literal(status),
    detail: Schema.optionalKey(Schema.String),
    instance: Schema.optionalKey(Schema.String),
    code: Schema.Literal(code),
    category: Schema.Literal(category),
    visibility: Schema.optionalKey(Visibility),
    retryable: Schema.Boolean,
    hints: Schema.Array(Schema.String),
    retry_after_ms: Schema.optionalKey(Schema.Finite),
    violations: Schema.optionalKey(Schema.Array(ErrorSnapshot.Violation)),
    trace_id: Schema.optionalKey(Schema.String),
    failure: Schema.Struct({ version: Schema.Literal(carriedVersion), data: Class })
  })

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
        const { audience, headers, snapshot } = yield* told(failure, { ...options, carry: "all" }, status)
        yield* HttpEffect.appendPreResponseHandler((_, response) => Effect.succeed(setHeaders(response, headers)))
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

/** The schema of a failure as a problem. */
export interface problem<S extends Known> extends Schema.Codec<
  S["Type"],
  ProblemDetails.ProblemDetailsEncoded,
  never,
  never
> {}

/**
 * A failure class as the error of an endpoint. `detail` is there if the reader may see it; `failure` holds the declared fields,
 * secrets masked, and rebuilds the class on the client. Where a mask breaks the rule of a field that is not declared to be
 * secret, and where the fields take more than 16 KiB, the problem goes without `failure`.
 *
 * The status is fixed here, because the document says it; what else is said goes by the policies of the fiber when the failure
 * is answered. Inside of `HttpEdge.layer` its `audience`, its `titles` and its headers hold here, too.
 *
 * - `status`: default: the declared one, else that of `ExposurePolicy.standard`. A policy in force that gives another one does
 *   not change it. `typeBase`: default `urn:failure:`.
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
  const { status = statusOf(Class), typeBase = "urn:failure:" } = options
  const { category, code, reason, tag } = Class.declared
  const encode = (failure: Failure.Any) =>
    Effect.flatMap(seen(failure, status), ({ audience, isAnswer, snapshot }) => {
      const body = Projection.toProblem(snapshot, { typeBase, audience })
      // The declared fields go as an instance that has no secret any more: its own schema encodes it.
      const data = clean(snapshot, Class, audience)
      return data === undefined
        ? untold(tag, body, status, isAnswer)
        : Effect.succeed({ ...body, failure: { version: carriedVersion, data } })
    })
  const wire = wireOf(Class, typeBase + encodeURIComponent(code), status, code, category)
  return wire.annotate({ identifier: `${tag}Problem`, description: reason }).pipe(
    Schema.decodeTo(Schema.toType(Class), {
      decode: SchemaGetter.transform((body: { readonly failure: { readonly data: unknown } }) => body.failure.data),
      encode: SchemaGetter.transformEffect(encode)
    } as never),
    HttpApiSchema.status(status),
    HttpApiSchema.asJson({ contentType: ProblemDetails.contentType })
  ) as never
}
