/**
 * Failures of a command: what happened on stderr, and the exit code that scripts can tell apart.
 */
import { Report } from "@holdfast/core"
import { Cause, Console, Data, Effect, ErrorReporter, Predicate, Runtime } from "effect"
import { hintsFor, reportOf } from "../projection/input.ts"
import * as Projection from "../projection/Projection.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"

/** How a command ends. */
export interface Options {
  /** Your own exit codes, asked before the built-in ones. Default: none. */
  readonly exitTable?: Projection.ExitTable
  /** Whether to print everything there is to know instead of the chain of causes. Default: `false`. */
  readonly verbose?: boolean
}

/** The end of a command that failed: already reported, with the exit code for `runMain`. */
export class Exited extends Data.TaggedError("Exited")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
  override readonly [ErrorReporter.ignore] = true
}

const isHelp = (u: unknown): u is { readonly errors: ReadonlyArray<unknown> } =>
  Predicate.hasProperty(u, "_tag") && u._tag === "ShowHelp" && "errors" in u && Array.isArray(u.errors)

/** What is printed about a failure: its chain or all of it, then what one can do about it. */
const report = (snapshot: ErrorSnapshot.ErrorSnapshot, verbose: boolean): string => {
  const { identity } = snapshot
  const hints = hintsFor(snapshot, "operator").map((hint) => `  Hint: ${Report.oneLine(hint)}`)
  const text = verbose ? Projection.toCli(snapshot).detail : Report.chain(reportOf(snapshot))
  return [text, `  Code: ${Report.oneLine(identity.code)}`, ...hints].join("\n")
}

/**
 * Ends a command: a failure, a defect or an interruption is printed on stderr and becomes the exit code of
 * `Projection.exitCode` for `NodeRuntime.runMain`. Wrong usage, which `effect/cli` has already explained, is 64.
 *
 * - `exitTable`: default none. `verbose`: default `false`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { CliEdge } from "@holdfast/protocol/cli"
 * import { Effect, Exit, Runtime } from "effect"
 *
 * const program = CliEdge.main(Effect.fail(new Reasons.CoreConfigInvalid({ detail: "endpoint is empty" })))
 * const codes: Array<number> = []
 * Runtime.defaultTeardown(await Effect.runPromiseExit(program), (code) => codes.push(code))
 * codes // => [78]
 * ```
 */
export const main = <A, E, R>(self: Effect.Effect<A, E, R>, options: Options = {}): Effect.Effect<A, Exited, R> =>
  Effect.catchCause(self, (cause) => {
    const failed = cause.reasons.find(Cause.isFailReason)?.error
    if (isHelp(failed)) return new Exited({ code: failed.errors.length === 0 ? 0 : Projection.Exit.Usage })
    return Effect.gen(function* () {
      const snapshot = yield* ErrorSnapshot.make(cause)
      yield* Console.error(report(snapshot, options.verbose ?? false))
      if (!Cause.hasInterruptsOnly(cause)) yield* ErrorReporter.report(cause)
      const { exitTable } = options
      return yield* new Exited({ code: Projection.exitCode(snapshot, exitTable === undefined ? {} : { exitTable }) })
    })
  })
