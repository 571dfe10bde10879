import { messageFor, type Options, readsDetail, snapshotOf } from "./input.ts"
import { rpcOf } from "./rpc.ts"
import type { GraphQlError, JsonRpcError, MessageHeaders, PeerProjection } from "./schema.ts"
import { escaped, stringify } from "./stringify.ts"

/** What the formats share that wrap the RPC projection: the text for people, and everything for programs. */
const told = (
  input: unknown,
  options: Options | undefined
): { readonly code: string; readonly message: string; readonly peer: PeerProjection } => {
  const snapshot = snapshotOf(input, options)
  const audience = options?.audience ?? "client"
  const { retry_after_ms, violations } = snapshot
  const { failure, ...rpc } = rpcOf(snapshot, options?.carry, audience)
  return {
    code: snapshot.identity.code,
    message: messageFor(snapshot, audience),
    peer: {
      ...rpc,
      ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
      ...(violations !== undefined && readsDetail(snapshot, audience) ? { violations } : {}),
      ...(failure === undefined ? {} : { failure })
    }
  }
}

/** The codes that JSON-RPC 2.0 itself gives a meaning; everything else is a server error. */
const jsonRpcCodes: ReadonlyMap<string, number> = new Map([
  ["biz.validation_error", -32_602],
  ["sys.unimplemented", -32_601],
  ["logic.internal_invariant_broken", -32_603]
])

const serverError = -32_000

/** The number of a failure in JSON-RPC. */
export const jsonRpcCodeOf = (code: string): number => jsonRpcCodes.get(code) ?? serverError

/**
 * The failure as the `error` of a JSON-RPC 2.0 response; `data` is the RPC projection, with `retry_after_ms` and `violations` where
 * there is something to say. Invalid parameters are -32602, a missing method -32601, a bug -32603, everything else -32000.
 *
 * - `audience`: default `client`. `carry`: default none.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * const error = Projection.toJsonRpc(new Reasons.ValidationError({ detail: "count is missing" }))
 * error.code // => -32602
 * error.message // => "count is missing"
 * error.data.code // => "biz.validation_error"
 * ```
 */
export const toJsonRpc = (input: unknown, options?: Options): JsonRpcError => {
  const { code, message, peer } = told(input, options)
  return { code: jsonRpcCodeOf(code), message, data: peer }
}

/**
 * The failure as one of the `errors` of a GraphQL response; `extensions` is the RPC projection, with `retry_after_ms` and
 * `violations` where there is something to say.
 *
 * - `audience`: default `client`. `carry`: default none.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * const { extensions, message } = Projection.toGraphQl(new Reasons.NotFound({ detail: "order 7" }))
 * message // => "order 7"
 * extensions.code // => "biz.not_found"
 * ```
 */
export const toGraphQl = (input: unknown, options?: Options): GraphQlError => {
  const { message, peer } = told(input, options)
  return { message, extensions: peer }
}

/** Some brokers take only ASCII in a header, and JSON has an escape for all else. */
const ascii = (json: string): string => json.replace(/[^\x20-\x7e]/g, escaped)

/**
 * The failure as headers of a message, for a dead-letter queue or an answer over a broker: code, category and whether it may be
 * tried again for whoever routes, the RPC projection as JSON in `error-data` for whoever reads. Names and values fit Kafka, AMQP,
 * NATS and SQS.
 *
 * - `audience`: default `client`. `carry`: default none.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * const headers = Projection.toMessageHeaders(new Reasons.Timeout({ retryAfter: "2 seconds" }))
 * headers["error-type"] // => "sys.timeout"
 * headers["error-retry-after-ms"] // => "2000"
 * ```
 */
export const toMessageHeaders = (input: unknown, options?: Options): MessageHeaders => {
  const { code, peer } = told(input, options)
  return {
    "error-type": code,
    "error-category": peer.category,
    "error-retryable": peer.retryable ? "true" : "false",
    ...(peer.retry_after_ms === undefined ? {} : { "error-retry-after-ms": String(peer.retry_after_ms) }),
    "error-data": ascii(stringify(peer))
  }
}
