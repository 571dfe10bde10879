import { Failure, Operation, Redaction } from "@holdfast/core"
import { Cause } from "effect"

/** More errors than this are not looked at for secrets, and then nothing of the failure's own is sent. */
const most = 1000

const none: ReadonlySet<string> = new Set()

const contextsOf = (error: object): ReadonlyArray<Operation.OperationContext> =>
  Cause.isReason(error) ? Operation.ofReason(error) : Operation.ofError(error)

const children = (error: object): ReadonlyArray<unknown> => {
  const { cause, errors, reasons } = error as Readonly<Record<"cause" | "errors" | "reasons", unknown>>
  const { defect, error: failed } = error as Readonly<Record<"defect" | "error", unknown>>
  return [cause, errors, reasons, defect, failed].flatMap((of) => (Array.isArray(of) ? (of as Array<unknown>) : [of]))
}

/**
 * The secrets that a failure and everything underneath hold, or `undefined` where there is too much to look through. Throws
 * where a hostile value does.
 */
export const secretsIn = (
  error: unknown,
  contexts: ReadonlyArray<Operation.OperationContext>,
  policy: Redaction.Policy
): Redaction.Secrets | undefined => {
  const known = new Redaction.Secrets()
  const seen = new Set<unknown>([error])
  const around = new Set(contexts)
  for (const next of seen) {
    if (seen.size > most) return undefined
    if (typeof next !== "object" || next === null) continue
    if (Failure.isFailure(next)) {
      const leaf = Failure.leafOf(next)
      Redaction.secretsOf(leaf, leaf[Failure.TypeId].sensitive, known)
      if (leaf !== next) seen.add(leaf)
    } else Redaction.secretsOf(next, none, known)
    for (const context of contextsOf(next)) around.add(context)
    for (const child of children(next)) seen.add(child)
  }
  for (const context of around) Redaction.secretsOfOperation(policy, context, known)
  return known
}
