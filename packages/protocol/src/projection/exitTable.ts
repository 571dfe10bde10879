import { Category } from "@holdfast/core"
import { isLabel } from "../snapshot/remote.ts"

/**
 * Exit codes by code. A key is an exact code (`biz.not_found`), a beginning (`conf.*`, `conf.otlp.*`) or an end (`*.usage`).
 * The exact code wins, then the longest beginning of more than the category, then the end, then the category.
 */
export type ExitTable = Readonly<Record<string, number>>

/** What a process that failed can end with. */
export const isExitCode = (code: unknown): code is number =>
  Number.isInteger(code) && Number(code) >= 1 && Number(code) <= 255

/** What is wrong with a table: where, and what would be right. */
export interface Mistake {
  readonly key: string
  readonly expected: string
}

const isCategory = (text: string): boolean => (Category.literals as ReadonlyArray<string>).includes(text)

const categories = Category.literals.join(", ")

/** Why no code will ever match this key; nothing where one may. */
const unmatched = (key: string): string | undefined => {
  if (isCategory(key)) return `is a category and no code; did you mean "${key}.*"?`
  const [first = "", ...others] = key.split(".")
  const last = others.at(-1)
  if (first === "*") {
    if (last === undefined || last === "*") return `must name a code, a beginning ("sys.*") or an end ("*.usage")`
    return others.length === 1 && isLabel(last)
      ? undefined
      : `must end with one segment after the star; did you mean "*.${last.replaceAll("*", "") || "usage"}"?`
  }
  if (last !== "*") {
    return isLabel(key) ? undefined : `must be a whole code, a beginning ("sys.*") or an end ("*.usage")`
  }
  if (!isLabel(key.slice(0, -2))) return `must have its only star at one end`
  return isCategory(first) || others.length > 1
    ? undefined
    : `must begin with a category (${categories}); did you mean "sys.${key}"?`
}

/** The first entry of a table that says nothing: no code can match it, or no process can end with it. */
export const mistakeIn = (table: ExitTable): Mistake | undefined => {
  for (const [key, code] of Object.entries(table)) {
    const expected = unmatched(key) ?? (isExitCode(code) ? undefined : "must be a whole number from 1 to 255")
    if (expected !== undefined) return { key, expected }
  }
  return undefined
}

/** A key that was meant for all codes that begin with it, and is the whole of none of them: this one is one of those. */
export const meantFor = (table: ExitTable, code: string): string | undefined =>
  Object.keys(table).find((key) => !isCategory(key) && code.startsWith(`${key}.`))
