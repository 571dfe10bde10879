/**
 * What can be wrong with configuration, found when a program is built and never while it runs. A text is never shown: a
 * wrong one may be a secret in the wrong place.
 */
import { Schema } from "effect"
import type { Declaration } from "../failure/declaration.ts"
import * as Failure from "../failure/Failure.ts"

const hints = { operator: ["check configuration values", "validate config source"] }

/** Where a wrong value stands. */
const place = {
  /** The way to the value: `retry.attempts`. */
  path: Schema.String,
  /** What was read: a file, the environment, a policy's options. */
  source: Schema.optionalKey(Schema.String)
}

const at = ({ path, source }: { readonly path: string; readonly source?: string }): string =>
  source === undefined ? path : `${source}: ${path}`

const wrong = { ...place, expected: Schema.String }

/** A wrong value is described by where it stands and what would be right. */
const describe = <Code extends string>(code: Code) =>
  ({ code, detail: (it) => `${at(it)}: ${it.expected}`, hints }) satisfies Declaration<
    { readonly path: string; readonly expected: string; readonly source?: string },
    Code
  >

/** A value that must be there is not. */
export class MissingField extends Failure.Tagged<MissingField>()("MissingField", place, {
  code: "conf.missing_field",
  detail: (it) => `${at(it)} is missing`,
  hints
}) {}

/** A key that nobody reads: most often a slip of the pen. */
export class UnknownKey extends Failure.Tagged<UnknownKey>()("UnknownKey", place, {
  code: "conf.unknown_key",
  detail: (it) => `${at(it)} is no known key`,
  hints
}) {}

/** A value is not what it must be. `expected` says what would be right. */
export class InvalidValue extends Failure.Tagged<InvalidValue>()(
  "InvalidValue",
  {
    ...wrong,
    /** What it is, as far as that can be no secret: a number, a duration, `a text of 5 characters`. */
    actual: Schema.optionalKey(Schema.String)
  },
  {
    code: "conf.invalid_value",
    detail: (it) => `${at(it)}: ${it.expected}${it.actual === undefined ? "" : `, but is ${it.actual}`}`,
    hints
  }
) {}

/** A value that must be a URL is none, or none of the right kind. */
export class InvalidUrl extends Failure.Tagged<InvalidUrl>()("InvalidUrl", wrong, describe("conf.invalid_url")) {}

/** A value that must be a time is none, or is out of range. */
export class InvalidDuration extends Failure.Tagged<InvalidDuration>()(
  "InvalidDuration",
  wrong,
  describe("conf.invalid_duration")
) {}

/** The source cannot be read as what it claims to be. */
export class ParseError extends Failure.Tagged<ParseError>()(
  "ParseError",
  {
    source: Schema.String,
    line: Schema.optionalKey(Schema.Int),
    column: Schema.optionalKey(Schema.Int)
  },
  {
    code: "conf.parse_error",
    detail: ({ column, line, source }) =>
      [source, line, column].filter((part) => part !== undefined).join(":") + " cannot be parsed",
    hints
  }
) {}

/** One thing that is wrong with a configuration. */
export type Violation = MissingField | UnknownKey | InvalidValue | InvalidUrl | InvalidDuration

/** Several things are wrong at once. Each is a failure of its own among the causes. */
export class InvalidConfig extends Failure.Tagged<InvalidConfig>()(
  "InvalidConfig",
  {
    source: Schema.String,
    violations: Schema.Array(Schema.Struct({ path: Schema.String, code: Schema.String }))
  },
  {
    code: "conf.invalid_config",
    reason: "invalid configuration",
    detail: ({ source, violations }) => `${source} has ${violations.length} mistakes`,
    hints
  }
) {}

/** Any configuration failure. */
export class ConfigError extends Failure.Layered<ConfigError>()("ConfigError", [
  MissingField,
  UnknownKey,
  InvalidValue,
  InvalidUrl,
  InvalidDuration,
  ParseError,
  InvalidConfig
]) {}

/**
 * Everything that is wrong with a configuration as one failure: the violation itself if it is the only one, else
 * {@link InvalidConfig} with all of them as causes, in order.
 *
 * @example
 * ```ts
 * import { ConfigError, Report } from "@holdfast/core"
 *
 * const failure = ConfigError.collect("otlp.toml", [
 *   new ConfigError.UnknownKey({ path: "retry.atempts" }),
 *   new ConfigError.InvalidDuration({ path: "timeout", expected: "must be more than 0" })
 * ])
 * Report.chain(Report.of(failure)).split("\n").length // => 3
 * ```
 */
export const collect = (
  source: string,
  violations: readonly [Violation, ...ReadonlyArray<Violation>]
): Violation | InvalidConfig =>
  violations.length === 1
    ? violations[0]
    : new InvalidConfig({
        source,
        violations: violations.map((violation) => ({ path: violation.path, code: violation[Failure.TypeId].code })),
        cause: violations
      })
