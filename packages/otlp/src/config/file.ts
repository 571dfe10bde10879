import { ConfigError } from "@holdfast/core"
import { Duration, Option, Predicate, Schema, SchemaIssue } from "effect"
import * as Endpoint from "./endpoint.ts"
import * as Headers from "./headers.ts"
import { Fsync } from "../spool/options.ts"

const wholeFrom = (least: number) =>
  Schema.declare((u): u is number => Number.isSafeInteger(u) && (u as number) >= least, {
    expected: `must be a whole number of at least ${least}`
  })

/** A time as a file says it: `"10 seconds"` or a number of milliseconds. */
const Time = Schema.declare(
  (u): u is Duration.Input =>
    (Predicate.isString(u) || Predicate.isNumber(u)) &&
    Option.exists(
      Duration.fromInput(u as Duration.Input),
      (duration) => Duration.isFinite(duration) && Duration.toMillis(duration) > 0
    ),
  { expected: 'must be more than 0, as "10 seconds" or a number of milliseconds' }
)

const EndpointText = Schema.Unknown.check(
  Schema.makeFilter((u) => (Predicate.isString(u) ? Endpoint.problemOf(u) : "must be text"))
)

const HeaderTable = Schema.Record(Schema.String, Schema.Unknown).check(
  Schema.makeFilter((headers) =>
    Object.entries(headers).flatMap(([name, value]) => {
      const issue = Headers.problemOf(name, value)
      return issue === undefined ? [] : [{ path: [name], issue }]
    })
  )
)

/** A configuration file, as it is written. */
export const File = Schema.Struct({
  endpoint: Schema.optionalKey(EndpointText),
  traces_endpoint: Schema.optionalKey(EndpointText),
  headers: Schema.optionalKey(HeaderTable),
  timeout: Schema.optionalKey(Time),
  shutdown_timeout: Schema.optionalKey(Time),
  retry: Schema.optionalKey(
    Schema.Struct({
      attempts: Schema.optionalKey(wholeFrom(1)),
      base: Schema.optionalKey(Time),
      cap: Schema.optionalKey(Time)
    }).check(
      Schema.makeFilter(({ base, cap }) =>
        base !== undefined &&
        cap !== undefined &&
        Duration.isLessThan(Duration.fromInputUnsafe(cap), Duration.fromInputUnsafe(base))
          ? { path: ["cap"], issue: "must not be less than base" }
          : undefined
      )
    )
  ),
  breaker: Schema.optionalKey(
    Schema.Struct({
      failures: Schema.optionalKey(wholeFrom(1)),
      successes: Schema.optionalKey(wholeFrom(1)),
      open: Schema.optionalKey(Time)
    })
  ),
  spool: Schema.optionalKey(
    Schema.Struct({
      directory: Schema.optionalKey(
        Schema.declare((u): u is string => Predicate.isString(u) && u.trim() !== "", {
          expected: "must be the path of a directory"
        })
      ),
      max_bytes: Schema.optionalKey(wholeFrom(1024)),
      segment_bytes: Schema.optionalKey(wholeFrom(1024)),
      max_dead_letter_bytes: Schema.optionalKey(wholeFrom(1024)),
      fsync: Schema.optionalKey(oneOf(Fsync.literals)),
      on_full: Schema.optionalKey(oneOf(["reject", "evict"]))
    }).check(
      Schema.makeFilter(({ max_bytes, segment_bytes }) =>
        max_bytes !== undefined && segment_bytes !== undefined && segment_bytes > max_bytes
          ? { path: ["segment_bytes"], issue: "must not be more than max_bytes" }
          : undefined
      )
    )
  ),
  batch: Schema.optionalKey(
    Schema.Struct({
      max_items: Schema.optionalKey(wholeFrom(1)),
      max_request_bytes: Schema.optionalKey(wholeFrom(1024))
    })
  )
})
export type File = typeof File.Type

function oneOf<const L extends string>(literals: ReadonlyArray<L>) {
  return Schema.declare((u): u is L => literals.includes(u as L), { expected: `must be one of ${literals.join(", ")}` })
}

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    if (issue._tag === "UnexpectedKey") return unknownKey
    const message = SchemaIssue.defaultLeafHook(issue)
    return message.startsWith("Expected must ") ? message.slice("Expected ".length) : message
  }
})

const unknownKey = "is no known key"
const urls = new Set(["endpoint", "traces_endpoint"])
const times = new Set(["timeout", "retry.base", "retry.cap", "breaker.open"])

/** All that is wrong, in the order of the file's schema. Says what is expected and never what was found. */
export const violationsOf = (issue: SchemaIssue.Issue, source: string): ReadonlyArray<ConfigError.Violation> =>
  format(issue).issues.map(({ message, path: keys }) => {
    const path = (keys ?? []).map(String).join(".") || "configuration"
    if (message === unknownKey) return new ConfigError.UnknownKey({ path, source })
    const expected = message === "Expected object" ? "must be a table" : message
    if (urls.has(path) && expected === Endpoint.empty) {
      return new ConfigError.MissingField({ path, source, detail: `${source}: ${path} ${expected}` })
    }
    if (urls.has(path)) return new ConfigError.InvalidUrl({ path, source, expected })
    if (times.has(path)) return new ConfigError.InvalidDuration({ path, source, expected })
    return new ConfigError.InvalidValue({ path, source, expected })
  })
