import { read } from "../identity/reading.ts"

/**
 * The errors underneath `error`, and then `others` (parallel failures) with theirs: nearest first, each once, however
 * they are linked. Linear in their number, and cyclic chains end where they close.
 */
export const errorsUnder = (error: unknown, others: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const seen = new Set<unknown>([error])
  const found: Array<unknown> = []
  const pending: Array<unknown> = []
  const children = (parent: unknown): void => {
    const errors = read(parent, "errors")
    if (Array.isArray(errors)) {
      for (let i = errors.length - 1; i >= 0; i--) pending.push(read(errors, i))
    }
    const cause = read(parent, "cause")
    // A failure may have several causes: an array of them, nearest first.
    if (Array.isArray(cause)) for (let i = cause.length - 1; i >= 0; i--) pending.push(read(cause, i))
    else if (cause !== undefined && cause !== null) pending.push(cause)
  }
  for (let i = others.length - 1; i >= 0; i--) pending.push(others[i])
  children(error)
  while (pending.length > 0) {
    const next = pending.pop()
    if (seen.has(next)) continue
    seen.add(next)
    found.push(next)
    children(next)
  }
  return found
}
