import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { isPublic, reasonFor, snapshotOf } from "./input.ts"
import { rpcOf } from "./rpc.ts"
import type { GraphQlError, JsonRpcError, PeerProjection } from "./schema.ts"

const peerOf = (snapshot: ErrorSnapshot.ErrorSnapshot, options: ErrorSnapshot.Options | undefined): PeerProjection => ({
  ...rpcOf(snapshot, options),
  ...(snapshot.retry_after_ms === undefined ? {} : { retry_after_ms: snapshot.retry_after_ms }),
  ...(isPublic(snapshot) && snapshot.violations !== undefined ? { violations: snapshot.violations } : {})
})

const messageOf = (snapshot: ErrorSnapshot.ErrorSnapshot): string =>
  (isPublic(snapshot) ? snapshot.identity.detail : null) ?? reasonFor(snapshot)

/** The codes that JSON-RPC 2.0 itself gives a meaning; everything else is a server error. */
const jsonRpcCodes: ReadonlyMap<string, number> = new Map([
  ["biz.validation_error", -32_602],
  ["sys.unimplemented", -32_601],
  ["logic.internal_invariant_broken", -32_603]
])

const serverError = -32_000

/**
 * The failure as the `error` of a JSON-RPC 2.0 response; `data` is the RPC projection, with `retry_after_ms` and `violations` where
 * there is something to say. Invalid parameters are -32602, a missing method -32601, a bug -32603, everything else -32000.
 *
 * - `carry`: whether the failure's own fields go along. Default: no.
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
export const toJsonRpc = (input: unknown, options?: ErrorSnapshot.Options): JsonRpcError => {
  const snapshot = snapshotOf(input, options)
  return {
    code: jsonRpcCodes.get(snapshot.identity.code) ?? serverError,
    message: messageOf(snapshot),
    data: peerOf(snapshot, options)
  }
}

/**
 * The failure as one of the `errors` of a GraphQL response; `extensions` is the RPC projection, with `retry_after_ms` and
 * `violations` where there is something to say.
 *
 * - `carry`: whether the failure's own fields go along. Default: no.
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
export const toGraphQl = (input: unknown, options?: ErrorSnapshot.Options): GraphQlError => {
  const snapshot = snapshotOf(input, options)
  return { message: messageOf(snapshot), extensions: peerOf(snapshot, options) }
}
