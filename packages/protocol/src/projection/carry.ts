import type { Audience } from "@holdfast/core"
import { type CarriedFailure, carriedVersion } from "../snapshot/carried.ts"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { isInside, isPublic, type Options } from "./input.ts"

const fieldsOf = ({ failure }: ErrorSnapshot.ErrorSnapshot): Pick<CarriedFailure, "data" | "version"> =>
  failure?.version === carriedVersion && failure.data !== undefined
    ? { version: carriedVersion, data: failure.data }
    : { version: carriedVersion }

const everything = (snapshot: ErrorSnapshot.ErrorSnapshot): CarriedFailure => {
  const { decision, identity, origin, retry_after_ms, root_metadata, violations } = snapshot
  return {
    ...fieldsOf(snapshot),
    identity: { ...identity, position: null },
    decision,
    ...(origin === undefined ? {} : { origin }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    ...(violations === undefined ? {} : { violations }),
    ...(Object.keys(root_metadata).length === 0 ? {} : { root_metadata })
  }
}

const whatIsPublic = (snapshot: ErrorSnapshot.ErrorSnapshot): CarriedFailure => {
  const { decision, identity, retry_after_ms, violations } = snapshot
  const { grpc_code, http_status, retryable, visibility } = decision
  return {
    ...fieldsOf(snapshot),
    identity: { ...identity, position: null, path: null },
    decision: {
      http_status,
      visibility,
      default_hints: decision.default_hints,
      retryable,
      ...(grpc_code === undefined ? {} : { grpc_code })
    },
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    ...(violations === undefined ? {} : { violations })
  }
}

const nothing = {}

/** Says for whom a text was written, where that is not everybody: it must not reach everybody one hop later. */
export const readerOf = (audience: Audience): { readonly audience?: Audience } =>
  audience === "partner" || isInside(audience) ? { audience } : nothing

/** What goes along beside what a format says, where it was asked for. */
export const carriedFor = (
  snapshot: ErrorSnapshot.ErrorSnapshot,
  carry: Options["carry"]
): { readonly failure?: CarriedFailure } => {
  if (carry === "all") return { failure: everything(snapshot) }
  return carry === "public" && isPublic(snapshot) ? { failure: whatIsPublic(snapshot) } : nothing
}
