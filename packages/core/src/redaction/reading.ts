/**
 * What may stand in a text in the place of a character: percent encoding, the escapes of JSON and of programming languages,
 * entities of HTML.
 */
const escapes =
  /%(?:[0-7][\da-f]|u[\da-f]{4})|(?:%[89a-f][\da-f])+|\\(?:u\{[\da-f]{1,6}\}|u[\da-f]{4}|x[\da-f]{2}|[0bfnrtv"'\\/])|&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[\da-f]{1,6});/gi

/** Characters that nobody sees. They may cut through a colour. */
const unseen =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class
  /\udb40[\udc00-\udfff]|[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]/g

/** Colours and other orders to a terminal. They may cut through an escape. */
// oxlint-disable-next-line no-control-regex
const orders = /\u001b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~])?/g

const named: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  "0": "\0",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v"
}

const ofCode = (code: number): string => (code <= 0x10ffff ? String.fromCodePoint(code) : "")

/** The characters of bytes above ASCII, which come together; bytes of another encoding are one character each. */
const ofBytes = (escaped: string): string => {
  try {
    return decodeURIComponent(escaped)
  } catch {
    return escaped.replace(/%(..)/g, (_, hex: string) => ofCode(parseInt(hex, 16)))
  }
}

const meant = (escape: string): string => {
  const second = escape.charAt(1).toLowerCase()
  switch (escape.charAt(0)) {
    case "%":
      return second === "u" ? ofCode(parseInt(escape.slice(2), 16)) : ofBytes(escape)
    case "\\":
      if (second === "u" || second === "x") return ofCode(parseInt(escape.replace(/[^\da-f]/gi, ""), 16))
      return named[second] ?? second
    case "&": {
      if (second !== "#") return named[escape.slice(1, -1).toLowerCase()]!
      const digits = escape.slice(2, -1)
      return ofCode(/^x/i.test(digits) ? parseInt(digits.slice(1), 16) : parseInt(digits, 10))
    }
    default:
      return escape
  }
}

/** A text as it is read after what is escaped in it, once, and where in the escaped text each part of it stands. */
export interface Reading {
  readonly text: string
  /** How many escapes there were. */
  readonly escapes: number
  /** Where a part of the text, from `start` up to `end`, stands in the escaped one. */
  readonly origin: (start: number, end: number) => readonly [start: number, end: number]
}

/** The last of the places that is not after `at`, or -1. */
const lastUpTo = (places: ReadonlyArray<number>, at: number): number => {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[middle]! <= at) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** Thrown where there is more to look through than can be looked through in time. */
export class TooMuch extends Error {}

/** So many escapes of one layer nobody needs to be shown. */
const most = 2 ** 18

/** A text without one layer of what is not seen or else of escapes; `undefined` if there is nothing of the kind in it. */
const unescaped = (text: string): Reading | undefined =>
  read(text, unseen, nothing) ?? read(text, orders, nothing) ?? read(text, escapes, meant)

const nothing = (): string => ""

const read = (text: string, pattern: RegExp, meaning: (escape: string) => string): Reading | undefined => {
  pattern.lastIndex = 0
  let match = pattern.exec(text)
  if (match === null) return undefined
  // Of each escape: where what it stands for begins and ends in the reading, and where itself begins and ends.
  const at: Array<number> = []
  const until: Array<number> = []
  const from: Array<number> = []
  const to: Array<number> = []
  let said = ""
  let last = 0
  for (; match !== null; match = pattern.exec(text)) {
    if (at.length >= most) throw new TooMuch()
    said += text.slice(last, match.index)
    at.push(said.length)
    from.push(match.index)
    said += meaning(match[0])
    until.push(said.length)
    last = match.index + match[0].length
    to.push(last)
  }
  said += text.slice(last)
  const place = (position: number, inside: ReadonlyArray<number>): number => {
    const i = lastUpTo(at, position)
    if (i < 0) return position
    return position < until[i]! ? inside[i]! : to[i]! + position - until[i]!
  }
  return {
    text: said,
    escapes: at.length,
    origin: (start, end) => {
      const first = place(start, from)
      if (end <= start) return [first, first]
      const i = lastUpTo(at, end - 1)
      // The last character is an escape, or stands in the text as it is.
      return [first, i >= 0 && end - 1 < until[i]! ? to[i]! : place(end - 1, to) + 1]
    }
  }
}

/** Escapes within escapes within escapes: deeper ones are not looked into. */
const deepest = 8

/** Most texts have nothing to be read otherwise, and one look says so. */
const escapable =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class
  /[%\\&\udb40\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]/

export const mayBeEscaped = (text: string): boolean => escapable.test(text)

const none: ReadonlyArray<Reading> = []

/**
 * All readings of a text, one layer of escapes after the other, their places those of the text itself. Throws {@link TooMuch}
 * where there are too many.
 */
export const readings = (text: string): Iterable<Reading> => (mayBeEscaped(text) ? layers(text) : none)

const layers = function* (text: string): Generator<Reading> {
  let outer: Reading | undefined
  for (let depth = 0; depth < deepest; depth++) {
    const inner: Reading | undefined = unescaped(outer === undefined ? text : outer.text)
    if (inner === undefined) return
    const before: Reading | undefined = outer
    outer =
      before === undefined ? inner : { ...inner, origin: (start, end) => before.origin(...inner.origin(start, end)) }
    yield outer
  }
}
