import { type Audience, type Catalog, Identity, Reasons } from "@holdfast/core"
import { Cause, Effect } from "effect"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { happened } from "../snapshot/happened.ts"
import { occurring, stamped } from "../snapshot/occurrence.ts"

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
  readonly audience?: Audience
  readonly carry?: ErrorSnapshot.Carry | undefined
  readonly format?: ErrorSnapshot.Format | undefined
  readonly locales?: ReadonlyArray<string>
  /** When and where it happened, if it has a name already. */
  readonly occurrence?: ErrorSnapshot.Occurrence | undefined
  /** The status, where a protocol and not a policy decides it. */
  readonly status?: number | undefined
  readonly titles?: Catalog.Titles | undefined
}

const untitled: Catalog.Titles = {}

const warned = new WeakMap<Catalog.Titles, Set<string>>()

/** Whoever translates hears once of each title that a translation lacks. */
const warn = (titles: Catalog.Titles, missing: ErrorSnapshot.Missing | undefined): Effect.Effect<void> => {
  if (missing === undefined) return Effect.void
  const { key, locale, problem } = missing
  const said =
    problem === "no_title" ? `no title for ${key} in ${locale}` : `the title of ${key} in ${locale} cannot be filled`
  const seen = warned.get(titles) ?? new Set()
  if (seen.has(said)) return Effect.void
  warned.set(titles, seen.add(said))
  return Effect.logWarning(said)
}

/** A cause of nothing is a bug, and has no place where its name could stand: somebody has to hear of that, too. */
const causeOf = (error: unknown): Cause.Cause<unknown> => {
  if (!Identity.isCause(error)) return Cause.fail(error)
  return error.reasons.length > 0 ? error : Cause.die(new Reasons.LogicError({ detail: "failed with an empty cause" }))
}

/** Looks at a failure that leaves, once for everything that is said about it. */
export const met = (error: unknown, options: MetOptions = {}): Effect.Effect<Met> =>
  Effect.gen(function* () {
    const { audience, format, locales = [], status, titles = untitled } = options
    // The parameters of titles are fields.
    const carry = options.carry ?? (titles === untitled ? undefined : "public")
    const made = yield* ErrorSnapshot.make(error, carry === undefined ? {} : { carry })
    const occurrence = options.occurrence ?? (yield* occurring())
    const named = stamped(status === undefined ? made : ErrorSnapshot.withStatus(made, status), occurrence)
    const { locale, missing, snapshot } = ErrorSnapshot.localize(named, { audience, format, locales, titles })
    yield* warn(titles, missing)
    return { snapshot, locale, cause: happened(causeOf(error), occurrence) }
  })
