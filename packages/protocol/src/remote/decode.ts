import { Classifier, type Failure, Operation, Redaction } from "@holdfast/core"
import { Duration, Effect } from "effect"
import { checked } from "../exposure/checked.ts"
import type { ExposureDecision } from "../exposure/decision.ts"
import { readGrpc } from "../grpc/decode.ts"
import { type CarriedFailure, isBounded } from "../snapshot/carried.ts"
import { limitMetadata } from "../snapshot/limits.ts"
import { isLabel, remoteCode } from "../snapshot/remote.ts"
import { limitViolations, remember } from "../snapshot/violations.ts"
import { cut } from "../text.ts"
import {
  distrusted,
  elsewhere,
  readGraphQl,
  readHttp,
  readJsonRpc,
  readLog,
  readMessageHeaders,
  readRpc,
  readSnapshot,
  type Said
} from "./bodies.ts"
import { RemoteFailure } from "./failure.ts"
import { final, type Known, rebuild, verifiedKnown } from "./known.ts"
import { membersOf } from "./members.ts"
import { readProblem, readProblemLike } from "./problem.ts"
import { type Cut, Refused, undecodable, type UndecodableRemote } from "./undecodable.ts"

const limits = { body: 1_048_576, text: 8192, hints: 16, hint: 512, segments: 256 } as const

const parse = (body: unknown): unknown => {
  if (typeof body !== "string") return body
  if (body.length > limits.body) throw new Refused("too_large")
  try {
    return JSON.parse(body) as unknown
  } catch {
    throw new Refused("not_json")
  }
}

/** A decision that no policy could have made is none. */
const decisionIn = (decision: ExposureDecision | undefined): ExposureDecision | undefined => {
  try {
    return decision && checked(cleaned(decision))
  } catch {
    return undefined
  }
}

/** The own fields of what came along: all else is said by the failure itself. */
const fieldsIn = ({ data, version }: CarriedFailure): CarriedFailure | undefined =>
  data !== undefined && isBounded(data) ? { version, data } : undefined

/** Whatever a peer says has been written by who knows whom: what looks like a secret stays out from the beginning. */
const clean = (of: string, limit: number): string => cut(Redaction.standard.text(cut(of, 8 * limit)), limit)

const text = (of: string): string => clean(of, limits.text)

const hintsIn = (hints: ReadonlyArray<string>): ReadonlyArray<string> =>
  hints.slice(0, limits.hints).map((hint) => clean(hint, limits.hint))

/** Nobody waits longer than that. */
const longest = 2 ** 31

const pauseIn = (millis: number): number => (millis > 0 ? Math.min(longest, millis) : 0)

const isStatus = (status: number | null): boolean => status !== null && status >= 100 && status <= 599

/** The texts of a decision, which a policy of ours would have had from a declaration. */
const cleaned = ({ audience_hints, default_hints, title, ...decision }: ExposureDecision): ExposureDecision => ({
  ...decision,
  default_hints: hintsIn(default_hints),
  ...(title === undefined ? {} : { title: text(title) }),
  ...(audience_hints === undefined
    ? {}
    : {
        audience_hints: Object.fromEntries(
          Object.entries(audience_hints).map(([audience, hints]) => [audience, hintsIn(hints)])
        )
      })
})

/** What was said, as a failure; nothing where its code could not be a label of metrics. @internal */
export const remoteOf = (said: Said): RemoteFailure | undefined => {
  const { audience, category, code, detail, hints, metadata, path, reason, retryable, status } = said
  const { problem, violations, visibility } = said
  if (!isLabel(code)) return undefined
  const decision = decisionIn(said.decision)
  const failure = said.failure && fieldsIn(said.failure)
  return new RemoteFailure({
    code,
    category,
    reason: text(reason),
    status: isStatus(status) ? status : null,
    visibility,
    hints: hintsIn(hints),
    ...(audience === undefined || audience === "client" ? {} : { audience }),
    retryable: retryable === true,
    ...(path === undefined || path === null ? {} : { path: text(path) }),
    ...(metadata === undefined || Object.keys(metadata).length === 0 ? {} : { metadata: limitMetadata(metadata) }),
    ...(violations === undefined ? {} : { violations: limitViolations(violations) }),
    ...(decision === undefined ? {} : { decision }),
    ...(said.origin === undefined ? {} : { origin: said.origin }),
    ...(problem === undefined ? {} : { problem }),
    ...(failure === undefined ? {} : { failure }),
    ...(detail === null ? {} : { detail: text(detail) }),
    // Who says that one may not come back has nothing to say about when.
    ...(said.retry_after_ms === undefined || retryable === false ? {} : { retryAfter: pauseIn(said.retry_after_ms) })
  })
}

/**
 * A `RemoteFailure` that another program has encoded with its schema, as one that was decoded here: no larger, and as clean.
 * @internal
 */
export const received = ({ detail, problem, retryAfter, ...said }: RemoteFailure): RemoteFailure => {
  const { extensions, ...named } = problem ?? {}
  const members = membersOf({ ...extensions, ...named })
  const pause = retryAfter === undefined ? undefined : Duration.toMillis(retryAfter)
  const limited: Said = {
    ...said,
    detail: detail ?? null,
    retry_after_ms: pause,
    ...(members === undefined ? {} : { problem: members })
  }
  return remoteOf(limited) ?? remoteOf({ ...limited, code: remoteCode })!
}

const noPath: ReadonlyArray<string> = []

/** What the other side was doing is what this one was doing further inside. */
const placed = (failure: Failure.Any, { metadata, path }: RemoteFailure): Effect.Effect<Failure.Any> => {
  if (path === undefined && metadata === undefined) return Effect.succeed(failure)
  const segments = path === undefined ? noPath : Operation.splitPath(path).slice(0, limits.segments)
  const inside = metadata === undefined ? Effect.fail(failure) : Operation.annotate(Effect.fail(failure), { metadata })
  return Effect.flip(segments.reduceRight((self, segment) => Operation.doing(self, segment), inside))
}

/** How what another program reported is taken. */
interface Arrival {
  /** Whether that program has said that one need not come back. Default: as the failure says. */
  readonly isFinal?: boolean
  /** Whether its words may be shown as ours. Default: `true`. */
  readonly isTrusted?: boolean
}

/** Without the words that somebody has chosen for this once. */
const wordless = ({ data, ...carried }: CarriedFailure): CarriedFailure => {
  if (data === undefined) return carried
  const { detail: _, ...fields } = data
  return { ...carried, data: fields }
}

/** The class of what another program reported. What it decided about trying again may be less than what the class declares. */
const rebuilt = (
  remote: RemoteFailure,
  carried: CarriedFailure | undefined,
  known: ReadonlyArray<Known>,
  { isFinal = !remote.retryable, isTrusted = true }: Arrival
): Failure.Any | undefined => {
  // A class would be a declared failure again, and what was thrown over there was none.
  if (remote.origin !== undefined) return undefined
  const { category, code, retryAfter } = remote
  const failure = isTrusted
    ? rebuild(remote, carried, known)
    : rebuild({ category, code, ...(retryAfter && { retryAfter }) }, carried && wordless(carried), known)
  return isFinal && failure !== undefined ? final(failure) : failure
}

/** What another program reported, in its place here: as its class where that is known, inside of what it was doing. @internal */
export const arrived = (
  remote: RemoteFailure,
  carried: CarriedFailure | undefined,
  known: ReadonlyArray<Known>,
  arrival: Arrival = {}
): Effect.Effect<Failure.Any> => {
  const failure = rebuilt(remote, carried, known, arrival) ?? remote
  if (remote.violations !== undefined) remember(failure, remote.violations)
  return placed(failure, remote)
}

/**
 * Reads a body. With a list of failure classes the declared class comes back where one of them has the code and its fields
 * are there, so that `Effect.catchTag` works across the network; else the {@link RemoteFailure} does. A list that holds anything
 * else is thrown as `ConfigError.InvalidValue`.
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
  /** Why the body is not all that was sent. */
  readonly cut?: Cut
  /** Whether the words of whoever sent it may be shown as ours. Default: `true`. */
  readonly isTrusted?: boolean
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
      let thrown: unknown
      try {
        const inside = read(isJson ? parse(body) : body)
        const said = inside && completed(inside, context)
        const remote = said && remoteOf(said)
        const arrival = { isFinal: inside?.retryable === false, isTrusted: context.isTrusted !== false }
        if (remote !== undefined) return arrived(remote, said?.failure, known, arrival)
      } catch (error) {
        thrown = error
      }
      return Effect.fail(undecodable(format, body, thrown, context))
    })

/** A header rounds the pause to seconds and the body does not; whoever only says when to come back says that one may. */
const completed = (said: Said, { isTrusted = true, retry_after_ms, status }: Context): Said => {
  const pause = said.retry_after_ms ?? retry_after_ms
  return {
    ...(isTrusted ? said : distrusted(said)),
    status: status ?? said.status,
    retry_after_ms: pause,
    retryable: said.retryable ?? pause !== undefined
  }
}

const nothing: Context = {}

const decoder =
  (name: string, decode: DecoderWith): Decoder =>
  (body: unknown, known?: ReadonlyArray<Known>) =>
    decode(body, verifiedKnown(`RemoteFailure.${name}`, known), nothing) as Effect.Effect<never, UndecodableRemote>

/** @internal */
export const decodeProblemWith = decoderWith("problem", readProblem)

/** A body that says it is JSON, of an answer of this status: any of the formats of HTTP. @internal */
export const decodeJsonWith = (status: number): DecoderWith => {
  const problemLike = readProblemLike(status)
  return decoderWith("http", (body) => readHttp(body) ?? readRpc(body) ?? problemLike(body))
}

/**
 * What an answer without a body says: its status, and when to come back. Nobody said more, so it is no declared failure.
 * @internal
 */
export const bodiless = (status: number, pause: number | undefined): RemoteFailure => {
  const { category, code, reason, retry } = Classifier.ofStatus(status)
  return remoteOf({
    ...elsewhere(null, status),
    code,
    category,
    reason,
    retryable: retry !== "never" || pause !== undefined,
    retry_after_ms: pause
  })!
}

/**
 * The failure in a body made by `Projection.toHttp`: JSON text, or what it was parsed to. An HTTP body does not say whether
 * to try again; 429, 503 and 504 do.
 */
export const decodeHttp = decoder("decodeHttp", decoderWith("http", readHttp))

/** The failure in a message made by `Projection.toRpc`: JSON text, or what it was parsed to. */
export const decodeRpc = decoder("decodeRpc", decoderWith("rpc", readRpc))

/** The failure in a log line made by `Projection.toLog`: JSON text, or what it was parsed to. */
export const decodeLog = decoder("decodeLog", decoderWith("log", readLog))

/** The failure in a snapshot: JSON text, or what it was parsed to. `ErrorSnapshot.fromUnknown` gives the snapshot itself. */
export const decodeSnapshot = decoder("decodeSnapshot", decoderWith("snapshot", readSnapshot))

/**
 * The failure in an RFC 9457 problem, whoever made it: JSON text, or what it was parsed to. Members of the wrong type
 * count as absent. A problem without a code of ours is `sys.remote_failure`.
 */
export const decodeProblem = decoder("decodeProblem", decodeProblemWith)

/**
 * The failure in a gRPC status: `google.rpc.Status` as bytes, `grpc-status-details-bin` as base64, or `{ code, message, details }`
 * with either of them. A status of another house is `sys.remote_failure` with the retryability of its canonical code.
 */
export const decodeGrpc = decoder("decodeGrpc", decoderWith("grpc", readGrpc, false))

/** The failure in a JSON-RPC 2.0 response or in its `error`, whoever made it: JSON text, or what it was parsed to. */
export const decodeJsonRpc = decoder("decodeJsonRpc", decoderWith("json-rpc", readJsonRpc))

/**
 * The failure in the headers of a message, as `Projection.toMessageHeaders` makes them: names in any case, values as text or bytes.
 * Of others' headers with an `error-type`, that is all there is to know.
 */
export const decodeMessageHeaders = decoder(
  "decodeMessageHeaders",
  decoderWith("message", (headers) => readMessageHeaders(headers, parse), false)
)

/** The first failure of a GraphQL response, or one of its errors, whoever made it: JSON text, or what it was parsed to. */
export const decodeGraphQl = decoder("decodeGraphQl", decoderWith("graphql", readGraphQl))
