import { Category, Failure } from "@holdfast/core"
import { Effect, Option, Schema } from "effect"
import { HttpProjection, LogProjection, RpcProjection } from "../projection/schema.ts"
import { fromUnknown } from "../snapshot/ErrorSnapshot.ts"
import { CarriedFailure } from "../snapshot/carried.ts"
import { cut } from "../text.ts"
import { type Props, RemoteFailure } from "./failure.ts"
import { type Known, rebuild } from "./known.ts"

const limits = { body: 1_048_576, code: 256, text: 8192, hints: 16, hint: 512, excerpt: 256 } as const

/** The other side answered something that is no failure of ours. */
export class UndecodableRemote extends Failure.Tagged<UndecodableRemote>()(
  "UndecodableRemote",
  {
    /** What was expected: `http`, `rpc`, `log`, `problem`, `snapshot`. */
    format: Schema.String,
    /** How the body begins. It is somebody else's text: no projection shows it. */
    excerpt: Schema.String
  },
  { code: "sys.undecodable_remote_failure", detail: ({ format }) => `the body is no ${format} failure`, http: 502 }
) {}

/** What becomes a label of metrics has to look like one. */
const isCode = (code: string): boolean => code.length <= limits.code && /^[\w.-]+$/.test(code)

const isCategory = Schema.is(Category)

const isObject = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u)

const own = (body: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(body, key) ? body[key] : undefined

const parse = (body: unknown): unknown => {
  if (typeof body !== "string") return body
  return body.length > limits.body ? undefined : (JSON.parse(body) as unknown)
}

/** A category that this version does not know is replaced by the one that the code names. */
const withCategory = (body: unknown): unknown => {
  if (!isObject(body) || isCategory(own(body, "category"))) return body
  const code = own(body, "code")
  const named = typeof code === "string" ? code.slice(0, code.indexOf(".")) : undefined
  return { ...body, category: isCategory(named) ? named : "sys" }
}

/** What a body says, whatever its format. */
interface Said extends Omit<Props, "detail" | "path" | "retryAfter"> {
  readonly detail: string | null
  readonly path?: string | null
  readonly retry_after_ms?: number | undefined
  readonly failure?: CarriedFailure | undefined
}

const make = (said: Said): RemoteFailure | undefined => {
  const { category, code, detail, hints, metadata, path, reason, retry_after_ms, retryable, status, visibility } = said
  if (!isCode(code)) return undefined
  return new RemoteFailure({
    code,
    category,
    reason: cut(reason, limits.text),
    status,
    visibility,
    hints: hints.slice(0, limits.hints).map((hint) => cut(hint, limits.hint)),
    retryable,
    ...(path === undefined || path === null ? {} : { path: cut(path, limits.text) }),
    ...(metadata === undefined || Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(detail === null ? {} : { detail: cut(detail, limits.text) }),
    ...(retry_after_ms === undefined ? {} : { retryAfter: Math.max(0, retry_after_ms) })
  })
}

const excerptOf = (body: unknown): string => {
  try {
    return cut((typeof body === "string" ? body : JSON.stringify(body)) ?? "", limits.excerpt)
  } catch {
    return ""
  }
}

/**
 * Reads a body. With a list of failure classes the declared class comes back where one of them has the code and its fields
 * are there, so that `Effect.catchTag` works across the network; else the {@link RemoteFailure} does.
 */
export interface Decoder {
  (body: unknown): Effect.Effect<RemoteFailure, UndecodableRemote>
  <const Classes extends ReadonlyArray<Known>>(
    body: unknown,
    known: Classes
  ): Effect.Effect<RemoteFailure | Classes[number]["Type"], UndecodableRemote>
}

/** @internal */
export const decoder =
  (format: string, read: (body: unknown) => Said | undefined): Decoder =>
  (body: unknown, known: ReadonlyArray<Known> = []): Effect.Effect<never, UndecodableRemote> =>
    Effect.suspend(() => {
      let failure: Failure.Any | undefined
      try {
        const said = read(parse(body))
        const remote = said && make(said)
        failure = remote && (rebuild(remote, said.failure, known) ?? remote)
      } catch {
        failure = undefined
      }
      return failure === undefined
        ? Effect.fail(new UndecodableRemote({ format, excerpt: excerptOf(body) }))
        : Effect.succeed(failure as never)
    })

const reading =
  <S extends Schema.ConstraintDecoder<unknown>>(schema: S, said: (body: S["Type"]) => Said) =>
  (body: unknown): Said | undefined =>
    Option.getOrUndefined(Option.map(Schema.decodeUnknownOption(schema)(withCategory(body)), said))

/**
 * The failure in a body made by `Projection.toHttp`: JSON text, or what it was parsed to. An HTTP body does not say whether
 * to try again; 429, 503 and 504 do.
 */
export const decodeHttp = decoder(
  "http",
  reading(HttpProjection, ({ message, ...body }) => ({
    ...body,
    // One member held either of them; shown again as the detail, a public message stays what it was.
    reason:
      body.visibility === "public" ? body.code.slice(body.code.lastIndexOf(".") + 1).replaceAll("_", " ") : message,
    detail: body.visibility === "public" ? message : null,
    retryable: [429, 503, 504].includes(body.status)
  }))
)

/** The failure in a message made by `Projection.toRpc`: JSON text, or what it was parsed to. */
export const decodeRpc = decoder(
  "rpc",
  reading(RpcProjection, (body) => body)
)

/** The failure in a log line made by `Projection.toLog`: JSON text, or what it was parsed to. */
export const decodeLog = decoder(
  "log",
  reading(LogProjection, ({ root_metadata, ...body }) => ({
    ...body,
    metadata: root_metadata,
    status: null,
    retryable: false
  }))
)

/** The failure in a snapshot: JSON text, or what it was parsed to. `ErrorSnapshot.fromUnknown` gives the snapshot itself. */
export const decodeSnapshot = decoder("snapshot", (body) =>
  Option.getOrUndefined(
    Option.map(fromUnknown(body), ({ decision, failure, identity, retry_after_ms, root_metadata }) => ({
      ...identity,
      position: undefined,
      metadata: root_metadata,
      retry_after_ms,
      failure,
      status: decision.http_status,
      visibility: decision.visibility,
      hints: decision.default_hints,
      retryable: decision.retryable
    }))
  )
)

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/**
 * The failure in an RFC 9457 problem, whoever made it: JSON text, or what it was parsed to. Members of the wrong type
 * count as absent. A problem without a code of ours is `sys.remote_failure`.
 */
export const decodeProblem = decoder("problem", (body) => {
  if (!isObject(body)) return undefined
  const code = text(own(body, "code"))
  const status = own(body, "status")
  const hints = own(body, "hints")
  const known = withCategory({ code, category: own(body, "category") }) as { readonly category: Category }
  const detail = text(own(body, "detail")) ?? null
  return {
    code: code !== undefined && isCode(code) ? code : "sys.remote_failure",
    category: known.category,
    reason: text(own(body, "title")) ?? "remote failure",
    detail,
    status: typeof status === "number" && Number.isInteger(status) ? status : null,
    visibility: detail === null ? "internal" : "public",
    hints: Array.isArray(hints) ? hints.filter((hint): hint is string => typeof hint === "string") : [],
    retryable: own(body, "retryable") === true,
    retry_after_ms: Option.getOrUndefined(Schema.decodeUnknownOption(Schema.Finite)(own(body, "retry_after_ms"))),
    failure: Option.getOrUndefined(Schema.decodeUnknownOption(CarriedFailure)(own(body, "failure")))
  }
})
