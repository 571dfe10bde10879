/**
 * The diagnostic view of one failure: what it is, what the program was doing, and everything underneath, ready to print.
 * Secrets are already gone from it.
 */
import * as Html from "./html.ts"
import { of } from "./made.ts"
import { isReport, type Report } from "./model.ts"
import * as Pretty from "./pretty.ts"
import * as Render from "./render.ts"

export type { PrettyOptions } from "./pretty.ts"
export type { ChainOptions } from "./render.ts"
export { isLogged, logged } from "./logged.ts"
export { fromCause, make, of, type Options, redact, secretsOf } from "./made.ts"
export { secretsShown } from "./secrets.ts"
export { indented, oneLine } from "./render.ts"
export type { Frame } from "./frames.ts"
export type { Report } from "./model.ts"

/** What a renderer takes: a report, or whatever a report can be made of. */
const reportOf = (input: unknown): Report => (isReport(input) ? input : of(input))

/** Reason and detail on one line. Takes a report, an error or a `Cause`. */
export const compact = (input: unknown): string => Render.compact(reportOf(input))

/** Everything, a line a fact, for people who look for the cause. Takes a report, an error or a `Cause`. */
export const verbose = (input: unknown): string => Render.verbose(reportOf(input))

/**
 * The chain as it is printed when a program ends: `Error: …`, then `  Caused by: …` for every link, outermost sentence
 * (`Failure.context`) first, root cause last. What the program was doing (`Operation.doing`) is in {@link verbose} and
 * {@link pretty}. Takes a report, an error or a `Cause`.
 *
 * @example
 * ```ts
 * import { Reasons, Report } from "@holdfast/core"
 *
 * const failure = new Reasons.NetworkError({ cause: new Error("no route") })
 * Report.chain(failure).split("\n") // => ["Error: network error", "  Caused by: no route"]
 * ```
 */
export const chain = (input: unknown, options?: Render.ChainOptions): string => Render.chain(reportOf(input), options)

/** For a person at a terminal: what happened, where, and why, in that order. Takes a report, an error or a `Cause`. */
export const pretty = (input: unknown, options?: Pretty.PrettyOptions): string =>
  Pretty.pretty(reportOf(input), options)

/**
 * A fragment of HTML for a page that operators see: the chain as a list, everything else folded away below. Every text is
 * escaped. Takes a report, an error or a `Cause`.
 */
export const html = (input: unknown): string => Html.html(reportOf(input))
