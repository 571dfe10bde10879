/** What can be wrong with configuration, found when a program is built and never while it runs. */
import { Schema } from "effect"
import * as Failure from "../failure/Failure.ts"

const hints = { operator: ["check configuration values", "validate config source"] }

/** A value that must be there is not. */
export class MissingField extends Failure.Tagged<MissingField>()(
  "MissingField",
  { path: Schema.String },
  { code: "conf.missing_field", detail: ({ path }) => `${path} is missing`, hints }
) {}

/** A value is there and is not what it must be. `expected` says what would be; the value itself is never shown. */
export class InvalidValue extends Failure.Tagged<InvalidValue>()(
  "InvalidValue",
  { path: Schema.String, expected: Schema.String },
  { code: "conf.invalid_value", detail: ({ path, expected }) => `${path}: ${expected}`, hints }
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
    detail: ({ source, line, column }) =>
      [source, line, column].filter((part) => part !== undefined).join(":") + " cannot be parsed",
    hints
  }
) {}

/** Any configuration failure. */
export class ConfigError extends Failure.Layered<ConfigError>()("ConfigError", [
  MissingField,
  InvalidValue,
  ParseError
]) {}
