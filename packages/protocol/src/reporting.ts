/** How the program hears of what left it: through Effect's `ErrorReporter`s, and where there is none, in the log. */
import { Classifier, Identity, Redaction, Report } from "@holdfast/core"
import { Cause, Effect, ErrorReporter, type Fiber } from "effect"
import { look } from "./look.ts"
import { happened, occurrenceOf } from "./snapshot/happened.ts"
import { occurring } from "./snapshot/occurrence.ts"
import type { Occurrence } from "./snapshot/schema.ts"

const isSilent = (error: unknown): boolean => look(() => ErrorReporter.isIgnored(error), false)

/** What failed and what was thrown, in order. */
export const errorsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  cause.reasons.flatMap((reason) =>
    Cause.isInterruptReason(reason) ? [] : [Cause.isFailReason(reason) ? reason.error : reason.defect]
  )

/** Whether nobody is to be told, such as of a route that is not there. A bug beside it is another matter. */
export const isIgnored = (error: unknown): boolean => {
  if (!Identity.isCause(error)) return isSilent(error)
  const errors = errorsOf(error)
  return errors.length > 0 && errors.every(isSilent)
}

/**
 * A cause without the defects that nobody is to be told of, such as the response that a server adds to what broke a request off;
 * if there is nothing else, as it is.
 */
export const withoutSilent = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  const heard = cause.reasons.filter((reason) => !Cause.isDieReason(reason) || !isSilent(reason.defect))
  return heard.length === 0 || heard.length === cause.reasons.length ? cause : Cause.fromReasons(heard)
}

/** Where nobody listens, what answers with a 5xx is in the log all the same. */
const grave: ReadonlySet<string> = new Set(["Warn", "Error", "Fatal"])

/** What somebody should look at, in a text without secrets. */
const log = (cause: Cause.Cause<unknown>, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> => {
  const classify = fiber.getRef(Classifier.Classifier)
  const severity = Identity.severityOf(cause, classify)
  if (!grave.has(severity) || Report.isLogged(cause) || isIgnored(cause)) return Effect.void
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

/** Tells the `ErrorReporter`s, unless somebody only stopped it. One that throws costs its report and not the answer. */
export const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : Effect.catchDefect(ErrorReporter.report(cause), (defect) => Effect.logError("an ErrorReporter failed", defect))

/** As {@link report}; where there is no `ErrorReporter`, what is grave is logged. */
export const reportOrLog = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(ErrorReporter.CurrentErrorReporters).size > 0 || Cause.hasInterruptsOnly(cause)
      ? report(cause)
      : log(cause, fiber)
  )

/** The occurrences of one request, by the error that speaks for each. */
export type Named = Map<unknown, Occurrence>

/** The error that an occurrence is known by. */
export const keyOf = (error: unknown): unknown => (Identity.isCause(error) ? Identity.primary(error).error : error)

type Given = Parameters<ErrorReporter.ErrorReporter["report"]>[0]

/** A cause under the name that the answer to the request will give it, whoever reports it. */
export const naming = ({ cause, fiber }: Given, named: Named | undefined): Cause.Cause<unknown> => {
  if (named === undefined || Cause.hasInterruptsOnly(cause) || occurrenceOf(cause) !== undefined) return cause
  const key = keyOf(cause)
  const occurrence = named.get(key) ?? Effect.runSyncWith(fiber.context)(occurring())
  named.set(key, occurrence)
  return happened(cause, occurrence)
}

/**
 * What takes the place of `ErrorReporter`s for one request where there is none: `HttpApi` and others report what an edge does not
 * get to see. What is grave is logged, once, whoever reports it again.
 */
export const unheard = (named: Named): ErrorReporter.ErrorReporter => {
  const logged = new Set<unknown>()
  return {
    [ErrorReporter.TypeId]: ErrorReporter.TypeId,
    report: (given) => {
      const fresh = errorsOf(given.cause).filter((error) => !logged.has(error))
      if (fresh.length === 0) return
      for (const error of fresh) logged.add(error)
      Effect.runSyncWith(given.fiber.context)(log(naming(given, named), given.fiber))
    }
  }
}
