/**
 * Failures of a command: what happened on stderr, and the exit code that scripts can tell apart.
 */
import { Audience, Redaction, Report } from "@holdfast/core"
import { check, flag, oneOf, record, refuse, type Table } from "@holdfast/core/options"
import { Cause, Console, Data, Effect, ErrorReporter, PlatformError, Predicate, Runtime } from "effect"
import { isExitCode, meantFor, mistakeIn } from "../projection/exitTable.ts"
import { hintsFor, isInside, seenBy } from "../projection/input.ts"
import { reportOf } from "../snapshot/redact.ts"
import * as Projection from "../projection/Projection.ts"
import { report } from "../reporting.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { guard } from "../snapshot/guard.ts"
import { look } from "../look.ts"
import { cut } from "../text.ts"
import { stackOf } from "./bug.ts"
import { met, type Met } from "./met.ts"

/** How a command ends. */
export interface Options {
  /** Who reads it. A `client` or `partner` reads nothing of operations and causes. Default: `"operator"`. */
  readonly audience?: Audience
  /** Your own exit codes, asked before the built-in ones. Default: none. */
  readonly exitTable?: Projection.ExitTable
  /** Whether to print everything there is to know, and where a bug is, instead of the chain of causes. Default: `false`. */
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

const longestStack = 8192

/** The lines of a stack, none of which can pretend to be another one. */
const stackLines = (stack: string | undefined, redaction: Redaction.Policy): ReadonlyArray<string> =>
  stack === undefined ? [] : cut(redaction.text(stack), longestStack).split("\n").map(Report.oneLine)

const line = (label: string, text: string): string => `  ${label}: ${Report.oneLine(text)}`

/** What is printed about a failure: its chain and what the program was doing, or all of it; then what one can do about it. */
const printed = (
  { cause, snapshot }: Met,
  { audience = "operator", exitTable = {}, verbose = false }: Options,
  inForce: ErrorSnapshot.Options
): string => {
  const seen = seenBy(snapshot, audience)
  const { category, code, path } = seen.identity
  const redaction = guard(inForce.redaction ?? Redaction.standard)
  const stack = verbose && isInside(audience) ? stackOf(cause, category, { ...inForce, redaction }) : undefined
  const meant = isInside(audience) ? meantFor(exitTable, code) : undefined
  return [
    verbose ? Projection.toCli(snapshot, { audience }).detail : Report.chain(reportOf(seen)),
    ...stackLines(stack, redaction),
    ...(verbose || path === null ? [] : [line("Path", path)]),
    line("Code", code),
    ...hintsFor(snapshot, audience).map((hint) => line("Hint", hint)),
    ...(meant === undefined ? [] : [line("Exit table", `"${meant}" is no such code; did you mean "${meant}.*"?`)])
  ].join("\n")
}

const table: Table = {
  audience: oneOf(...Audience.literals),
  exitTable: record,
  verbose: flag
}

/** An entry that says nothing would be found out when a script has taken the wrong turn. */
const verified = (options: Options): Options => {
  check({ path: "CliEdge.main" }, table, options)
  const mistake = options.exitTable && mistakeIn(options.exitTable)
  if (mistake !== undefined) {
    const code = options.exitTable?.[mistake.key]
    // Of a key that no code can match, its exit code says nothing.
    const wrong: readonly [value?: unknown] = isExitCode(code) ? [] : [code]
    refuse({ path: `CliEdge.main.exitTable[${JSON.stringify(mistake.key)}]` }, mistake.expected, ...wrong)
  }
  return options
}

/** What of wrong options still says how to tell of them. */
const readable = (options: unknown): Options =>
  record.is(options)
    ? Object.fromEntries(
        Object.entries(options as Options).filter(([key, value]) => key !== "exitTable" && table[key]?.is(value))
      )
    : {}

/**
 * Ends a command: a failure, a defect or an interruption is printed on stderr and becomes the exit code of
 * `Projection.exitCode` for `NodeRuntime.runMain`. Wrong usage, which `effect/cli` has already explained, is 64; an output that
 * nobody reads any more (`command | head`) is 141, and nothing is said. Ctrl-C stops the command: 130, and nothing is said.
 *
 * What may fail has to be inside: `program.pipe(Effect.provide(layer), CliEdge.main)`. A layer around it fails on its own.
 *
 * - `audience`: who reads it. Default: `"operator"`. `exitTable`: your own exit codes. Default: none. `verbose`: also where a bug
 *   is. Default: `false`. With an option that is unknown or wrong, an entry that no code can match, or a code that is none, the
 *   command ends with 78 before it begins.
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
export const main = <A, E, R>(self: Effect.Effect<A, E, R>, options: Options = {}): Effect.Effect<A, Exited, R> => {
  try {
    return ending(self, verified(options))
  } catch (wrong) {
    return ending(Effect.fail(wrong), readable(options))
  }
}

const ending = <A, E, R>(self: Effect.Effect<A, E, R>, options: Options): Effect.Effect<A, Exited, R> =>
  Effect.catchCause(self, (cause) => {
    const failed = cause.reasons.find(Cause.isFailReason)?.error
    if (look(() => isHelp(failed), false)) {
      const isWrong = (failed as { readonly errors: ReadonlyArray<unknown> }).errors.length > 0
      return new Exited({ code: isWrong ? Projection.Exit.Usage : 0 })
    }
    if (look(() => isClosedPipe(failed), false)) return new Exited({ code: Projection.Exit.BrokenPipe })
    return Effect.gen(function* () {
      const one = yield* met(cause)
      const { context } = yield* Effect.withFiber((fiber) => Effect.succeed(fiber))
      const inForce = ErrorSnapshot.inForce(context)
      yield* Console.error(printed(one, options, inForce))
      yield* report(one.cause)
      return yield* new Exited({ code: Projection.exitCode(one.cause, { ...inForce, ...options }) })
    })
  })
