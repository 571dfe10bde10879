/**
 * Declared failures as the errors of an `HttpApi`: typed problem details on the wire and in the OpenAPI document, the
 * declared class on the client.
 */
import { type Category, type Failure, Redaction } from "@holdfast/core"
import { Effect, Schema, SchemaGetter, SchemaIssue } from "effect"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as ExposurePolicy from "../exposure/ExposurePolicy.ts"
import * as Projection from "../projection/Projection.ts"
import type { Known } from "../remote/known.ts"
import { carriedVersion } from "../snapshot/carried.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { clean } from "./clean.ts"

/** How a failure is documented and sent. */
export interface Options {
  /** Decides status, hints and what is shown. Default: `ExposurePolicy.standard`. */
  readonly policy?: ExposurePolicy.Policy
  /** The beginning of the type URI, to which the code is appended. Default: `urn:failure:`, so that types differ. */
  readonly typeBase?: string
  /** What never leaves. Default: `Redaction.standard`. */
  readonly redaction?: Redaction.Policy
}

const decisionOf = (Class: Known, policy: ExposurePolicy.Policy) => {
  const { category, code, reason } = Class.declared
  return ExposurePolicy.decide(policy, {
    identity: { code, category, reason, detail: null, position: null, path: null },
    classification: Class.declared,
    origin: "failure",
    metadata: {},
    causes: []
  })
}

const wireOf = <S extends Known>(Class: S, type: string, status: number, code: string, category: Category) =>
  Schema.Struct({
    type: Schema.tag(type),
    title: Schema.String,
    status: Schema.Literal(status),
    detail: Schema.optionalKey(Schema.String),
    code: Schema.Literal(code),
    category: Schema.Literal(category),
    retryable: Schema.Boolean,
    hints: Schema.Array(Schema.String),
    retry_after_ms: Schema.optionalKey(Schema.Finite),
    violations: Schema.optionalKey(Schema.Array(ErrorSnapshot.Violation)),
    failure: Schema.Struct({ version: Schema.Literal(carriedVersion), data: Class })
  })

/** The schema of a failure as a problem. */
export interface problem<S extends Known> extends Schema.Codec<
  S["Type"],
  ProblemDetails.ProblemDetailsEncoded,
  never,
  never
> {}

/**
 * A failure class as the error of an endpoint. The status is the one the policy gives to the declaration; `detail` is there if
 * it is public; `failure` holds the declared fields, secrets masked, and rebuilds the class on the client.
 *
 * - `policy`: default `ExposurePolicy.standard`. `typeBase`: default `urn:failure:`. `redaction`: default `Redaction.standard`.
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
  const { policy = ExposurePolicy.standard, redaction = Redaction.standard, typeBase = "urn:failure:" } = options
  const { category, code, reason, tag } = Class.declared
  const status = decisionOf(Class, policy).http_status
  const fixed: ExposurePolicy.Policy = (subject) => ({ ...policy(subject), http_status: status })
  const encode = (failure: Failure.Any) => {
    const snapshot = ErrorSnapshot.of(failure, { policy: fixed, redaction, carry: "all" })
    const body = Projection.toProblem(snapshot, { typeBase })
    // The declared fields go as an instance that has no secret any more: its own schema encodes it.
    const told = clean(snapshot, Class, "client")
    return told === undefined
      ? Effect.fail(new SchemaIssue.InvalidValue({ message: `${tag} cannot be sent without its secrets` }))
      : Effect.succeed({ ...body, failure: { version: carriedVersion, data: told } })
  }
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
