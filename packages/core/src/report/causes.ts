import { isFailure } from "../failure/model.ts"
import { Cause } from "effect"
import { isCause, read } from "../identity/reading.ts"

/** More errors than this hang together by malice; the rest is left out. */
const mostErrors = 200_000

/** More members than this of one list of causes are not looked at. */
const mostMembers = 100_000

/** The members of a list of errors that may be hostile: a revoked proxy, a length made up. */
const members = (list: unknown): ReadonlyArray<unknown> | undefined => {
  try {
    if (!Array.isArray(list)) return undefined
    return Array.from({ length: Math.min(list.length, mostMembers) }, (_, index) => read(list, index))
  } catch {
    return undefined
  }
}

const errorOf = (reason: Cause.Reason<unknown>): unknown =>
  Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : reason

/** Most errors have nothing underneath, and no bookkeeping is needed to find that out. */
const isAlone = (error: unknown): boolean => {
  const cause = read(error, "cause")
  return (cause === undefined || cause === null) && (isFailure(error) || read(error, "errors") === undefined)
}

/**
 * The errors underneath `error`, and then `others` (parallel failures) with theirs: nearest first, each once, however
 * they are linked, and no more than `most`. A `cause` may be an array of several, or a `Cause`, which stands for the errors in it.
 * Linear in their number, and cyclic chains end where they close.
 */
export const errorsUnder = (
  error: unknown,
  others: ReadonlyArray<unknown>,
  most = mostErrors
): ReadonlyArray<unknown> => {
  if (others.length === 0 && isAlone(error)) return []
  const seen = new Set<unknown>([error])
  const found: Array<unknown> = []
  const pending: Array<unknown> = others.toReversed()
  const push = (causes: ReadonlyArray<unknown>): void => {
    for (let i = causes.length - 1; i >= 0; i--) pending.push(causes[i])
  }
  /** Looks at what is underneath, and says whether it is an error itself. */
  const visit = (parent: unknown): boolean => {
    const isFull = found.length + pending.length >= most
    // A failure may have a field of that name.
    if (!isFailure(parent)) {
      if (isCause(parent)) {
        if (!isFull) push(parent.reasons.map(errorOf))
        return false
      }
      if (!isFull) push(members(read(parent, "errors")) ?? [])
    }
    const cause = isFull ? undefined : read(parent, "cause")
    if (cause !== undefined && cause !== null) push(members(cause) ?? [cause])
    return true
  }
  visit(error)
  while (pending.length > 0 && found.length < most) {
    const next = pending.pop()
    if (seen.has(next)) continue
    seen.add(next)
    if (visit(next)) found.push(next)
  }
  return found
}
