/** A part of a text, and what stands in its place. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly instead: string
}

/** A text with something else in the place of each span. Those that overlap are one, and of a wider one the mask is left. */
export const replaced = (text: string, spans: ReadonlyArray<Span>, mask: string): string => {
  if (spans.length === 0) return text
  const merged: Array<Span> = []
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const before = merged.at(-1)
    if (before === undefined || span.start >= before.end) merged.push(span)
    else if (span.end > before.end) merged[merged.length - 1] = { start: before.start, end: span.end, instead: mask }
  }
  let clean = ""
  let last = 0
  for (const { end, instead, start } of merged) {
    clean += text.slice(last, start) + instead
    last = end
  }
  return clean + text.slice(last)
}
