import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { snapshotOf } from "./input.ts"

/**
 * Exit codes by code. A key is an exact code (`biz.not_found`), a beginning (`conf.*`, `conf.otlp.*`) or an end (`*.usage`).
 * The exact code wins, then the longest beginning of more than the category, then the end, then the category.
 */
export type ExitTable = Readonly<Record<string, number>>

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
  return Number.isInteger(code) && code! >= 1 && code! <= 255 ? code : undefined
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

/**
 * The exit code of a command that ends with this failure, in the way of `sysexits.h`: 64 usage, 65 bad data, 66 missing
 * input, 69 unavailable, 70 a bug, 74 input or output, 75 try again later, 77 not permitted, 78 configuration, 130
 * interrupted. What has no code of its own and may be tried again is 75.
 *
 * - `exitTable`: your own codes, 1 to 255, asked before the built-in ones; any other is no code, since what failed must not end
 *   as what did not. Default: none.
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
  options?: ErrorSnapshot.Options & { readonly exitTable?: ExitTable }
): number => {
  const { decision, identity } = snapshotOf(input, options)
  const keys = keysOf(identity.code)
  const category = `${identity.category}.*`
  const given = options?.exitTable ?? {}
  return (
    lookup(given, [...keys, category]) ??
    lookup(builtIn, keys) ??
    (decision.retryable ? Exit.TemporaryFailure : undefined) ??
    own(builtIn, category) ??
    Exit.Software
  )
}
