import { Failure, type Operation, Redaction } from "@holdfast/core"

/** More errors than this are not looked at for secrets, and then nothing of the failure's own is sent. */
const most = 1000

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
  for (const next of seen) {
    if (seen.size > most) return undefined
    if (typeof next !== "object" || next === null) continue
    if (Failure.isFailure(next)) {
      const leaf = Failure.leafOf(next)
      Redaction.secretsOf(leaf, leaf[Failure.TypeId].sensitive, known)
      if (leaf !== next) seen.add(leaf)
    }
    for (const child of children(next)) seen.add(child)
  }
  for (const context of contexts) Redaction.secretsOfOperation(policy, context, known)
  return known
}
