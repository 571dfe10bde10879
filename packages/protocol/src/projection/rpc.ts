import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { carriedFor, isPublic, reasonFor } from "./input.ts"
import type { RpcProjection } from "./schema.ts"

export const rpcOf = (
  snapshot: ErrorSnapshot.ErrorSnapshot,
  options: ErrorSnapshot.Options | undefined
): RpcProjection => {
  const { decision, identity } = snapshot
  return {
    status: decision.http_status,
    code: identity.code,
    category: identity.category,
    reason: reasonFor(snapshot),
    detail: isPublic(snapshot) ? identity.detail : null,
    visibility: decision.visibility,
    hints: decision.default_hints,
    retryable: decision.retryable,
    ...carriedFor(snapshot, options)
  }
}
