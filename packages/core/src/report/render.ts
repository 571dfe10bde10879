import { compact as joined } from "../failure/compact.ts"
import type { MetadataValue, OperationContext } from "../operation/Operation.ts"
import type { Frame } from "./frames.ts"
import type { Report } from "./model.ts"

// Control characters, the separators that some viewers take for line ends, and the marks that turn the direction of a text
// would let it forge a line, a colour or another text.
// eslint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escape = (char: string): string =>
  char === "\n" ? "\\n" : char === "\r" ? "\\r" : char === "\t" ? "\\t" : `\\u{${char.codePointAt(0)!.toString(16)}}`

/** A text that stays on its line. */
export const oneLine = (text: string): string => text.replace(unsafe, escape)

/** A text that may have several lines, the later ones indented so that none of them looks like one of ours. */
export const indented = (text: string, by: string): string =>
  text
    .split(/\r\n|\r|\n/)
    .map(oneLine)
    .join(`\n${by}`)

/** Reason and detail on one line. */
export const compact = ({ identity }: Report): string => oneLine(joined(identity.reason, identity.detail))

export const metadataText = (metadata: Readonly<Record<string, MetadataValue>>): string =>
  Object.entries(metadata)
    .map(([key, value]) => `${oneLine(key)}=${typeof value === "string" ? JSON.stringify(value) : value}`)
    .join(", ")

export const contextLines = (context: OperationContext): ReadonlyArray<string> => [
  ...(context.action === null ? [] : [`doing: ${context.action}`]),
  ...(context.locator === null ? [] : [`at: ${context.locator}`]),
  ...context.fields.map(([name, value], index) => `${index + 1}. ${name}: ${value}`)
]

const frameText = (frame: Frame): string => {
  const notes = [frame.path, frame.code].filter((note) => note !== undefined)
  return `${joined(frame.message, frame.detail ?? null)}${notes.length === 0 ? "" : ` [${notes.join(", ")}]`}`
}

/** Everything, a line a fact, for people who look for the cause. */
export const verbose = ({ contexts, frames, identity, metadata }: Report): string => {
  const lines = [`reason: ${indented(identity.reason, "  ")}`]
  if (identity.detail !== null) lines.push(`detail: ${indented(identity.detail, "  ")}`)
  if (identity.position !== null) lines.push(`position: ${oneLine(identity.position)}`)
  if (contexts.length > 0) {
    lines.push("context:")
    contexts.forEach((context, index) => {
      const mark = `  [${index}] `
      const gap = " ".repeat(mark.length)
      const own = contextLines(context).map((line) => indented(line, `${gap}  `))
      lines.push(`${mark}${own.join(`\n${gap}`)}`.trimEnd())
    })
  }
  if (identity.path !== null && contexts.length > 1) lines.push(`path: ${oneLine(identity.path)}`)
  if (Object.keys(metadata).length > 0) lines.push(`metadata: ${metadataText(metadata)}`)
  if (frames.length > 0) {
    lines.push("caused by:")
    for (const frame of frames) lines.push(`  [${frame.index}] ${indented(frameText(frame), "        ")}`)
  }
  return lines.join("\n")
}

/** How a chain is printed. */
export interface ChainOptions {
  /** Adds the stack of the failure below. Default: `false`. */
  readonly stack?: boolean
}

/** The sentences around a failure, outermost first, the failure itself, and everything underneath. */
export const links = ({ contexts, frames, identity }: Report): ReadonlyArray<string> => [
  ...contexts.flatMap(({ action, sentence }) => (sentence && action !== null ? [action] : [])).toReversed(),
  joined(identity.reason, identity.detail),
  ...frames.map((frame) => joined(frame.message, frame.detail ?? null))
]

/**
 * The chain as it is printed when a program ends: `Error: …`, then `  Caused by: …` for every link, outermost sentence
 * first, root cause last.
 */
export const chain = (report: Report, options?: ChainOptions): string => {
  const text = links(report)
    .map((link, index) => `${index === 0 ? "Error" : "  Caused by"}: ${oneLine(link)}`)
    .join("\n")
  return options?.stack === true && report.stack !== null ? `${text}\n${report.stack}` : text
}
