export interface Position {
  readonly line: number
  readonly column: number
}

const positionAt = (text: string, at: number): Position => {
  const before = text.slice(0, at).split("\n")
  return { line: before.length, column: before.at(-1)!.length + 1 }
}

/** Where the TOML parser stopped, which it tells only in its message. The rest of the message may quote a secret. */
export const ofToml = (message: string): Position | undefined => {
  const match = /at line (\d+), column (\d+)$/.exec(message)
  return match === null ? undefined : { line: Number(match[1]), column: Number(match[2]) }
}

const blank = /[ \t\r\n]*/y
const scalar =
  /"(?:(?:[^"\\\p{Cc}]|[\x7f-\x9f])|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy

/** Where JSON that cannot be parsed stops being JSON. `JSON.parse` does not tell for short texts. */
export const ofJson = (text: string): Position => {
  let at = 0
  const eat = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    at += found?.length ?? 0
    return found
  }
  const next = (token: string): boolean => {
    eat(blank)
    if (text[at] !== token) return false
    at++
    return true
  }
  /** The brackets that are open, each a member list whose next member is due. */
  const open: Array<"}" | "]"> = []
  /** Reads up to the end of a value that opens nothing. `false` where the text breaks off. */
  const value = (): boolean => {
    for (;;) {
      eat(blank)
      if (next("[")) {
        if (next("]")) return true
        open.push("]")
      } else if (next("{")) {
        if (next("}")) return true
        open.push("}")
        if (!key()) return false
      } else {
        return (eat(scalar) ?? "") !== ""
      }
    }
  }
  const key = (): boolean => {
    eat(blank)
    return text[at] === '"' && (eat(scalar) ?? "") !== "" && next(":")
  }
  let whole = value()
  while (whole && open.length > 0) {
    const close = open.at(-1)!
    if (next(close)) open.pop()
    else whole = next(",") && (close === "]" || key()) && value()
  }
  eat(blank)
  return positionAt(text, at)
}
