import { ConfigError, Failure } from "@holdfast/core"
import { Schema } from "effect"

/** There is no configuration file at this path. */
export class FileMissing extends Failure.Tagged<FileMissing>()(
  "FileMissing",
  { path: Schema.String },
  {
    code: "conf.file_missing",
    detail: ({ path }) => `there is no file ${path}`,
    hints: { operator: ["check the path of the configuration file"] }
  }
) {}

/** There is something at this path, and it cannot be read: permissions, a directory. */
export class FileUnreadable extends Failure.Tagged<FileUnreadable>()(
  "FileUnreadable",
  { path: Schema.String },
  {
    code: "conf.file_unreadable",
    detail: ({ path }) => `${path} cannot be read`,
    hints: { operator: ["check that it is a file and that this user may read it"] }
  }
) {}

/**
 * Any failure of reading a configuration. Below `ConfigError`: `ParseError` says where the syntax breaks; one violation is
 * itself (`UnknownKey`, `InvalidValue`, `InvalidUrl`, `InvalidDuration`), several are an `InvalidConfig` with all of them
 * as its causes.
 */
export class OtlpConfigError extends Failure.Layered<OtlpConfigError>()("OtlpConfigError", [
  FileMissing,
  FileUnreadable,
  ConfigError.ConfigError
]) {}
