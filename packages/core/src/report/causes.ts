import { isFailure } from "../failure/model.ts"
import { read } from "../identity/reading.ts"

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

/** Most errors have nothing underneath, and no bookkeeping is needed to find that out. */
const isAlone = (error: unknown): boolean => {
  const cause = read(error, "cause")
  return (cause === undefined || cause === null) && (isFailure(error) || read(error, "errors") === undefined)
}

/**
 * The errors underneath `error`, and then `others` (parallel failures) with theirs: nearest first, each once, however
 * they are linked. A `cause` may be an array of several. Linear in their number, and cyclic chains end where they close.
 */
export const errorsUnder = (error: unknown, others: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  if (others.length === 0 && isAlone(error)) return []
  const seen = new Set<unknown>([error])
  const found: Array<unknown> = []
  const pending: Array<unknown> = others.toReversed()
  const push = (causes: ReadonlyArray<unknown>): void => {
    for (let i = causes.length - 1; i >= 0; i--) pending.push(causes[i])
  }
  const visit = (parent: unknown): void => {
    if (found.length + pending.length >= mostErrors) return
    // A failure may have a field of that name.
    if (!isFailure(parent)) push(members(read(parent, "errors")) ?? [])
    const cause = read(parent, "cause")
    if (cause !== undefined && cause !== null) push(members(cause) ?? [cause])
  }
  visit(error)
  while (pending.length > 0 && found.length < mostErrors) {
    const next = pending.pop()
    if (seen.has(next)) continue
    seen.add(next)
    found.push(next)
    visit(next)
  }
  return found
}
