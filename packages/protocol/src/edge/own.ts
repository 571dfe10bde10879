import { Identity } from "@holdfast/core"
import { Cause, Effect } from "effect"
import * as Respondable from "effect/http/HttpServerRespondable"
import { type HttpServerResponse, isHttpServerResponse } from "effect/http/HttpServerResponse"
import { look } from "../look.ts"
import { isServersOwn } from "./translate.ts"

/** What brings its own answer along: a response that was thrown or raised, an error that knows how to respond. */
export const ownAnswer = (cause: Cause.Cause<unknown>): Effect.Effect<HttpServerResponse> | undefined => {
  const thrown = cause.reasons.find((reason) => Cause.isDieReason(reason) && isHttpServerResponse(reason.defect))
  if (thrown !== undefined && Cause.isDieReason(thrown)) return Effect.succeed(thrown.defect as HttpServerResponse)
  const { error } = Identity.primary(cause)
  if (isHttpServerResponse(error)) return Effect.succeed(error)
  return Respondable.isRespondable(error) && !isServersOwn(error) ? Respondable.toResponse(error) : undefined
}

/** What was thrown beside an error that answers for itself, and that nobody would hear of. */
export const besides = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  const { error } = Identity.primary(cause)
  return Cause.fromReasons(
    cause.reasons.filter(
      (reason) =>
        Cause.isDieReason(reason) && reason.defect !== error && !look(() => isHttpServerResponse(reason.defect), false)
    )
  )
}
