import { type Category, Identity } from "@holdfast/core"
import { Option } from "effect"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { type ExitTable, isExitCode } from "./exitTable.ts"

export type { ExitTable } from "./exitTable.ts"

/** The names that `sysexits.h` gives to exit codes, and the shell's for what was interrupted, or wrote to nobody. */
export const Exit = {
  Usage: 64,
  DataError: 65,
  NoInput: 66,
  Unavailable: 69,
  Software: 70,
  OsError: 71,
  IoError: 74,
  TemporaryFailure: 75,
  Protocol: 76,
  NoPermission: 77,
  Config: 78,
  Interrupted: 130,
  BrokenPipe: 141
} as const

const builtIn: ExitTable = {
  "biz.*": Exit.DataError,
  "biz.business_error": Exit.Unavailable,
  "biz.not_found": Exit.NoInput,
  "biz.permission_denied": Exit.NoPermission,
  "biz.rate_limited": Exit.TemporaryFailure,
  "biz.unauthenticated": Exit.NoPermission,
  "conf.*": Exit.Config,
  "logic.*": Exit.Software,
  "sys.*": Exit.Unavailable,
  "sys.cancelled": Exit.Interrupted,
  "sys.data_error": Exit.DataError,
  "sys.io_error": Exit.IoError,
  "sys.malformed_data": Exit.DataError,
  "sys.partial_success": Exit.DataError,
  "sys.resource_exhausted": Exit.OsError,
  "sys.unsupported_encoding": Exit.Protocol,
  "sys.version_mismatch": Exit.Protocol,
  "*.missing_input": Exit.NoInput,
  "*.not_found": Exit.NoInput,
  "*.permission_denied": Exit.NoPermission,
  "*.usage": Exit.Usage
}

const own = (table: ExitTable, key: string): number | undefined => {
  const code = Object.hasOwn(table, key) ? table[key] : undefined
  return isExitCode(code) ? code : undefined
}

/** The keys that a code answers to, the most specific first, without the category's. */
const keysOf = (code: string): ReadonlyArray<string> => {
  const segments = code.split(".")
  const beginnings = segments
    .slice(2)
    .map((_, index) => `${segments.slice(0, segments.length - 1 - index).join(".")}.*`)
  return [code, ...beginnings, `*.${segments.at(-1)}`]
}

const lookup = (table: ExitTable, keys: ReadonlyArray<string>): number | undefined => {
  for (const key of keys) {
    const code = own(table, key)
    if (code !== undefined) return code
  }
  return undefined
}

interface Subject {
  readonly code: string
  readonly category: Category
  readonly mayPass: boolean
}

/** What an error was declared to be; of a snapshot, which is all that is left of one, what was decided. */
const subjectOf = (input: unknown, classify: ErrorSnapshot.Options["classify"]): Subject => {
  const snapshot = Option.getOrUndefined(ErrorSnapshot.fromUnknown(input))
  if (snapshot !== undefined) {
    const { code, category } = snapshot.identity
    return { code, category, mayPass: snapshot.decision.retryable }
  }
  const { category, code, retry } = Identity.subject(input, classify).classification
  return { code, category, mayPass: retry !== "never" }
}

/**
 * The exit code of a command that ends with this failure, in the way of `sysexits.h`: 64 usage, 65 bad data, 66 missing
 * input, 69 unavailable, 70 a bug, 74 input or output, 75 try again later, 77 not permitted, 78 configuration, 130
 * interrupted. What has no code of its own and is declared to pass (`retry`) is 75, whatever a policy tells callers; of a
 * snapshot the decision counts.
 *
 * - `exitTable`: your own codes, 1 to 255, asked before the built-in ones; any other is no code, since what failed must not end
 *   as what did not. Default: none.
 * - `classify`: the application's own table for foreign errors. Default: none.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * Projection.exitCode(new Reasons.CoreConfigInvalid()) // => 78
 * Projection.exitCode(new Reasons.Timeout()) // => 75
 * Projection.exitCode(new Reasons.Timeout(), { exitTable: { "sys.timeout": 124 } }) // => 124
 * ```
 */
export const exitCode = (
  input: unknown,
  options?: Pick<ErrorSnapshot.Options, "classify"> & { readonly exitTable?: ExitTable }
): number => {
  const { category, code, mayPass } = subjectOf(input, options?.classify)
  const keys = keysOf(code)
  const all = `${category}.*`
  const given = options?.exitTable ?? {}
  return (
    lookup(given, [...keys, all]) ??
    lookup(builtIn, keys) ??
    (mayPass ? Exit.TemporaryFailure : undefined) ??
    own(builtIn, all) ??
    Exit.Software
  )
}
