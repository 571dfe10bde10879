import { check, count, oneOf, positiveOrInfinity, type Table } from "@holdfast/core/options"
import type { Patience } from "./body.ts"

/** How the answers of another program are read. */
export interface Reading extends Patience {
  /**
   * Whose words may be shown again as ours: `"peer"` takes the other side at its word, a body that calls itself public included;
   * with `"nobody"` all that it says in words of its own is an internal detail, and a class comes back without its own `detail`.
   * Default: `"peer"`.
   */
  readonly trust?: "nobody" | "peer"
}

export const patience: Table<Patience> = { patience: positiveOrInfinity, maxBytes: count(0) }

const reading: Table<Reading> = { ...patience, trust: oneOf("nobody", "peer") }

/** Options of a reader as they may be used. */
export const verifiedReading = (path: string, given: Reading = {}): Reading => {
  check({ path }, reading, given)
  return given
}
