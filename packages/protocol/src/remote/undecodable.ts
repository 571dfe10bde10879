import { Classifier, Failure } from "@holdfast/core"
import { Duration, Schema } from "effect"
import { schemaVersion } from "../snapshot/schema.ts"
import { bounded, type Bounds, type Cleaning } from "../json.ts"
import { cut } from "../text.ts"

const limits = { excerpt: 256, version: 32 } as const

/**
 * What a body can lack: it cannot be parsed, is too large, did not come to its end in time, broke off, is another thing, is of a
 * version that is not known here.
 */
export const Problem = Schema.Literals([
  "not_json",
  "too_large",
  "timed_out",
  "incomplete",
  "unexpected_shape",
  "unsupported_version"
])
export type Problem = typeof Problem.Type

/** Why a body is not all that was sent. */
export type Cut =
  | { readonly problem: "too_large"; readonly limit: number }
  | { readonly problem: "timed_out"; readonly bytes: number; readonly waited: Duration.Duration }
  | { readonly problem: "incomplete"; readonly bytes: number }

/** Thrown while a body is read that is not to be read any further. */
export class Refused {
  readonly problem: Problem
  readonly version: unknown

  constructor(problem: Problem, version?: unknown) {
    this.problem = problem
    this.version = version
  }
}

/** What does not say its version is of the first one, which no format but the snapshot wrote down. */
export const checkVersion = (body: object): void => {
  if (!Object.hasOwn(body, "schema_version")) return
  const { schema_version: version } = body as { readonly schema_version?: unknown }
  if (version !== schemaVersion) throw new Refused("unsupported_version", version)
}

interface Fields {
  readonly format: string
  readonly problem: Problem
  readonly status?: number
  readonly version?: string
  readonly bytes?: number
  readonly limit?: number
  readonly waited?: Duration.Duration
}

const seconds = (waited: Duration.Duration | undefined): string =>
  waited === undefined ? "" : ` after ${Duration.toMillis(waited) / 1000} s`

const read = (bytes = 0): string => `${bytes} ${bytes === 1 ? "byte" : "bytes"}`

const problems: Readonly<Record<Problem, (fields: Fields) => string>> = {
  not_json: ({ format }) =>
    format === "message"
      ? "the header error-data is no JSON; look for what cuts or rewrites headers in between"
      : `the body is no JSON, so it is no ${format} failure; look for a proxy in between`,
  too_large: ({ format, limit }) =>
    limit === undefined
      ? `the body is larger than any ${format} failure; look at what answers at this address`
      : `the body is larger than ${read(limit)}, and was read no further; look at what answers at this address`,
  timed_out: ({ bytes, waited }) =>
    `gave up${seconds(waited)} with ${read(bytes)} of a body that did not end; look at what answers at this address`,
  incomplete: ({ bytes }) => `the body broke off after ${read(bytes)}`,
  unexpected_shape: ({ format }) =>
    format === "message"
      ? "no header error-type says what went wrong; look at who wrote the message"
      : `the body is no ${format} failure; decode it as what the other side sends`,
  unsupported_version: ({ format, version }) =>
    `the body is a ${format} failure of version ${version}, and this program reads version ${schemaVersion}; update it`
}

/**
 * The other side answered something that is no failure of ours. Its status says whether to try again, as does a pause that
 * the other side asked for.
 */
export class UndecodableRemote extends Failure.Tagged<UndecodableRemote>()(
  "UndecodableRemote",
  {
    /** What was expected: `http`, `rpc`, `log`, `problem`, `snapshot`, `grpc`, `json-rpc`, `graphql`, `message`. */
    format: Schema.String,
    /** What is wrong with it. */
    problem: Problem,
    /** How the body begins. It is somebody else's text: it stays in this process, and leaves masked. */
    excerpt: Failure.sensitive(Schema.String),
    /** The HTTP status it came with. */
    status: Schema.optionalKey(Schema.Int),
    /** The version it is of, if that is the problem. */
    version: Schema.optionalKey(Schema.String),
    /** How many bytes of it came, if it timed out or broke off. */
    bytes: Schema.optionalKey(Schema.Finite),
    /** How many bytes are read, if there were more. */
    limit: Schema.optionalKey(Schema.Finite),
    /** How long it was waited for, if it timed out. */
    waited: Schema.optionalKey(Schema.DurationFromMillis)
  },
  {
    code: "sys.undecodable_remote_failure",
    detail: (fields) =>
      `${fields.status === undefined ? "" : `status ${fields.status}: `}${problems[fields.problem](fields)}`,
    http: 502
  }
) {
  constructor(props: UndecodableProps, options?: Schema.MakeOptions) {
    super(props, options)
    // Nobody who could say so was reached, but the status says whether to come back.
    const asked = this.retryAfter === undefined ? undefined : "throttled"
    const said = this.status === undefined ? "never" : Classifier.ofStatus(this.status).retry
    const retry = said === "never" ? asked : said
    if (retry !== undefined) {
      Object.defineProperty(this, Failure.TypeId, { value: { ...UndecodableRemote.declared, retry, severity: "Warn" } })
    }
  }
}

interface UndecodableProps extends Failure.Extras, Fields {
  readonly excerpt: string
}

const bounds: Bounds = { depth: 8, entries: 64, characters: limits.excerpt }

const asIs: Cleaning = { text: cut, masked: () => undefined }

const excerptOf = (body: unknown): string => {
  try {
    if (body === undefined || body instanceof Uint8Array) return ""
    return cut(typeof body === "string" ? body : JSON.stringify(bounded(body, bounds, asIs)), limits.excerpt)
  } catch {
    return ""
  }
}

/** A version is a number; whatever else stands in its place is described and not repeated. */
const versionOf = (version: unknown): string =>
  typeof version === "number"
    ? String(version)
    : typeof version === "string"
      ? cut(JSON.stringify(version), limits.version)
      : `of type ${version === null ? "null" : typeof version}`

/** The failure for a body that was refused, or that a reader threw something else at. */
export const undecodable = (
  format: string,
  body: unknown,
  thrown: unknown,
  { cut, retry_after_ms, status }: { readonly cut?: Cut; readonly retry_after_ms?: number; readonly status?: number }
): UndecodableRemote => {
  const { problem, version } = thrown instanceof Refused ? thrown : new Refused("unexpected_shape")
  return new UndecodableRemote({
    format,
    // Half of a body is no JSON, and nobody in between has made it so; a version that it has already named is one.
    ...(cut === undefined || problem === "unsupported_version" ? { problem } : cut),
    excerpt: excerptOf(body),
    ...(status === undefined ? {} : { status }),
    ...(problem === "unsupported_version" ? { version: versionOf(version) } : {}),
    ...(retry_after_ms === undefined ? {} : { retryAfter: Math.max(0, retry_after_ms) })
  })
}
