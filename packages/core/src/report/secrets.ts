import { isFailure, leafOf, TypeId } from "../failure/model.ts"
import { type OperationContext, ofError } from "../operation/Operation.ts"
import type { Report } from "./model.ts"
import * as Redaction from "../redaction/Redaction.ts"

const none: ReadonlyArray<string> = []

const ofFields = (error: unknown, policy: Redaction.Policy, known: Redaction.Secrets): void => {
  if (isFailure(error)) {
    const leaf = leafOf(error)
    Redaction.secretsOf(policy, leaf, leaf[TypeId].sensitive, known)
  } else if (typeof error === "object" && error !== null) Redaction.secretsOf(policy, error, none, known)
}

const ofContexts = (
  contexts: ReadonlyArray<OperationContext>,
  policy: Redaction.Policy,
  known: Redaction.Secrets
): void => {
  for (let i = 0; i < contexts.length; i++) Redaction.secretsOfOperation(policy, contexts[i]!, known)
}

/**
 * The secrets of an error, of those underneath, and of what the program was doing when any of them came about. The contexts of
 * `error` are given, because its cause may know them better than itself.
 */
export const secretsAmong = (
  error: unknown,
  errors: ReadonlyArray<unknown>,
  contexts: ReadonlyArray<OperationContext>,
  policy: Redaction.Policy
): Redaction.Secrets => {
  const known = new Redaction.Secrets()
  ofFields(error, policy, known)
  ofContexts(contexts, policy, known)
  if (errors.length === 0) return known
  // Causes were mostly raised inside of the same operations.
  let seen: Set<OperationContext> | undefined
  for (const one of errors) {
    ofFields(one, policy, known)
    const around = ofError(one)
    if (around.length === 0) continue
    seen ??= new Set(contexts)
    const others = around.filter((context) => !seen!.has(context))
    for (const context of others) seen.add(context)
    ofContexts(others, policy, known)
  }
  return known
}

/** What a report shows under names that are secret to a further policy: for texts beside it, which may repeat that. */
export const secretsShown = ({ contexts, frames, metadata }: Report, policy: Redaction.Policy): Redaction.Secrets => {
  const known = new Redaction.Secrets()
  ofContexts(contexts, policy, known)
  Redaction.secretsOfOperation(policy, { fields: [], metadata }, known)
  for (const frame of frames) {
    if (frame.metadata !== undefined) {
      Redaction.secretsOfOperation(policy, { fields: [], metadata: frame.metadata }, known)
    }
  }
  return known
}
