import type { Redaction } from "@holdfast/core"
import { Schema } from "effect"
import { cut } from "../text.ts"

/** One thing that is wrong with what the caller sent. */
export const Violation = Schema.Struct({
  /** Where, as a path of names and indices joined by dots. */
  path: Schema.String,
  /** Stable key of the rule that was broken. */
  code: Schema.String,
  /** The rule in words. */
  message: Schema.String
})
export type Violation = typeof Violation.Type

const most = 64

/** As many violations as are shown, their texts cleaned and cut. */
export const limitViolations = (
  violations: ReadonlyArray<Violation>,
  clean: (text: string) => string = (text) => text
): ReadonlyArray<Violation> => {
  const text = (value: string): string => cut(clean(value), 512)
  return violations
    .slice(0, most)
    .map(({ code, message, path }) => ({ path: text(path), code: text(code), message: text(message) }))
}

const isViolations = Schema.is(Schema.Array(Violation))

/** More parts of an issue than that are not looked at: one that holds itself twice has no end. */
const mostParts = 4096

interface Found {
  readonly violations: Array<Violation>
  parts: number
}

const leaves = (issue: unknown, path: ReadonlyArray<PropertyKey>, into: Found, depth: number): void => {
  if (into.violations.length >= most || depth > 64 || typeof issue !== "object" || issue === null) return
  if (into.parts++ >= mostParts) return
  const { _tag, issue: inner, issues, path: own } = issue as Readonly<Record<string, unknown>>
  const at = Array.isArray(own) ? [...path, ...(own as ReadonlyArray<PropertyKey>)] : path
  if (Array.isArray(issues) && issues.length > 0) {
    for (const next of issues) leaves(next, at, into, depth + 1)
  } else if (inner !== undefined) {
    leaves(inner, at, into, depth + 1)
  } else if (typeof _tag === "string") {
    // What was sent stays out of it: the message of an issue repeats it.
    const code = _tag.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()
    into.violations.push({ path: at.map(String).join("."), code, message: messages[code] ?? "not valid" })
  }
}

const messages: Readonly<Record<string, string>> = {
  missing_key: "is required",
  unexpected_key: "is not expected",
  invalid_type: "has the wrong type",
  invalid_value: "is not an allowed value",
  any_of: "matches none of the alternatives"
}

const ofSchemaError = (error: unknown): ReadonlyArray<Violation> => {
  if (typeof error !== "object" || error === null || !("_tag" in error) || error._tag !== "SchemaError") return []
  const found: Found = { violations: [], parts: 0 }
  leaves((error as { readonly issue?: unknown }).issue, [], found, 0)
  return found.violations
}

/** What another program said about a failure that came back as a class of ours, which has no room for it. */
const told = new WeakMap<object, ReadonlyArray<Violation>>()

/** Remembers what was wrong with a request, beside the failure that says so. */
export const remember = (failure: object, violations: ReadonlyArray<Violation>): void =>
  void told.set(failure, violations)

/**
 * What is wrong with the request, piece by piece: the failure's own field `violations`, else what a `SchemaError` says, if
 * the failure is one or has one as its cause.
 */
export const violationsOf = (
  error: unknown,
  policy: Redaction.Policy,
  secrets: () => Redaction.Secrets
): ReadonlyArray<Violation> => {
  try {
    if (typeof error !== "object" || error === null) return []
    const { cause, violations } = error as { readonly cause?: unknown; readonly violations?: unknown }
    const own = isViolations(violations) ? violations : undefined
    const found = own ?? told.get(error) ?? [...ofSchemaError(error), ...ofSchemaError(cause)]
    if (found.length === 0) return []
    const known = secrets()
    return limitViolations(found, (text) => policy.text(text, known))
  } catch {
    return []
  }
}
