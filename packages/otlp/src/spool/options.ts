import { Duration, Effect, Schema, SchemaIssue } from "effect"
import { ConfigError } from "@holdfast/core"
import { SpoolError } from "./SpoolError.ts"

/** When a record is pressed onto the disk itself, which is what saves it from a power cut. A crash of the program or its death by SIGKILL never loses one. */
export const Fsync = Schema.Literals(["always", "interval", "never"])
export type Fsync = typeof Fsync.Type

const Bytes = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1024, { expected: "at least 1024 bytes" }))

/** The options of a spool, decodable from configuration. */
export const Options = Schema.Struct({
  /** Where the spool lives. Made with mode 0700 if it is not there. One directory belongs to one process. Required. */
  directory: Schema.NonEmptyString,
  /** Bytes of all segments together. Default: 512 MiB. Range: 1024 or more. */
  maxBytes: Schema.optionalKey(Bytes),
  /**
   * Bytes after which a new segment begins. Space comes back a segment at a time. Default: an eighth of `maxBytes`, at
   * most 4 MiB. Range: 1024 or more; a record larger than that gets a segment of its own.
   */
  segmentBytes: Schema.optionalKey(Bytes),
  /**
   * `always`: before `append` returns (appends that wait together share one); `interval`: every `fsyncInterval`;
   * `never`: when the operating system likes. Default: `interval`.
   */
  fsync: Schema.optionalKey(Fsync),
  /** Only for `fsync: "interval"`. Default: 500 ms. Range: more than 0. */
  fsyncInterval: Schema.optionalKey(Schema.Duration),
  /** Bytes of the dead-letter folder. Beyond it the oldest letters go, and are counted. Default: 64 MiB. Range: 1024 or more. */
  maxDeadLetterBytes: Schema.optionalKey(Bytes),
  /**
   * What happens when the next record does not fit: `reject` fails the append with {@link SpoolFull}, `evict` drops the
   * oldest whole segment and counts what was in it. Default: `reject`.
   */
  onFull: Schema.optionalKey(Schema.Literals(["reject", "evict"]))
})
export type Options = typeof Options.Type

export type Settings = Required<Options>

const issues = SchemaIssue.makeFormatterStandardSchemaV1()

/** Fills in the defaults, or names the first option that cannot be. */
export const settle = (options: Options): Effect.Effect<Settings, SpoolError> =>
  Schema.decodeUnknownEffect(Options)(options, { onExcessProperty: "error" }).pipe(
    Effect.mapError((error) => {
      const issue = issues(error.issue).issues[0]
      return invalid(
        issue?.path?.map(String).join(".") || "options",
        issue?.message ?? "must be the options of a spool"
      )
    }),
    Effect.flatMap((given) => {
      const maxBytes = given.maxBytes ?? 512 * 1024 * 1024
      const fsyncInterval = given.fsyncInterval ?? Duration.millis(500)
      if (Duration.toMillis(fsyncInterval) <= 0) return Effect.fail(invalid("fsyncInterval", "must be more than 0"))
      return Effect.succeed({
        directory: given.directory.length > 1 ? given.directory.replace(/\/+$/, "") : given.directory,
        maxBytes,
        segmentBytes: given.segmentBytes ?? Math.max(1024, Math.min(4 * 1024 * 1024, Math.floor(maxBytes / 8))),
        maxDeadLetterBytes: given.maxDeadLetterBytes ?? 64 * 1024 * 1024,
        fsync: given.fsync ?? "interval",
        fsyncInterval,
        onFull: given.onFull ?? "reject"
      })
    })
  )

export const invalid = (path: string, expected: string): SpoolError =>
  SpoolError.from(new ConfigError.InvalidValue({ path, expected }))
