import { ConfigError, Failure } from "@holdfast/core"
import { Schema } from "effect"

/** There is no room for another record: the spool's own limit, or the disk's. Room comes back as records are delivered. */
export class SpoolFull extends Failure.Tagged<SpoolFull>()(
  "SpoolFull",
  {
    directory: Schema.String,
    /** Bytes the record needs. */
    size: Schema.Int,
    /** The limit that was hit; absent when the disk itself is full. */
    limit: Schema.optionalKey(Schema.Int)
  },
  {
    code: "sys.spool_full",
    detail: ({ directory, limit, size }) =>
      limit === undefined
        ? `the disk under ${directory} has no room for ${size} bytes`
        : `${directory} may hold ${limit} bytes and has no room for ${size} more`,
    retry: "throttled",
    severity: "Error",
    http: 503,
    grpc: "RESOURCE_EXHAUSTED",
    hints: { operator: ["check that the destination accepts data again", "raise max_bytes or free disk space"] }
  }
) {}

/** Another process owns the directory. */
export class SpoolLocked extends Failure.Tagged<SpoolLocked>()(
  "SpoolLocked",
  { directory: Schema.String, pid: Schema.Int },
  {
    code: "sys.spool_locked",
    detail: ({ directory, pid }) => `${directory} is in use by process ${pid}`,
    hints: { operator: ["give every process a directory of its own", "stop the other process"] }
  }
) {}

/** The directory or a file in it cannot be read or written. The system's own error is the `cause`. */
export class SpoolUnavailable extends Failure.Tagged<SpoolUnavailable>()(
  "SpoolUnavailable",
  { path: Schema.String, operation: Schema.String },
  {
    code: "sys.spool_unavailable",
    detail: ({ operation, path }) => `cannot ${operation} ${path}`,
    hints: { operator: ["check that the directory exists, is a directory, and may be written by this user"] }
  }
) {}

/** A segment that this version must not touch, because it would misread it. */
export class SpoolCorrupt extends Failure.Tagged<SpoolCorrupt>()(
  "SpoolCorrupt",
  { path: Schema.String, what: Schema.String },
  {
    code: "sys.spool_corrupt",
    detail: ({ path, what }) => `${path}: ${what}`,
    hints: { operator: ["drain the directory with the version that wrote it, or move it away"] }
  }
) {}

/** Any failure of a spool. */
export class SpoolError extends Failure.Layered<SpoolError>()("SpoolError", [
  SpoolFull,
  SpoolLocked,
  SpoolUnavailable,
  SpoolCorrupt,
  ConfigError.InvalidValue
]) {}
