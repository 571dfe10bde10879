/** Ends a text that was longer than it may be. */
export const truncated = "… [truncated]"

/** A text of at most `limit` characters beside the mark, without halves of characters. */
export const cut = (text: string, limit: number): string => {
  const short = text.length <= limit ? text : text.slice(0, Math.max(0, limit)) + truncated
  return short.isWellFormed() ? short : wellFormed(short, text.length > limit)
}

/** A pair of surrogates that the cut went through is dropped; one that came alone becomes the replacement character. */
const wellFormed = (text: string, wasCut: boolean): string => {
  const last = text.length - truncated.length - 1
  const half = wasCut && last >= 0 && (text.charCodeAt(last) & 0xfc00) === 0xd800
  return (half ? text.slice(0, last) + truncated : text).toWellFormed()
}

// Control characters would let a text forge a line or colour it; some viewers take the separators for line ends.
// oxlint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

const escape = (char: string): string =>
  char === "\n" ? "\\n" : char === "\r" ? "\\r" : char === "\t" ? "\\t" : `\\u{${char.charCodeAt(0).toString(16)}}`

/** A text that stays on its line. */
export const oneLine = (text: string): string => text.replace(unsafe, escape)

/** A text that may have several lines, the later ones indented so that none of them looks like one of ours. */
export const indented = (text: string, by: string): string =>
  text
    .split(/\r\n|\r|\n/)
    .map(oneLine)
    .join(`\n${by}`)

const quotable = /["\\]|(?! )[\p{C}\p{Z}\p{Grapheme_Extend}]/gu

const quotedChar = (char: string): string => {
  switch (char) {
    case '"':
    case "\\":
      return `\\${char}`
    case "\n":
      return "\\n"
    case "\r":
      return "\\r"
    case "\t":
      return "\\t"
    case "\0":
      return "\\0"
    default:
      return `\\u{${char.codePointAt(0)!.toString(16)}}`
  }
}

/** A text in double quotes, everything that cannot be seen escaped, the way Rust's debug form does it. */
export const quote = (text: string): string => `"${text.replace(quotable, quotedChar)}"`
