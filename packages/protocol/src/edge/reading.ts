import { Duration, Option, Predicate } from "effect"
import { check, type Field, oneOf, refuse, type Table } from "../options.ts"
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

/** Of what is read as no time at all, some is a mistake: NaN, and an object without units. */
const isPatience = (u: unknown): boolean => Option.exists(Duration.fromInput(u as Duration.Input), Duration.isPositive)

export const patience: Table = {
  patience: { what: "must be a duration greater than 0 ms", is: isPatience },
  maxBytes: { what: "must be a whole number of bytes from 0", is: (u) => Number.isSafeInteger(u) && Number(u) >= 0 }
}

const reading: Table = { ...patience, trust: oneOf("nobody", "peer") }

export const failureClass: Field = {
  what: "must be a failure class, as Failure.Tagged makes it",
  is: (u) =>
    Predicate.isFunction(u) &&
    Predicate.hasProperty(u, "declared") &&
    Predicate.hasProperty(u.declared, "code") &&
    Predicate.isString(u.declared.code)
}

/** The classes that may come back, as they may be used. Whoever leaves them out for the options is told of it. */
export const verifiedKnown = (path: string, given: ReadonlyArray<Known> | undefined): ReadonlyArray<Known> => {
  if (given === undefined) return []
  if (!Array.isArray(given)) return refuse(`${path}.known`, "must be a list of failure classes; options come after it")
  const wrong = given.findIndex((one) => !failureClass.is(one))
  return wrong < 0 ? given : refuse(`${path}.known[${wrong}]`, failureClass.what)
}

/** Options of a reader as they may be used. */
export const verifiedReading = (path: string, given: Reading = {}): Reading => {
  check(path, reading, given)
  return given
}
