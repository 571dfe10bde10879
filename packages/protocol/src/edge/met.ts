import { type Audience, type Catalog, Classifier, Identity, Redaction, Report } from "@holdfast/core"
import { Cause, Context, Effect, ErrorReporter, type Fiber } from "effect"
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
  readonly audience?: Audience
  readonly carry?: ErrorSnapshot.Carry | undefined
  readonly format?: ErrorSnapshot.Format | undefined
  readonly locales?: ReadonlyArray<string>
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

/** Looks at a failure that leaves, once for everything that is said about it. */
export const met = (error: unknown, options: MetOptions = {}): Effect.Effect<Met> =>
  Effect.gen(function* () {
    const { audience, format, locales = [], status, titles = untitled } = options
    // The parameters of titles are fields.
    const carry = options.carry ?? (titles === untitled ? undefined : "public")
    const made = yield* ErrorSnapshot.make(error, carry === undefined ? {} : { carry })
    const stamped = yield* ErrorSnapshot.stamp(status === undefined ? made : ErrorSnapshot.withStatus(made, status))
    const { locale, missing, snapshot } = ErrorSnapshot.localize(stamped, { audience, format, locales, titles })
    yield* warn(titles, missing)
    const happened = Context.make(Happened, stamped.occurrence!) as Context.Context<never>
    const cause = Cause.annotate(Cause.isCause(error) ? error : Cause.fail(error), happened, { overwrite: true })
    return { snapshot, locale, cause }
  })

/** Whether nobody is to be told, such as of a route that is not there. */
export const isIgnored = (error: unknown): boolean =>
  look(() => ErrorReporter.isIgnored(Cause.isCause(error) ? Identity.primary(error).error : error), false)

const grave: ReadonlySet<string> = new Set(["Error", "Fatal"])

/** Nobody listens: what somebody should look at is at least logged, in a text without secrets. */
const log = (cause: Cause.Cause<unknown>, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> => {
  const classify = fiber.getRef(Classifier.Classifier)
  const { severity } = Identity.primary(cause, classify).classification
  if (!grave.has(severity) || Report.isLogged(cause)) return Effect.void
  const report = Report.fromCause(cause, { classify, redaction: fiber.getRef(Redaction.Redaction) })
  const { category, code } = report.identity
  const occurrence = occurrenceOf(cause)
  return Effect.logWithLevel(severity)(Report.chain(report, { stack: category === "logic" })).pipe(
    Effect.annotateLogs({
      "error.type": code,
      ...(occurrence === undefined ? {} : { occurrence_id: occurrence.id })
    })
  )
}

/** As {@link report}; where there is no `ErrorReporter`, what is grave is logged. */
export const reportOrLog = (one: Met): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(ErrorReporter.CurrentErrorReporters).size > 0 || Cause.hasInterruptsOnly(one.cause)
      ? report(one)
      : log(one.cause, fiber)
  )

/** Tells the `ErrorReporter`s, unless somebody only stopped it. One that throws costs its report and not the answer. */
export const report = ({ cause }: Met): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : Effect.catchDefect(ErrorReporter.report(cause), (defect) => Effect.logError("an ErrorReporter failed", defect))
