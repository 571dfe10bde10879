import { Classifier, Redaction } from "@holdfast/core"
import { Context, Effect, ErrorReporter, Logger } from "effect"
import { ExposurePolicy } from "../exposure/ExposurePolicy.ts"
import { InForce } from "./inForce.ts"

/** What decides how a failure leaves, and who hears of it. */
const pick = Context.pick(
  ExposurePolicy,
  Redaction.Redaction,
  Classifier.Classifier,
  ErrorReporter.CurrentErrorReporters,
  Logger.CurrentLoggers
)

/** What of that somebody provided to the layer that is being built. A server runs requests without it. */
export const provided: Effect.Effect<Context.Context<never>> = Effect.map(Effect.context<never>(), pick)

/** What was provided to the layer, under what a request has of its own. */
export const under =
  (layer: Context.Context<never>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    layer.mapUnsafe.size === 0
      ? self
      : Effect.updateContext(self, (own: Context.Context<R>) => Context.merge(layer, own))

const unchosen = "HttpEdge: no ExposurePolicy is provided, ExposurePolicy.contract is in force"

const second = "HttpEdge: a router has two edges, and both are for all of its routes: the first one decides for both"

/**
 * What is said at the first request: that nobody has chosen a policy, for one that stands beside a server, and is not provided
 * to it, reaches nobody; and that an edge is inside of another one.
 */
export const noticing = (): Effect.Effect<void> => {
  let isSaid = false
  return Effect.withFiber((fiber) => {
    if (isSaid) return Effect.void
    isSaid = true
    if (fiber.getRef(InForce).named !== undefined) return Effect.logWarning(second)
    return fiber.context.mapUnsafe.has(ExposurePolicy.key) ? Effect.void : Effect.logInfo(unchosen)
  })
}
