import { Cause } from "effect"
import { show } from "../operation/context.ts"

/** A property of a value that may be hostile: a getter that throws, a revoked proxy. */
export const read = (value: unknown, key: PropertyKey): unknown => {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined
  try {
    return (value as Record<PropertyKey, unknown>)[key]
  } catch {
    return undefined
  }
}

/** Whether a value is a `Cause`, asked of values that may be hostile. */
export const isCause = (u: unknown): u is Cause.Cause<unknown> => {
  try {
    return Cause.isCause(u) && Array.isArray(u.reasons)
  } catch {
    return false
  }
}

/** The text of an error that nobody declared. It is shown, never read for its meaning. */
export const messageOf = (error: unknown): string => {
  const message = read(error, "message")
  if (typeof message === "string" && message !== "") return message
  if (typeof error === "string") return error
  const tag = read(error, "_tag")
  if (typeof tag === "string") return tag
  const name = read(error, "name")
  return typeof name === "string" && read(error, "stack") !== undefined ? name : show(error)
}

/** The name of an error's kind: its tag, else its class. `undefined` for values that have none. */
export const typeOf = (error: unknown): string | undefined => {
  const tag = read(error, "_tag")
  if (typeof tag === "string" && tag !== "") return tag
  const name = read(error, "name")
  if (typeof name === "string" && name !== "" && read(error, "stack") !== undefined) return name
  const constructed = read(read(error, "constructor"), "name")
  return typeof constructed === "string" && constructed !== "" && constructed !== "Object" ? constructed : undefined
}
