import { Identity } from "@holdfast/core"
import { Cause, Effect } from "effect"
import * as Respondable from "effect/http/HttpServerRespondable"
import { type HttpServerResponse, isHttpServerResponse } from "effect/http/HttpServerResponse"
import { look } from "../look.ts"
import { isServersOwn } from "./translate.ts"

/** A value that claims to be everything is no answer. */
const isResponse = (u: unknown): u is HttpServerResponse =>
  look(() => isHttpServerResponse(u) && Number.isInteger(u.status) && typeof u.body._tag === "string", false)

const responds = (u: unknown): u is Respondable.Respondable =>
  look(() => Respondable.isRespondable(u) && typeof u[Respondable.symbol] === "function", false)

/** What brings its own answer along: a response that was thrown or raised, an error that knows how to respond. */
export const ownAnswer = (cause: Cause.Cause<unknown>): Effect.Effect<HttpServerResponse> | undefined => {
  const thrown = cause.reasons.find((reason) => Cause.isDieReason(reason) && isResponse(reason.defect))
  if (thrown !== undefined && Cause.isDieReason(thrown)) return Effect.succeed(thrown.defect as HttpServerResponse)
  const { error } = Identity.primary(cause)
  if (isResponse(error)) return Effect.succeed(error)
  return responds(error) && !isServersOwn(error) ? Respondable.toResponse(error) : undefined
}

/** What was thrown beside an error that answers for itself, and that nobody would hear of. */
export const besides = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  const { error } = Identity.primary(cause)
  return Cause.fromReasons(
    cause.reasons.filter((reason) => Cause.isDieReason(reason) && reason.defect !== error && !isResponse(reason.defect))
  )
}
