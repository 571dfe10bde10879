import type { MetadataValue, OperationContext } from "../operation/Operation.ts"

/** How much of a failure is shown. What is cut leaves a mark that says so. */
export const caps = {
  /** Characters of any one text. */
  text: 8_192,
  /** Fields of one operation, and metadata of all of them. */
  entries: 64,
  /** Operations; the outermost always stays. */
  contexts: 64,
  /** Characters looked at for secrets, before the cut. */
  scanned: 65_536
} as const

const count = (n: number): string => n.toLocaleString("en-US")

/** A text without its last word, or as much of it as is ever shown: it may be one half of a secret. */
const withoutLastWord = (text: string): string => {
  let end = text.length
  const least = end - caps.text
  while (end > least && text.charCodeAt(end - 1) > 32) end--
  return text.slice(0, end)
}

/**
 * A text cleaned by `clean` and cut to its cap. What lies far beyond the cap is not even looked at; a text that goes on
 * there loses its last word before.
 */
export const capped = (text: string, clean: (text: string) => string): string => {
  if (text.length <= caps.text) return clean(text)
  const whole = text.length <= caps.scanned
  const cleaned = clean(whole ? text : withoutLastWord(text.slice(0, caps.scanned)))
  if (whole && cleaned.length <= caps.text) return cleaned
  // A cut must not leave one half of a surrogate pair.
  const kept = cleaned.slice(0, caps.text).replace(/[\ud800-\udbff]$/, "")
  return `${kept}… ${count(text.length - kept.length)} more characters`
}

/** The first entries, and a mark for the rest. */
export const cappedFields = (
  fields: ReadonlyArray<readonly [string, string]>
): ReadonlyArray<readonly [string, string]> =>
  fields.length <= caps.entries
    ? fields
    : [...fields.slice(0, caps.entries), ["…", `${count(fields.length - caps.entries)} more fields`] as const]

export const cappedMetadata = (
  metadata: Readonly<Record<string, MetadataValue>>
): Readonly<Record<string, MetadataValue>> => {
  const keys = Object.keys(metadata)
  if (keys.length <= caps.entries) return metadata
  const kept = Object.create(null) as Record<string, MetadataValue>
  for (const key of keys.slice(0, caps.entries)) kept[key] = metadata[key]!
  kept["…"] = `${count(keys.length - caps.entries)} more entries`
  return kept
}

/** The innermost operations, a mark for those in between, and the outermost. */
export const cappedContexts = (contexts: ReadonlyArray<OperationContext>): ReadonlyArray<OperationContext> => {
  if (contexts.length <= caps.contexts) return contexts
  const omitted = contexts.length - caps.contexts + 1
  const mark = `… ${count(omitted)} more operations`
  return [
    ...contexts.slice(0, caps.contexts - 2),
    { action: mark, locator: null, path: [mark], fields: [], metadata: {}, sentence: false },
    contexts.at(-1)!
  ]
}

/** Whether no cap takes anything away from what these say for machines. */
export const areWhole = (contexts: ReadonlyArray<OperationContext>): boolean =>
  contexts.length <= caps.contexts && contexts.every(({ metadata }) => Object.keys(metadata).length <= caps.entries)
