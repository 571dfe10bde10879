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
