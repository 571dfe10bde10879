/**
 * Declaring failures, raising them, and giving them meaning on their way.
 */
import type { Effect } from "effect"
import { dual } from "effect/Function"
import { sentence } from "../operation/Operation.ts"

export {
  type Code,
  type Declaration,
  type Declared,
  type Hints,
  InvalidDeclaration,
  InvalidFields,
  isCode
} from "./declaration.ts"
export { sensitive } from "./fields.ts"
export { Layered, type LayeredClass, type Member } from "./layered.ts"
export { type Any, isFailure, leafOf, LeafId, TypeId } from "./model.ts"
export { bail, because, ensure, type Over, find, fromNullish, fromOption, match } from "./raising.ts"
export { detailOf, type Extras, stackless } from "./instance.ts"
export { Tagged, type TaggedClass } from "./tagged.ts"

/**
 * Says, in one sentence, what could not be done: a link of the printed chain above the failure itself. Give a function
 * when making the text costs something: it is called only on failure.
 *
 * @example
 * ```ts
 * import { Failure, Reasons, Report } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = new Reasons.SystemError({ detail: "disk offline" }).pipe(
 *   Failure.context("Failed to read the ledger"),
 *   Failure.context(() => "Failed to start")
 * )
 * const cause = Effect.runSync(Effect.flip(Effect.sandbox(program)))
 * Report.chain(Report.fromCause(cause)).split("\n") // => ["Error: Failed to start", "  Caused by: Failed to read the ledger", "  Caused by: system error: disk offline"]
 * ```
 */
export const context: {
  (text: string | (() => string)): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, text: string | (() => string)): Effect.Effect<A, E, R>
} = dual(2, sentence)
