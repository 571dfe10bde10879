import { compact, contextLines, metadataText, oneLine } from "./render.ts"
import type { Report } from "./model.ts"

/** How a report is laid out for a terminal. */
export interface PrettyOptions {
  /** ANSI colours. Default: `false`. */
  readonly colour?: boolean
  /** Columns to wrap at, 20 or more. Default: 100. */
  readonly width?: number
  /** Adds the stack below. Default: `false`. */
  readonly stack?: boolean
}

const codes = { bold: 1, dim: 2, red: 31, yellow: 33, cyan: 36 } as const

/** Breaks a line at spaces; a word longer than the width stays whole, because a cut identifier finds nothing. */
const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

/** For a person at a terminal: what happened, where, and why, in that order. */
export const pretty = (report: Report, options?: PrettyOptions): string => {
  const width = Math.max(20, options?.width ?? 100)
  const paint = (style: keyof typeof codes, text: string): string =>
    options?.colour === true ? `\u001b[${codes[style]}m${text}\u001b[0m` : text
  const block = (text: string, first: string, rest: string, style?: keyof typeof codes): ReadonlyArray<string> =>
    wrap(oneLine(text), width - rest.length).map((line, index) => {
      const painted = style === undefined ? line : paint(style, line)
      return `${index === 0 ? first : rest}${painted}`
    })
  const { contexts, frames, identity, metadata } = report
  const lines = [...block(compact(report), paint("red", "✖ "), "  ", "bold"), `  ${paint("dim", identity.code)}`]
  if (identity.position !== null) lines.push(...block(`at ${identity.position}`, "  ", "     ", "dim"))
  if (identity.path !== null) lines.push(...block(identity.path, "  ", "    ", "cyan"))
  for (const context of contexts) {
    for (const line of contextLines(context).filter((text) => /^\d+\. /.test(text))) {
      lines.push(...block(line.replace(/^\d+\. /, ""), "    ", "      "))
    }
  }
  if (Object.keys(metadata).length > 0) lines.push(...block(metadataText(metadata), "    ", "      ", "dim"))
  frames.forEach((frame, index) => {
    const last = index === frames.length - 1
    const text = frame.detail === undefined ? frame.message : `${frame.message}: ${frame.detail}`
    const code = frame.code === undefined ? "" : ` ${frame.code}`
    lines.push(...block(`${text}${code}`, `  ${paint("yellow", last ? "└ " : "├ ")}`, last ? "    " : "  │ "))
  })
  if (options?.stack === true && report.stack !== null) lines.push(paint("dim", report.stack))
  return lines.join("\n")
}
