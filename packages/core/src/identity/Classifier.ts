import { Context, Duration, SchemaAST } from "effect"
import type { Classification } from "../failure/declaration.ts"
import { type Any, isFailure, leafOf, TypeId } from "../failure/model.ts"
import * as Reasons from "../reasons/Reasons.ts"
import { byStatus, classifyForeign } from "./foreign.ts"
import { messageOf, read } from "./reading.ts"

export type { Classification } from "../failure/declaration.ts"

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
    let known: Classification | undefined
    let wrapped = error
    // What nobody knows may wrap what somebody knows: `fetch failed`, because the connection was refused.
    for (let depth = 0; known === undefined && depth < 4 && wrapped !== undefined && wrapped !== null; depth++) {
      known = isFailure(wrapped) ? wrapped[TypeId] : (asked(own, wrapped) ?? ask(classifyForeign, wrapped))
      wrapped = read(wrapped, "cause") ?? read(read(wrapped, "errors"), 0)
    }
    return known ?? Reasons.Unclassified.declared
  } catch {
    return Reasons.Unclassified.declared
  }
}

/** What the application's table says. An answer that says nothing of what policies read is none. */
const asked = (own: Classify | undefined, error: unknown): Classification | undefined => {
  const answer: unknown = own === undefined ? undefined : ask(own, error)
  return isClassification(answer) ? answer : undefined
}

const isClassification = (u: unknown): u is Classification =>
  ["code", "category", "reason", "retry", "health", "severity", "visibility"].every(
    (member) => typeof read(u, member) === "string"
  )

/** A table that stumbles over a hostile value knows nothing about it. */
const ask = (table: Classify, error: unknown): Classification | undefined => {
  try {
    return table(error)
  } catch {
    return undefined
  }
}

/** The universal reasons that a foreign error can be turned into: those whose fields may all be left out. */
const plain = new Map<Classification, new (props: { readonly detail: string; readonly cause: unknown }) => Any>(
  Object.values(Reasons)
    .filter(({ fields }) =>
      Object.entries(fields).every(([name, { ast }]) => name === "_tag" || SchemaAST.isOptional(ast))
    )
    .map((Reason) => [Reason.declared, Reason as never])
)

/**
 * Turns any error into a declared failure, with the error as its `cause`: a failure stays what it is, a foreign error becomes
 * the universal reason of its kind, everything else `Reasons.Unclassified`. The one place where glue code and libraries that
 * throw enter the error channel.
 *
 * @example
 * ```ts
 * import { Classifier, Reasons } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" })
 * const program = Effect.tryPromise({ try: () => Promise.reject(refused), catch: (error) => Classifier.toFailure(error) })
 * const failure = await Effect.runPromise(Effect.flip(program))
 * failure instanceof Reasons.NetworkError // => true
 * failure.cause === refused // => true
 * ```
 */
export const toFailure = (error: unknown, own?: Classify): Any => {
  if (isFailure(error)) return error
  const Reason = plain.get(classify(error, own)) ?? Reasons.Unclassified
  return new Reason({ detail: messageOf(error), cause: error })
}

/**
 * What an HTTP status from 400 says of the failure behind it, where nothing else is known: that of `Reasons` for the statuses
 * that have one, `Reasons.ExternalServiceError` for any other. The table that {@link classify} uses for a client's errors.
 *
 * @example
 * ```ts
 * import { Classifier } from "@holdfast/core"
 *
 * Classifier.ofStatus(404).code // => "biz.not_found"
 * Classifier.ofStatus(503).retry // => "transient"
 * ```
 */
export const ofStatus = (status: number): Classification => byStatus(status)

/** How long the callee asked to wait, if it did: the failure's own `retryAfter`. */
export const retryAfterOf = (error: unknown): Duration.Duration | undefined => {
  try {
    const retryAfter: unknown = isFailure(error) ? leafOf(error).retryAfter : undefined
    return Duration.isDuration(retryAfter) ? retryAfter : undefined
  } catch {
    return undefined
  }
}
