import { Failure } from "@holdfast/core"
import { Effect, Predicate } from "effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import { look } from "../look.ts"
import type { Named } from "../reporting.ts"

const tagIn = (body: Uint8Array): unknown => {
  const value: unknown = look(() => JSON.parse(new TextDecoder().decode(body)), undefined)
  return Predicate.hasProperty(value, "_tag") ? value._tag : undefined
}

/** The failure whose bare class an answer is: `HttpApi` sends it so where it is declared without `ApiEdge.problem`. */
export const bareIn = ({ body, status }: HttpServerResponse, named: Named): Failure.Any | undefined => {
  if (status < 400 || named.size === 0 || body._tag !== "Uint8Array" || body.contentType !== "application/json") {
    return undefined
  }
  const tag = tagIn(body.body)
  return [...named.keys()].filter(Failure.isFailure).find(({ _tag }) => _tag === tag)
}

const warned = new WeakSet<object>()

/** Whoever has declared a bare class hears of it once. */
export const warnOfBare = (failure: Failure.Any): Effect.Effect<void, never, HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest, ({ method, url }) => {
    const { _tag, constructor } = failure
    if (warned.has(constructor)) return Effect.void
    warned.add(constructor)
    const path = url.split(/[?#]/, 1)[0]
    return Effect.logWarning(
      `${method} ${path} answers with the bare class ${_tag}, which says no code: declare ApiEdge.problem(${_tag}), or use ApiEdge.api`
    )
  })
