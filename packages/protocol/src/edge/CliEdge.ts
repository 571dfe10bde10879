/**
 * Failures of a command: what happened on stderr, and the exit code that scripts can tell apart.
 */
import { type Audience, Report } from "@holdfast/core"
import { Cause, Console, Data, Effect, ErrorReporter, PlatformError, Predicate, Runtime } from "effect"
import { hintsFor, reportOf, seenBy } from "../projection/input.ts"
import * as Projection from "../projection/Projection.ts"
import { report } from "../reporting.ts"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { look } from "../look.ts"
import { met } from "./met.ts"

/** How a command ends. */
export interface Options {
  /** Who reads it. A `client` or `partner` reads nothing of operations and causes. Default: `"operator"`. */
  readonly audience?: Audience
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

/** Whoever read what the command said has had enough, as in `command | head`: there is nobody to tell. */
const isClosedPipe = (u: unknown): boolean => {
  if (!(u instanceof PlatformError.PlatformError) || u.reason._tag === "BadArgument") return false
  const { cause, method, module } = u.reason
  return module === "Stdio" && method === "stdout" && Predicate.hasProperty(cause, "code") && cause.code === "EPIPE"
}

/** What is printed about a failure: its chain or all of it, then what one can do about it. */
const printed = (
  snapshot: ErrorSnapshot.ErrorSnapshot,
  { audience = "operator", verbose = false }: Options
): string => {
  const { identity } = snapshot
  const hints = hintsFor(snapshot, audience).map((hint) => `  Hint: ${Report.oneLine(hint)}`)
  const text = verbose
    ? Projection.toCli(snapshot, { audience }).detail
    : Report.chain(reportOf(seenBy(snapshot, audience)))
  return [text, `  Code: ${Report.oneLine(identity.code)}`, ...hints].join("\n")
}

/**
 * Ends a command: a failure, a defect or an interruption is printed on stderr and becomes the exit code of
 * `Projection.exitCode` for `NodeRuntime.runMain`. Wrong usage, which `effect/cli` has already explained, is 64; an output that
 * nobody reads any more (`command | head`) is 141, and nothing is said. Ctrl-C stops the command: 130, and nothing is said.
 *
 * - `audience`: who reads it. Default: `"operator"`. `exitTable`: default none. `verbose`: default `false`.
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
    if (look(() => isHelp(failed), false)) {
      const isWrong = (failed as { readonly errors: ReadonlyArray<unknown> }).errors.length > 0
      return new Exited({ code: isWrong ? Projection.Exit.Usage : 0 })
    }
    if (look(() => isClosedPipe(failed), false)) return new Exited({ code: Projection.Exit.BrokenPipe })
    return Effect.gen(function* () {
      const one = yield* met(cause)
      yield* Console.error(printed(one.snapshot, options))
      yield* report(one.cause)
      const { exitTable } = options
      return yield* new Exited({
        code: Projection.exitCode(one.snapshot, exitTable === undefined ? {} : { exitTable })
      })
    })
  })
