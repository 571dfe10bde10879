import { Predicate } from "effect"

/** Whether a failure is one of those that are named, by its tag or by its code. */
export const isNamed = (names: ReadonlyArray<string>, failure: unknown, code: string): boolean =>
  names.includes(code) || (Predicate.hasProperty(failure, "_tag") && names.includes(String(failure._tag)))
