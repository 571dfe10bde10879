import type { Redaction } from "@holdfast/core"
import { Predicate } from "effect"
import { bounded } from "../json.ts"
import { look } from "../look.ts"
import { cut } from "../text.ts"

/** Longer lists are not looked at to their end. */
const most = 256

const bounds = { depth: 8, entries: most, characters: 8192 } as const

const masked = (policy: Redaction.Policy, name: string): string | undefined =>
  look(() => policy.isSecretKey(name), true) ? policy.mask : undefined

const isPair = (u: unknown): u is readonly [string, unknown] =>
  Array.isArray(u) && u.length === 2 && typeof u[0] === "string"

const ofError = ({ message, name }: Error): string => `${name}: ${message}`

/**
 * Any value as text: texts as they are, everything else as JSON. Members of secret names are masked, cycles and what JSON does
 * not know are said in words; what cannot be looked at is said to be so. Total.
 */
export const plainText = (value: unknown, policy: Redaction.Policy): string => {
  if (typeof value === "string") return value
  const ancestors: Array<unknown> = []
  function replace(this: unknown, key: string, member: unknown): unknown {
    // Headers and the like often come as pairs.
    if (key === "1" && isPair(this) && policy.isSecretKey(this[0])) return policy.mask
    if (key !== "" && !Array.isArray(this) && policy.isSecretKey(key)) return policy.mask
    if (typeof member === "bigint") return `${member}n`
    if (typeof member === "function" || typeof member === "symbol") return String(member)
    if (!Predicate.isObjectOrArray(member)) return member
    if (member instanceof Error) return ofError(member)
    while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop()
    if (ancestors.includes(member)) return "[circular]"
    const shown = Array.isArray(member) && member.length > most ? [...member.slice(0, most), "…"] : member
    ancestors.push(shown)
    return shown
  }
  try {
    return JSON.stringify(value, replace) ?? String(value)
  } catch {
    // One member that cannot be printed is marked, and the others are still said.
    const shown = bounded(value, bounds, { text: cut, masked: (name) => masked(policy, name) })
    return typeof shown === "string" ? "[unprintable]" : JSON.stringify(shown)
  }
}
