/** What is known to be secret, by its name or by its wrapper, in the values that programs hold. */
import { Redacted } from "effect"
import { mask } from "../failure/fields.ts"
import { formsOfBytes } from "./needles.ts"
import { isFailure, TypeId } from "../failure/model.ts"
import type { Policy } from "./Redaction.ts"
import type { Secrets } from "./secrets.ts"

/** Whether what stands under a name is secret. */
type IsSecretKey = (key: string) => boolean

/** A secret shorter than this would mask half of every text it occurs in. */
const shortest = 4

/** More members than this of one value are not searched. */
const mostMembers = 256

/** Longer texts are not read as JSON. */
const longest = 65_536

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** What a header says beside its scheme or the names of its cookies. */
const credentials =
  /^(?:bearer|basic|digest|token|negotiate|apikey)\s+(\S+)$|(?<![\w.-])[\w.-]{1,64}=([^;\s]{1,4096})(?:;|$)/gi

const collectText = (text: string, into: Secrets): void => {
  if (text.length < shortest || text === mask) return
  into.add(text)
  for (const [, token, cookie] of text.matchAll(credentials)) {
    const part = token ?? cookie ?? ""
    if (part.length >= 2 * shortest) into.add(part)
  }
}

const collectBytes = (bytes: Uint8Array, into: Secrets): void => {
  if (bytes.length > longest) return
  for (const form of formsOfBytes(bytes)) into.add(form)
}

/** The entries of an object that keeps them to itself, or its members. */
const entriesOf = (value: object): Iterable<readonly [unknown, unknown]> => {
  if (value instanceof Map) return value.entries() as Iterable<[unknown, unknown]>
  if (value instanceof Set) return value.entries() as Iterable<[unknown, unknown]>
  switch (Object.prototype.toString.call(value)) {
    case "[object Headers]":
    case "[object URLSearchParams]":
    case "[object FormData]":
      return value as Iterable<readonly [unknown, unknown]>
    case "[object Request]":
    case "[object Response]":
      return [["headers", (value as { readonly headers?: unknown }).headers]]
  }
  // A name and its value in a list, as headers often come.
  if (Array.isArray(value) && value.length === 2 && typeof value[0] === "string") {
    return [[value[0], value[1]]] as const
  }
  return members(value)
}

const members = function* (value: object): Generator<readonly [unknown, unknown]> {
  // The keys of a long list would be counted up before the first is looked at.
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) yield [String(at), value[at] as unknown]
    return
  }
  for (const key in value) yield [key, (value as Readonly<Record<string, unknown>>)[key]]
}

/** Everything in a value that is secret as a whole. */
export const collect = (value: unknown, into: Secrets, depth = 4): void => {
  const plain = Redacted.isRedacted(value) ? Redacted.value(value) : value
  if (typeof plain === "string") return collectText(plain, into)
  if (typeof plain === "number" || typeof plain === "bigint") return collectText(String(plain), into)
  if (!isObject(plain) || depth === 0) return
  if (plain instanceof Uint8Array) return collectBytes(plain, into)
  if (ArrayBuffer.isView(plain)) return
  if (Array.isArray(plain)) for (const item of plain) collect(item, into, depth - 1)
  else for (const [, inner] of entriesOf(plain)) collect(inner, into, depth - 1)
}

/** What links errors is not followed here: each of them is asked for itself. */
const isLink = (key: string): boolean => {
  switch (key) {
    case "_tag":
    case "cause":
    case "detail":
    case "errors":
    case "message":
    case "name":
    case "retryAfter":
    case "stack":
      return true
    default:
      return false
  }
}

/** Adds what is `Redacted`, marked, or stands under a secret name in a value, at any depth. */
const collectWithin = (value: object, isSecretKey: IsSecretKey, into: Secrets): void => {
  const pending: Array<object> = [value]
  for (let at = 0; at < pending.length; at++) {
    const next = pending[at]!
    try {
      if (Redacted.isRedacted(next)) collect(next, into)
      else if (!ArrayBuffer.isView(next)) {
        const marked = isFailure(next) ? next[TypeId].sensitive : none
        let seen = 0
        for (const [key, inner] of entriesOf(next)) {
          if (seen++ >= mostMembers || pending.length >= mostMembers) break
          if (typeof key === "string" && isLink(key)) continue
          if (typeof key === "string" && (marked.includes(key) || isSecretKey(key))) collect(inner, into)
          else if (isObject(inner)) pending.push(inner)
        }
      }
    } catch {
      // A member that cannot be read shows nothing either.
    }
  }
}

const none: ReadonlyArray<string> = []

const keysOf = (value: object): ReadonlyArray<string> => {
  try {
    return ArrayBuffer.isView(value) ? [] : Object.keys(value)
  } catch {
    return []
  }
}

const isError = (value: object): value is Error => {
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

/** Adds what an error holds: in the fields named, under secret names, and what is `Redacted`. Never throws. */
export const collectFrom = (
  error: object,
  sensitive: ReadonlyArray<string>,
  isSecretKey: IsSecretKey,
  into: Secrets
): void => {
  // What is no error may be anything, and keep what it holds to itself.
  if (!isError(error)) return collectWithin(error, isSecretKey, into)
  const keys = keysOf(error)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    try {
      if (sensitive.includes(key)) collect((error as unknown as Record<string, unknown>)[key], into)
      else if (!isLink(key) && i < mostMembers) {
        const value = (error as unknown as Record<string, unknown>)[key]
        if (isSecretKey(key)) collect(value, into)
        else if (isObject(value)) collectWithin(value, isSecretKey, into)
      }
    } catch {
      // A member that cannot be read shows nothing either.
    }
  }
}

const isJson = (text: string): boolean => {
  const first = text.charCodeAt(0)
  return (first === 0x7b || first === 0x5b) && text.length <= longest
}

/** Adds what stands under secret names, also in a text that is JSON: an object that was made a field is one. */
export const collectEntry = (key: string, value: unknown, policy: Policy, into: Secrets): void => {
  try {
    if (policy.isSecretKey(key)) {
      // What has been concealed is shown, and no secret.
      if (value !== policy.mask && policy.conceal?.(String(value)) !== value) collect(value, into)
    } else if (typeof value === "string" && isJson(value)) {
      collectWithin(JSON.parse(value) as object, policy.isSecretKey, into)
    }
  } catch {
    // It is no JSON; or the policy fails, and then shows nothing.
  }
}
