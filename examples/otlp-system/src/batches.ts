/** OTLP/JSON trace documents, cut into requests of a bounded number of spans. Pure. */

type Json = Readonly<Record<string, unknown>>

interface ScopeSpans extends Json {
  readonly spans: ReadonlyArray<Json>
}

interface ResourceSpans extends Json {
  readonly scopeSpans: ReadonlyArray<ScopeSpans>
}

export interface TraceDocument {
  readonly resourceSpans: ReadonlyArray<ResourceSpans>
}

/** One export request: its body as it goes on the wire, and how many spans are in it. */
export interface Batch {
  readonly body: Uint8Array
  readonly items: number
}

const isRecord = (u: unknown): u is Json => typeof u === "object" && u !== null && !Array.isArray(u)

const hexId = (value: unknown, length: number): boolean =>
  typeof value === "string" && value.length === length && /^[0-9a-f]*[1-9a-f][0-9a-f]*$/i.test(value)

/** What keeps a value from being an OTLP trace document, with the path to it; `undefined` if nothing does. */
export const objection = (value: unknown): string | undefined => {
  if (!isRecord(value) || !Array.isArray(value["resourceSpans"]))
    return "an object with a resourceSpans array is expected"
  for (const [r, resource] of value["resourceSpans"].entries()) {
    if (!isRecord(resource) || !Array.isArray(resource["scopeSpans"]))
      return `resourceSpans[${r}].scopeSpans is no array`
    for (const [s, scope] of resource["scopeSpans"].entries()) {
      if (!isRecord(scope) || !Array.isArray(scope["spans"]))
        return `resourceSpans[${r}].scopeSpans[${s}].spans is no array`
      for (const [i, span] of scope["spans"].entries()) {
        const at = `resourceSpans[${r}].scopeSpans[${s}].spans[${i}]`
        if (!isRecord(span)) return `${at} is no object`
        if (!hexId(span["traceId"], 32)) return `${at}.traceId is not 32 hexadecimal digits`
        if (!hexId(span["spanId"], 16)) return `${at}.spanId is not 16 hexadecimal digits`
      }
    }
  }
  return undefined
}

/** Whether a text that does not parse stops in the middle of a value, rather than being no JSON at all. */
export const stopsInTheMiddle = (text: string): boolean => {
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (quoted) {
      if (char === "\\") i++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === "{" || char === "[") depth++
    else if (char === "}" || char === "]") depth--
  }
  return quoted || depth > 0
}

const encoder = new TextEncoder()

const request = (resourceSpans: ReadonlyArray<ResourceSpans>, items: number): Batch => ({
  body: encoder.encode(JSON.stringify({ resourceSpans })),
  items
})

/** Cuts a document into requests of at most `size` spans each; every span keeps its resource and scope, and its order. */
export function* split(document: TraceDocument, size: number): Generator<Batch> {
  let pending: Array<ResourceSpans> = []
  let items = 0
  for (const resource of document.resourceSpans) {
    let scopes: Array<ScopeSpans> = []
    for (const scope of resource.scopeSpans) {
      for (let start = 0; start < scope.spans.length;) {
        const spans = scope.spans.slice(start, start + size - items)
        start += spans.length
        items += spans.length
        scopes.push({ ...scope, spans })
        if (items === size) {
          yield request([...pending, { ...resource, scopeSpans: scopes }], items)
          pending = []
          scopes = []
          items = 0
        }
      }
    }
    if (scopes.length > 0) pending.push({ ...resource, scopeSpans: scopes })
  }
  if (items > 0) yield request(pending, items)
}
