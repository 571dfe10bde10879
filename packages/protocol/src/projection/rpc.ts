import type { Audience } from "@holdfast/core"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { carriedFor, readerOf } from "./carry.ts"
import { detailFor, hintsFor, type Options, reasonFor } from "./input.ts"
import type { RpcProjection } from "./schema.ts"

export const rpcOf = (
  snapshot: ErrorSnapshot.ErrorSnapshot,
  carry: Options["carry"],
  audience: Audience
): RpcProjection => {
  const { decision, identity } = snapshot
  return {
    status: decision.http_status,
    code: identity.code,
    category: identity.category,
    reason: reasonFor(snapshot, audience),
    detail: detailFor(snapshot, audience),
    visibility: decision.visibility,
    hints: hintsFor(snapshot, audience),
    retryable: decision.retryable,
    ...readerOf(audience),
    ...carriedFor(snapshot, carry)
  }
}
