import type { ErrorSnapshot } from "./schema.ts"

/** The snapshots that were made here, and need no second look. */
const ours = new WeakSet<object>()

export const isOurs = (u: object): u is ErrorSnapshot => ours.has(u)

/** Remembers a snapshot that was made here, or from one that was. */
export const adopt = (snapshot: ErrorSnapshot): ErrorSnapshot => {
  ours.add(snapshot)
  return snapshot
}

/** A snapshot made from another one, which passes for ours where that one did. */
export const derived = (from: ErrorSnapshot, snapshot: ErrorSnapshot): ErrorSnapshot =>
  isOurs(from) ? adopt(snapshot) : snapshot
