import { Failure, type Retryability } from "@holdfast/core"
import { Effect, Schema } from "effect"
import { isBounded } from "../snapshot/carried.ts"
import { cut } from "../text.ts"
import {
  isCode,
  readGraphQl,
  readHttp,
  readJsonRpc,
  readLog,
  readProblem,
  readRpc,
  readSnapshot,
  type Said
} from "./bodies.ts"
import { RemoteFailure } from "./failure.ts"
import { readGrpc } from "../grpc/decode.ts"
import { type Known, rebuild } from "./known.ts"

const limits = { body: 1_048_576, text: 8192, hints: 16, hint: 512, excerpt: 256 } as const

/** The other side answered something that is no failure of ours. */
export class UndecodableRemote extends Failure.Tagged<UndecodableRemote>()(
  "UndecodableRemote",
  {
    /** What was expected: `http`, `rpc`, `log`, `problem`, `snapshot`, `grpc`, `json-rpc`, `graphql`. */
    format: Schema.String,
    /** How the body begins. It is somebody else's text: no projection shows it. */
    excerpt: Schema.String,
    /** The HTTP status it came with. */
    status: Schema.optionalKey(Schema.Int)
  },
  {
    code: "sys.undecodable_remote_failure",
    detail: ({ format, status }) =>
      `the body is no ${format} failure${status === undefined ? "" : `, and the status is ${status}`}`,
    http: 502
  }
) {
  constructor(props: UndecodableProps, options?: Schema.MakeOptions) {
    super(props, options)
    // Nobody who could say so was reached, but the status says whether to come back.
    const retry = this.status === undefined ? undefined : retryOf.get(this.status)
    if (retry !== undefined) {
      Object.defineProperty(this, Failure.TypeId, { value: { ...UndecodableRemote.declared, retry, severity: "Warn" } })
    }
  }
}

interface UndecodableProps extends Failure.Extras {
  readonly format: string
  readonly excerpt: string
  readonly status?: number
}

const retryOf: ReadonlyMap<number, Retryability> = new Map([
  [408, "transient"],
  [429, "throttled"],
  [502, "transient"],
  [503, "transient"],
  [504, "transient"]
])

const parse = (body: unknown): unknown => {
  if (typeof body !== "string") return body
  return body.length > limits.body ? undefined : (JSON.parse(body) as unknown)
}

/** What was said, as a failure; nothing where its code could not be a label of metrics. @internal */
export const remoteOf = (said: Said): RemoteFailure | undefined => {
  const { category, code, detail, failure, hints, metadata, path, reason, retry_after_ms, retryable } = said
  const { status, visibility } = said
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
    ...(failure === undefined || !isBounded(failure) ? {} : { failure }),
    ...(detail === null ? {} : { detail: cut(detail, limits.text) }),
    ...(retry_after_ms === undefined ? {} : { retryAfter: Math.max(0, retry_after_ms) })
  })
}

const excerptOf = (body: unknown): string => {
  try {
    if (body instanceof Uint8Array) return ""
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

/** What is known of the answer beside its body. */
export interface Context {
  readonly status?: number
  readonly retry_after_ms?: number
}

type DecoderWith = (
  body: unknown,
  known: ReadonlyArray<Known>,
  context: Context
) => Effect.Effect<Failure.Any, UndecodableRemote>

const decoderWith =
  (format: string, read: (body: unknown) => Said | undefined, isJson = true): DecoderWith =>
  (body, known, context) =>
    Effect.suspend(() => {
      let failure: Failure.Any | undefined
      try {
        const inside = read(isJson ? parse(body) : body)
        const said = inside && completed(inside, context)
        const remote = said && remoteOf(said)
        failure = remote && (rebuild(remote, said.failure, known) ?? remote)
      } catch {
        failure = undefined
      }
      return failure === undefined ? Effect.fail(undecodable(format, body, context)) : Effect.succeed(failure)
    })

/** A header rounds the pause to seconds and the body does not; whoever says when to come back says that one may. */
const completed = (said: Said, { retry_after_ms, status }: Context): Said => ({
  ...said,
  status: status ?? said.status,
  retry_after_ms: said.retry_after_ms ?? retry_after_ms,
  retryable: said.retryable || retry_after_ms !== undefined
})

const undecodable = (format: string, body: unknown, { retry_after_ms, status }: Context): UndecodableRemote =>
  new UndecodableRemote({
    format,
    excerpt: excerptOf(body),
    ...(status === undefined ? {} : { status }),
    ...(retry_after_ms === undefined ? {} : { retryAfter: Math.max(0, retry_after_ms) })
  })

const nothing: Context = {}

const decoder =
  (decode: DecoderWith): Decoder =>
  (body: unknown, known: ReadonlyArray<Known> = []) =>
    decode(body, known, nothing) as Effect.Effect<never, UndecodableRemote>

/** @internal */
export const decodeHttpWith = decoderWith("http", readHttp)

/** @internal */
export const decodeRpcWith = decoderWith("rpc", readRpc)

/** @internal */
export const decodeProblemWith = decoderWith("problem", readProblem)

/**
 * The failure in a body made by `Projection.toHttp`: JSON text, or what it was parsed to. An HTTP body does not say whether
 * to try again; 429, 503 and 504 do.
 */
export const decodeHttp = decoder(decodeHttpWith)

/** The failure in a message made by `Projection.toRpc`: JSON text, or what it was parsed to. */
export const decodeRpc = decoder(decodeRpcWith)

/** The failure in a log line made by `Projection.toLog`: JSON text, or what it was parsed to. */
export const decodeLog = decoder(decoderWith("log", readLog))

/** The failure in a snapshot: JSON text, or what it was parsed to. `ErrorSnapshot.fromUnknown` gives the snapshot itself. */
export const decodeSnapshot = decoder(decoderWith("snapshot", readSnapshot))

/**
 * The failure in an RFC 9457 problem, whoever made it: JSON text, or what it was parsed to. Members of the wrong type
 * count as absent. A problem without a code of ours is `sys.remote_failure`.
 */
export const decodeProblem = decoder(decodeProblemWith)

/**
 * The failure in a gRPC status: `google.rpc.Status` as bytes, `grpc-status-details-bin` as base64, or `{ code, message, details }`
 * with either of them. A status of another house is `sys.remote_failure` with the retryability of its canonical code.
 */
export const decodeGrpc = decoder(decoderWith("grpc", readGrpc, false))

/** The failure in a JSON-RPC 2.0 response or in its `error`, whoever made it: JSON text, or what it was parsed to. */
export const decodeJsonRpc = decoder(decoderWith("json-rpc", readJsonRpc))

/** The first failure of a GraphQL response, or one of its errors, whoever made it: JSON text, or what it was parsed to. */
export const decodeGraphQl = decoder(decoderWith("graphql", readGraphQl))
