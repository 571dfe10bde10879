/** Headers that the exporter sets itself and nobody may set for it. */
const ours = new Set(["connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"])

/** Why these are no headers to send, as the rest of a sentence; `undefined` when they are. Never shows the value. */
export const problemOf = (name: string, value: unknown): string | undefined => {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(name)) return "is no header name"
  if (ours.has(name.toLowerCase())) return "is set by the exporter"
  if (typeof value !== "string") return "must be text"
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? undefined : "must be text that a header can carry"
}

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/**
 * Reads `k1=v1,k2=v2` in the syntax of W3C baggage: keys and values may be percent-encoded, and there is no `;` metadata.
 * What cannot be read is left out and counted.
 */
export const parse = (
  text: string
): { readonly headers: Readonly<Record<string, string>>; readonly ignored: number } => {
  const headers: Record<string, string> = {}
  let ignored = 0
  for (const entry of text.split(",")) {
    if (entry.trim() === "") continue
    const at = entry.indexOf("=")
    const name = at < 0 ? undefined : decode(entry.slice(0, at).trim())
    const value = at < 0 || entry.includes(";") ? undefined : decode(entry.slice(at + 1).trim())
    if (name === undefined || value === undefined || problemOf(name, value) !== undefined) ignored++
    else headers[name.toLowerCase()] = value
  }
  return { headers, ignored }
}
