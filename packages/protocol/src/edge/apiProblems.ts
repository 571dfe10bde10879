import { check, refuse, type Table, text } from "@holdfast/core/options"
import { Context, Function, Predicate, Schema } from "effect"
import * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import type { Known } from "../remote/known.ts"
import { type Options, problem } from "./ApiEdge.ts"
import { documented } from "./apiDocument.ts"

/** A declared class, also where `HttpApi` has made a JSON codec of it. */
const declaredAs = (schema: Schema.Top): Known | undefined => {
  if (Predicate.hasProperty(schema, "declared")) return schema as unknown as Known
  const source: unknown = Predicate.hasProperty(schema, "schema") ? schema.schema : undefined
  return Predicate.hasProperty(source, "declared") ? (source as unknown as Known) : undefined
}

type TypeBase = Pick<Options, "typeBase">

const table: Table = { typeBase: text }

const told = (endpoint: HttpApiEndpoint.Top, options: TypeBase): HttpApiEndpoint.Top => {
  const error = [...endpoint.error].map((schema) => {
    const Class = declaredAs(schema)
    return Class === undefined ? schema : Schema.toCodecJson(problem(Class, options))
  })
  return Object.assign(endpoint.annotateMerge(Context.empty()), { error: new Set(error) })
}

/**
 * An API in which every failure class that an endpoint declares as it is leaves as `ApiEdge.problem` makes it: status, document
 * and client alike. Give the result to the handlers, the server and the client. Errors of middlewares stay what they are. In the
 * document every endpoint has what `HttpEdge.layer` answers beside: the headers of a problem, and as `default` whatever is not
 * declared.
 *
 * - `typeBase`: the beginning of the type URI. Default: `urn:failure:`. What is unknown or wrong is thrown as
 *   `ConfigError.InvalidValue`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ApiEdge } from "@holdfast/protocol/http-api"
 * import { Schema } from "effect"
 * import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
 *
 * const order = HttpApiEndpoint.get("order", "/orders", { success: Schema.String, error: Reasons.NotFound })
 * const Shop = ApiEdge.api(HttpApi.make("Shop").add(HttpApiGroup.make("orders").add(order)))
 *
 * const { paths } = OpenApi.fromApi(Shop)
 * Object.keys(paths["/orders"]?.get?.responses[404]?.content ?? {}) // => ["application/problem+json"]
 * ```
 */
export const api = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
  options: TypeBase = {}
): HttpApi.HttpApi<Id, Groups> => {
  if (!HttpApi.isHttpApi(api)) refuse({ path: "ApiEdge.api" }, "must be an HttpApi", api)
  check({ path: "ApiEdge.api" }, table, options)
  const groups = Object.values(api.groups) as unknown as ReadonlyArray<HttpApiGroup.Top>
  const ofProblems = groups.map((group) =>
    Object.values<HttpApiEndpoint.Top>(group.endpoints).reduce<HttpApiGroup.Top>(
      (all, endpoint) => all.add(told(endpoint, options)),
      group
    )
  )
  const own = Context.getOrElse(api.annotations, OpenApi.Transform, () => Function.identity)
  return ofProblems
    .reduce<HttpApi.HttpApi<Id, Groups>>((all, group) => all.add(group) as never, api)
    .annotate(OpenApi.Transform, (spec) => own(documented(spec)))
}
