import { Context, Duration } from "effect"
import type { Declared } from "../failure/declaration.ts"
import { isFailure, leafOf, TypeId } from "../failure/model.ts"
import * as Reasons from "../reasons/Reasons.ts"
import { classifyForeign } from "./foreign.ts"

/** What policies, telemetry and projections need to know about an error: the declaration of a failure, or its stand-in. */
export type Classification = Omit<Declared, "tag" | "sensitive" | "callSite" | "deprecated" | "replacedBy">

/**
 * An application's own table for foreign errors. Return `undefined` to leave the error to the built-in table. It is asked
 * only about errors that are not declared failures; one that throws counts as `undefined`.
 */
export type Classify = (error: unknown) => Classification | undefined

/**
 * The classifier in force. The default knows none; provide your own to teach Holdfast the errors of a library:
 *
 * @example
 * ```ts
 * import { Classifier, Reasons } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * class QuotaExceeded extends Error {}
 *
 * const program = Effect.void.pipe(
 *   Effect.provideService(
 *     Classifier.Classifier,
 *     (error) => error instanceof QuotaExceeded ? Reasons.RateLimited.declared : undefined
 *   )
 * )
 * Effect.runSync(program)
 * ```
 */
export const Classifier: Context.Reference<Classify> = Context.Reference("@holdfast/core/Classifier", {
  defaultValue: (): Classify => () => undefined
})

/**
 * What an error is. Total: a failure is what it was declared to be, everything else goes through the application's table
 * and then the built-in one, and what nobody knows is `Reasons.Unclassified`. Never throws, never changes its argument,
 * never reads a message.
 */
export const classify = (error: unknown, own?: Classify): Classification => {
  try {
    if (isFailure(error)) return error[TypeId]
    return (own && ask(own, error)) ?? ask(classifyForeign, error) ?? Reasons.Unclassified.declared
  } catch {
    return Reasons.Unclassified.declared
  }
}

/** A table that stumbles over a hostile value knows nothing about it. */
const ask = (table: Classify, error: unknown): Classification | undefined => {
  try {
    return table(error)
  } catch {
    return undefined
  }
}

/** How long the callee asked to wait, if it did: the failure's own `retryAfter`. */
export const retryAfterOf = (error: unknown): Duration.Duration | undefined => {
  try {
    const retryAfter: unknown = isFailure(error) ? leafOf(error).retryAfter : undefined
    return Duration.isDuration(retryAfter) ? retryAfter : undefined
  } catch {
    return undefined
  }
}
