import type { Audience, Failure } from "@holdfast/core"
import { readsDetail } from "../projection/input.ts"
import { type Known, rebuild } from "../remote/known.ts"
import type { ErrorSnapshot } from "../snapshot/ErrorSnapshot.ts"

/**
 * A failure as its declared class may leave: its fields, which are part of the contract, without secrets; its own detail only
 * if this audience may read it. Nothing where it cannot be told without a secret.
 */
export const clean = (snapshot: ErrorSnapshot, Class: Known, audience: Audience): Failure.Any | undefined => {
  const { failure } = snapshot
  if (failure?.data === undefined) return undefined
  const { detail: _, ...fields } = failure.data
  const shown = readsDetail(snapshot, audience) ? failure : { ...failure, data: fields }
  const { category, code } = Class.declared
  return rebuild({ category, code }, shown, [Class])
}
