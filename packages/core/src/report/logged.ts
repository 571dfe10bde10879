import { Cause, Context, Effect, type LogLevel } from "effect"
import { Classifier } from "../identity/Classifier.ts"
import * as Identity from "../identity/Identity.ts"
import * as Redaction from "../redaction/Redaction.ts"
import { fromCause } from "./made.ts"
import { compact } from "./render.ts"

/** Goes with a cause that has been logged, so that whoever catches it later leaves it alone. */
class Logged extends Context.Service<Logged, true>()("@holdfast/core/Report/Logged") {}

const mark = Context.make(Logged, true) as Context.Context<never>

const isSettled = (reason: Cause.Reason<unknown>): boolean =>
  Cause.isInterruptReason(reason) || reason.annotations.has(Logged.key)

/**
 * Whether everything in a cause has been logged by {@link logged}, or needs not be: interruptions are no failures.
 *
 * @example
 * ```ts
 * import { Reasons, Report } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const cause = Effect.runSync(Effect.flip(Effect.sandbox(Report.logged(new Reasons.NotFound()))))
 * Report.isLogged(cause) // => true
 * ```
 */
export const isLogged = (cause: Cause.Cause<unknown>): boolean => cause.reasons.every(isSettled)

/**
 * Logs a failure that passes by, and lets it pass. However many of these it passes, it is logged once, at the innermost; an
 * interruption is not logged at all. The level is the failure's severity (`Identity.severityOf`), the message its reason and
 * detail, redacted; code, category and path are annotations.
 *
 * @example
 * ```ts
 * import { Reasons, Report } from "@holdfast/core"
 * import { Effect, Logger } from "effect"
 *
 * const lines: Array<unknown> = []
 * const recorder = Logger.make(({ logLevel, message }) => void lines.push([logLevel, message]))
 * const program = new Reasons.NetworkError({ detail: "no route" }).pipe(Report.logged, Report.logged, Effect.ignore)
 * Effect.runSync(program.pipe(Effect.provide(Logger.layer([recorder]))))
 * lines // => [["Warn", ["network error: no route"]]]
 * ```
 */
export const logged = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchCause(self, (cause) =>
    Effect.withFiber((fiber) => {
      if (isLogged(cause)) return Effect.failCause(cause)
      const classify = fiber.getRef(Classifier)
      const report = fromCause(cause, { classify, redaction: fiber.getRef(Redaction.Redaction) })
      const severity = Identity.severityOf(cause, classify)
      const { category, code, path } = report.identity
      const log = Effect.logWithLevel(severity satisfies LogLevel.LogLevel)(compact(report))
      return log.pipe(
        Effect.annotateLogs({
          "error.type": code,
          "error.category": category,
          ...(path === null ? {} : { "error.path": path })
        }),
        Effect.andThen(Effect.failCause(Cause.annotate(cause, mark)))
      )
    })
  )
