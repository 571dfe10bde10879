/**
 * Options are checked where they are given, which is where a program is built: a wrong one is thrown there, as the failure that a
 * wrong configuration file would give. Values are not repeated.
 */
import { ConfigError } from "@holdfast/core"
import { Predicate, Schema } from "effect"

/** What an option must be, in words and as a check. */
export interface Field {
  readonly what: string
  readonly is: (u: unknown) => boolean
}

export type Table = Readonly<Record<string, Field>>

export const oneOf = (...all: ReadonlyArray<string>): Field => ({
  what: `must be ${all.map((one) => JSON.stringify(one)).join(" or ")}`,
  is: (u) => typeof u === "string" && all.includes(u)
})

export const fitting = (what: string, schema: Schema.ConstraintDecoder<unknown>): Field => ({
  what,
  is: Schema.is(schema)
})

export const text: Field = { what: "must be a text", is: Predicate.isString }

export const fn: Field = { what: "must be a function", is: Predicate.isFunction }

export const section: Field = { what: "must be an object", is: (u) => Predicate.isObject(u) && !Array.isArray(u) }

export const either = (a: Field, b: Field): Field => ({
  what: `${a.what}, or ${b.what.replace("must be ", "")}`,
  is: (u) => a.is(u) || b.is(u)
})

export const refuse = (path: string, expected: string): never => {
  throw new ConfigError.InvalidValue({ path, expected })
}

/** How many letters have to be changed, added or left out to come from one word to another. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
  }
  return row[b.length]!
}

const unknownOption = (key: string, known: ReadonlyArray<string>): string => {
  const near = known.find((one) => distance(key.toLowerCase(), one.toLowerCase()) <= 2)
  const all = `there are ${known.join(", ")}`
  return near === undefined ? `is no option; ${all}` : `is no option, did you mean ${near}? (${all})`
}

/** Refuses the first option that is unknown or wrong. One that is `undefined` is left out. */
export const check = (path: string, table: Table, input: unknown): void => {
  if (!section.is(input)) return refuse(path, section.what)
  for (const [key, value] of Object.entries(input as object)) {
    const field = Object.hasOwn(table, key)
      ? table[key]!
      : refuse(`${path}.${key}`, unknownOption(key, Object.keys(table)))
    if (value !== undefined && !field.is(value)) refuse(`${path}.${key}`, field.what)
  }
}
