import { check, count, guarded, oneOf, positiveOrInfinity, refuse, type Table } from "@holdfast/core/options"
import { Predicate } from "effect"
import type { Known } from "../remote/known.ts"
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

export const failureClass = guarded(
  "a failure class, as Failure.Tagged makes it",
  (u): u is Known =>
    Predicate.isFunction(u) &&
    Predicate.hasProperty(u, "declared") &&
    Predicate.hasProperty(u.declared, "code") &&
    Predicate.isString(u.declared.code)
)

/** The classes that may come back, as they may be used. Whoever leaves them out for the options is told of it. */
export const verifiedKnown = (path: string, given: ReadonlyArray<Known> | undefined): ReadonlyArray<Known> => {
  if (given === undefined) return []
  if (!Array.isArray(given)) {
    return refuse({ path: `${path}.known` }, "must be a list of failure classes; options come after it", given)
  }
  const wrong = given.findIndex((one) => !failureClass.is(one))
  return wrong < 0 ? given : refuse({ path: `${path}.known[${wrong}]` }, failureClass.what, given[wrong])
}

/** Options of a reader as they may be used. */
export const verifiedReading = (path: string, given: Reading = {}): Reading => {
  check({ path }, reading, given)
  return given
}
