import { Predicate } from "effect"

/** The tag of a failure, if it has one. It is asked while a circuit waits for a result, so it never throws. */
export const tagOf = (failure: unknown): string | undefined => {
  try {
    const tag = Predicate.hasProperty(failure, "_tag") ? failure._tag : undefined
    return typeof tag === "string" ? tag : undefined
  } catch {
    return undefined
  }
}

/** Whether a failure is one of those that are named, by its tag or by its code. */
export const isNamed = (names: ReadonlyArray<string>, failure: unknown, code: string): boolean => {
  const tag = tagOf(failure)
  return names.includes(code) || (tag !== undefined && names.includes(tag))
}
