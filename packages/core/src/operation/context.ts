/** A value a person can put on an operation as metadata: it stays typed in every output. */
export type MetadataValue = string | number | boolean

/** One step of what the program was doing when it failed. */
export interface OperationContext {
  /** What was being done: `place order`. */
  readonly action: string | null
  /** To which thing: `orders.db`, `config.toml`. */
  readonly locator: string | null
  /** Action and locator as path segments, in order. */
  readonly path: ReadonlyArray<string>
  /** Visible details, in the order they were given; a name may come twice. */
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  /**
   * Typed details for machines, keys by code point; those that are whole numbers come first, as in any object. The innermost
   * context wins where two name the same key.
   */
  readonly metadata: Readonly<Record<string, MetadataValue>>
  /** Whether the action is a sentence about the failure (`Failure.context`) and so a link of the printed chain. */
  readonly sentence: boolean
}

/** Details of one operation. */
export interface Details {
  /** The thing the operation works on; a path segment of its own. */
  readonly at?: string | undefined
  /** Visible details: an object, or pairs where order or repetition matters. Values are shown as text. */
  readonly fields?: Readonly<Record<string, unknown>> | ReadonlyArray<readonly [string, unknown]> | undefined
  /** Typed details: text, finite numbers, booleans. Anything else is shown as text. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** More items than this of a list are not shown. */
const mostItems = 1024

/** Bytes by their number, and long lists by their beginning: nobody reads on, and it takes seconds. */
const short = (_key: string, value: unknown): unknown => {
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  return Array.isArray(value) && value.length > mostItems
    ? [...(value as ReadonlyArray<unknown>).slice(0, mostItems), `… ${value.length - mostItems} more`]
    : value
}

/** Any value as text, without ever failing and without running code of a hostile value more than once. */
export const show = (value: unknown): string => {
  try {
    switch (typeof value) {
      case "string":
        return value
      case "object": {
        if (value === null) return "null"
        const text = JSON.stringify(value, short)
        return text === undefined ? String(value) : text
      }
      case "function":
        return `[function ${value.name}]`
      default:
        return String(value)
    }
  } catch {
    return "[unprintable]"
  }
}

const metadataValue = (value: unknown): MetadataValue => {
  if (typeof value === "boolean" || typeof value === "string") return value
  return typeof value === "number" && Number.isFinite(value) ? value : show(value)
}

/** Where a unit of UTF-16 stands among the code points: one half of a pair is of a later one than any unit of its own. */
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

const compare = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i))
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const surrogate = /[\ud800-\udfff]/

/**
 * Keys by code point, which is the order of their bytes in UTF-8.
 *
 * @example
 * ```ts
 * import { Operation } from "@holdfast/core"
 *
 * Operation.inOrder(["b", "10", "9", "B"]) // => ["10", "9", "B", "b"]
 * ```
 */
export const inOrder = (keys: ReadonlyArray<string>): ReadonlyArray<string> =>
  keys.length < 2 ? keys : keys.some((key) => surrogate.test(key)) ? keys.toSorted(compare) : keys.toSorted()

const pairs = (fields: Details["fields"]): ReadonlyArray<readonly [string, string]> => {
  if (fields === undefined) return []
  const entries: ReadonlyArray<readonly [string, unknown]> = Array.isArray(fields) ? fields : Object.entries(fields)
  return entries.map(([name, value]) => [name, show(value)] as const)
}

/** Action and locator as path segments, in order; one segment where both are the same. */
export const pathSegments = (action: string | null, locator: string | null): ReadonlyArray<string> => {
  const segments = action === null ? [] : [action]
  if (locator !== null && locator !== action) segments.push(locator)
  return segments
}

/** Builds a context. An empty action or locator counts as none. */
export const make = (action: string | null, details: Details | undefined, sentence: boolean): OperationContext => {
  const locator = details?.at === undefined || details.at === "" ? null : details.at
  const doing = action === "" ? null : action
  const metadata: Record<string, MetadataValue> = Object.create(null) as Record<string, MetadataValue>
  const given = details?.metadata ?? {}
  for (const key of inOrder(Object.keys(given))) {
    const value = given[key]
    if (key !== "" && value !== undefined) metadata[key] = metadataValue(value)
  }
  return {
    action: doing,
    locator,
    path: pathSegments(doing, locator),
    fields: pairs(details?.fields),
    metadata,
    sentence
  }
}

const push = (segments: Array<string>, segment: string): void => {
  if (segments.at(-1) !== segment) segments.push(segment)
}

/**
 * The path of a failure, outermost segment first, from its contexts in the order they were attached (innermost first).
 * A context that only locates belongs to the operation that it was put around; one that only carries fields has no say in
 * the order. Adjacent repetitions collapse.
 */
export const pathOf = (contexts: ReadonlyArray<OperationContext>): ReadonlyArray<string> => {
  const segments: Array<string> = []
  let pending: Array<string> = []
  const flush = (into: Array<string>) => {
    for (const locator of pending) push(into, locator)
    pending = []
  }
  for (const context of contexts.toReversed()) {
    if (context.action === null) {
      // Walking outermost first, so a locator met later was attached earlier and goes before those already pending.
      if (context.locator !== null) pending.unshift(context.locator)
      continue
    }
    const own: Array<string> = []
    for (const segment of context.path) push(own, segment)
    flush(own)
    for (const segment of own) push(segments, segment)
  }
  flush(segments)
  return segments
}

/** A slash that would be taken for a separator, between blanks or first of all, with the backslashes that are there already. */
const lone = /(^| )(\\*)\/(?= )/g

const escaped = (segment: string): string => (segment.includes("/ ") ? segment.replace(lone, "$1\\$2/") : segment)

const loneEscaped = /(^| )\\(\\*)\/(?= )/g

const separator = " / "

/**
 * The segments as one text. What looks like a separator inside of a segment is escaped with a backslash, so that the text can be
 * taken apart again.
 */
export const joinPath = (segments: ReadonlyArray<string>): string | null =>
  segments.length === 0 ? null : segments.map(escaped).join(separator)

/**
 * The segments of a path that was joined to one text: whatever they are, the same come back.
 *
 * @example
 * ```ts
 * import { Operation } from "@holdfast/core"
 *
 * Operation.splitPath("place order / write a \\/ b") // => ["place order", "write a / b"]
 * Operation.splitPath("GET / / load") // => ["GET /", "load"]
 * ```
 */
export const splitPath = (path: string): ReadonlyArray<string> => {
  const segments: Array<string> = []
  let end = path.length
  // From the end, because a segment may end like a separator, but not begin like one.
  while (end >= 0) {
    const at = end < separator.length ? -1 : path.lastIndexOf(separator, end - separator.length)
    const start = at < 0 ? 0 : at + separator.length
    segments.push(path.slice(start, end).replace(loneEscaped, "$1$2/"))
    end = at
  }
  return segments.toReversed()
}

const nothing: Readonly<Record<string, MetadataValue>> = Object.freeze(
  Object.create(null) as Record<string, MetadataValue>
)

/** Sets an entry of a record. Not by assignment alone: a key called __proto__ is a key. */
export const put = <A>(record: Record<string, A>, key: string, value: A): void => {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
  } else record[key] = value
}

/** What all contexts say together: the innermost wins, keys by code point. */
export const metadataOf = (contexts: ReadonlyArray<OperationContext>): Readonly<Record<string, MetadataValue>> => {
  if (contexts.length === 0) return nothing
  const merged = new Map<string, MetadataValue>()
  for (const { metadata } of contexts) {
    for (const key of Object.keys(metadata)) if (!merged.has(key)) merged.set(key, metadata[key]!)
  }
  const record: Record<string, MetadataValue> = {}
  for (const key of inOrder([...merged.keys()])) put(record, key, merged.get(key)!)
  return record
}
