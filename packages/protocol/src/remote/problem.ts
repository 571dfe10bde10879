import { Category, Failure } from "@holdfast/core"
import { Option, Schema } from "effect"
import { isLabel } from "../snapshot/remote.ts"
import { Violation } from "../snapshot/violations.ts"
import {
  audienceIn,
  carriedIn,
  categoryOf,
  elsewhere,
  isObject,
  own,
  type Said,
  textIn,
  withCarried
} from "./bodies.ts"
import { membersOf } from "./members.ts"
import { checkVersion } from "./undecodable.ts"

const isCategory = Schema.is(Category)

const decodePause = Schema.decodeUnknownOption(Schema.Finite)
const decodeViolations = Schema.decodeUnknownOption(Schema.Array(Violation))

const longestType = 2048

/** The code at the end of a type URI, whatever stands before it. */
const codeOfType = (type: string | undefined): string | undefined => {
  if (type === undefined || type.length > longestType) return undefined
  const last = type.slice(1 + Math.max(...["/", "#", ":"].map((end) => type.lastIndexOf(end))))
  return Failure.isCode(last) ? last : undefined
}

const codeIn = (body: Readonly<Record<string, unknown>>): string | undefined => {
  const given = textIn(own(body, "code"))
  return given !== undefined && isLabel(given) ? given : codeOfType(textIn(own(body, "type")))
}

export const readProblem = (body: unknown): Said | undefined => {
  if (!isObject(body)) return undefined
  checkVersion(body)
  const status = own(body, "status")
  const hints = own(body, "hints")
  const code = codeIn(body)
  const named = own(body, "category")
  const title = textIn(own(body, "title"))
  const detail = textIn(own(body, "detail"))
  const retryable = own(body, "retryable")
  const violations = Option.getOrUndefined(decodeViolations(own(body, "violations")))
  const problem = membersOf(body)
  const whole = [title, detail].filter((part) => part !== undefined)
  const said: Said = {
    ...(code === undefined
      ? elsewhere(whole.length === 0 ? null : whole.join(": "), null)
      : {
          code,
          category: isCategory(named) ? named : categoryOf(code),
          reason: title ?? "remote failure",
          detail: detail ?? null
        }),
    status: typeof status === "number" && Number.isInteger(status) ? status : null,
    // Who does not say that it may be shown has not thought of it.
    visibility: code !== undefined && own(body, "visibility") === "public" ? "public" : "internal",
    hints:
      code !== undefined && Array.isArray(hints)
        ? hints.filter((hint): hint is string => typeof hint === "string")
        : [],
    audience: audienceIn(own(body, "audience")),
    retryable: typeof retryable === "boolean" ? retryable : undefined,
    retry_after_ms: Option.getOrUndefined(decodePause(own(body, "retry_after_ms"))),
    ...(violations === undefined ? {} : { violations }),
    ...(problem === undefined ? {} : { problem })
  }
  return withCarried(said, carriedIn(own(body, "failure")))
}

/**
 * A problem that calls itself JSON. Many bodies have a `title` or a `type`: it takes the status of the answer, both of them, or a
 * code of ours.
 */
export const readProblemLike =
  (status: number) =>
  (body: unknown): Said | undefined => {
    if (!isObject(body)) return undefined
    const named = ["title", "type"].filter((name) => textIn(own(body, name)) !== undefined).length
    const code = textIn(own(body, "code"))
    const isProblem =
      named === 2 || (named === 1 && (own(body, "status") === status || (code !== undefined && Failure.isCode(code))))
    return isProblem ? readProblem(body) : undefined
  }
