import { type Catalog, Identity } from "@holdfast/core"
import { Cause, Context, Effect, ErrorReporter } from "effect"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { look } from "./look.ts"

/** Goes with the cause of a failure that left through an edge: what the caller was told to ask for. */
class Happened extends Context.Service<Happened, ErrorSnapshot.Occurrence>()("@holdfast/protocol/edge/Happened") {}

/** When and where a failure left, if it has. */
export const occurrenceOf = (cause: Cause.Cause<unknown>): ErrorSnapshot.Occurrence | undefined =>
  Context.getOrUndefined(Cause.annotations(cause), Happened)

/** A failure at an edge. */
export interface Met {
  /** Its snapshot under the policies of the fiber, which names this occurrence and speaks the caller's language. */
  readonly snapshot: ErrorSnapshot.ErrorSnapshot
  /** The locale of its title, if it has one. */
  readonly locale: string | undefined
  /** What happened, for the log: it names the same occurrence. */
  readonly cause: Cause.Cause<unknown>
}

/** How a failure is looked at. */
export interface MetOptions {
  readonly carry?: ErrorSnapshot.Carry | undefined
  readonly titles?: Catalog.Titles | undefined
  readonly locales?: ReadonlyArray<string>
  /** The status, where a protocol and not a policy decides it. */
  readonly status?: number | undefined
}

/** Looks at a failure that leaves, once for everything that is said about it. */
export const met = (error: unknown, options: MetOptions = {}): Effect.Effect<Met> =>
  Effect.gen(function* () {
    const { carry, locales = [], status, titles = {} } = options
    const made = yield* ErrorSnapshot.make(error, carry === undefined ? {} : { carry })
    const stamped = yield* ErrorSnapshot.stamp(status === undefined ? made : ErrorSnapshot.withStatus(made, status))
    const { locale, snapshot } = ErrorSnapshot.localize(stamped, { titles, locales })
    const happened = Context.make(Happened, stamped.occurrence!) as Context.Context<never>
    const cause = Cause.annotate(Cause.isCause(error) ? error : Cause.fail(error), happened, { overwrite: true })
    return { snapshot, locale, cause }
  })

/** Whether nobody is to be told, such as of a route that is not there. */
export const isIgnored = (error: unknown): boolean =>
  look(() => ErrorReporter.isIgnored(Cause.isCause(error) ? Identity.primary(error).error : error), false)

/** Tells the `ErrorReporter`s, unless somebody only stopped it. */
export const report = ({ cause }: Met): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause) ? Effect.void : ErrorReporter.report(cause)
