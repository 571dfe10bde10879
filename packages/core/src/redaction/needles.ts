import { readings } from "./reading.ts"

/** A form of a secret in which it is looked for. */
export interface Needle {
  readonly text: string
  /** Whether the characters beside it may hold a part of the secret, too, as in base64. */
  readonly isInside: boolean
}

/** A shorter form says too little to be sure that it is the secret. */
const shortest = { reading: 4, bytes: 5 } as const

/** The secret itself, and what is left of it where it is taken for escaped. */
export const plainForms = (secret: string): ReadonlyArray<Needle> => {
  const forms = [{ text: secret, isInside: false }]
  if (secret.length < shortest.reading) return forms
  for (const { text } of readings(secret)) {
    if (text.length >= shortest.reading) forms.push({ text, isInside: false })
  }
  return forms
}

const ascii = /^[\0-\x7f]*$/

/** The bytes of a text in UTF-8, a character each. */
const binaryOf = (text: string): string => (ascii.test(text) ? text : latin(new TextEncoder().encode(text)))

const latin = (bytes: Uint8Array): string => {
  let binary = ""
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return binary
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** How bytes are written: base64 and base64url at each of the three places where they may begin, hex, lists of numbers. */
const writtenForms = (binary: string, into: Map<string, boolean>): void => {
  for (let before = 0; before < 3; before++) {
    const padded = "\0".repeat(before) + binary
    // Of the first and the last character another byte may hold a part.
    const certain = btoa(padded).slice(Math.ceil((8 * before) / 6), Math.floor((8 * padded.length) / 6))
    into.set(certain, true)
    if (/[+/]/.test(certain)) into.set(certain.replaceAll("+", "-").replaceAll("/", "_"), true)
  }
  const bytes = Array.from(binary, (char) => char.charCodeAt(0))
  const digits = bytes.map((byte) => hex[byte]!)
  for (const between of ["", " ", "+"]) {
    const small = digits.join(between)
    into.set(small, false)
    into.set(small.toUpperCase(), false)
  }
  into.set(bytes.join(","), false)
}

/** The bytes of a secret as they are written. There are none for fewer than five, which would be found by chance. */
export const byteForms = (secret: string): ReadonlyArray<Needle> => {
  const forms = new Map<string, boolean>()
  for (const text of new Set([secret, JSON.stringify(secret).slice(1, -1)])) {
    const binary = binaryOf(text)
    if (binary.length >= shortest.bytes) writtenForms(binary, forms)
  }
  return Array.from(forms, ([text, isInside]) => ({ text, isInside }))
}

/** The forms of a secret that is no text: as it is written, and as the text it may be. */
export const formsOfBytes = (bytes: Uint8Array): Iterable<string> => {
  if (bytes.length < shortest.bytes) return []
  const forms = new Map<string, boolean>()
  try {
    forms.set(new TextDecoder("utf-8", { fatal: true }).decode(bytes), false)
  } catch {
    // It is no text.
  }
  writtenForms(latin(bytes), forms)
  return forms.keys()
}

const isBase64 = 1
const isListed = 2

/** To what each character of ASCII may belong. */
const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code)
  return (/[\w+/=-]/.test(char) ? isBase64 : 0) | (/[\da-f ,+]/i.test(char) ? isListed : 0)
})

/** Whether a text has so many characters of a kind beside each other. Most characters are not looked at. */
const hasRun = (text: string, kind: number, length: number): boolean => {
  for (let probe = length - 1; probe < text.length;) {
    let start = probe
    while (start >= 0 && probe - start < length && (kinds[text.charCodeAt(start)]! & kind) !== 0) start--
    if (probe - start >= length) return true
    // Nothing that begins before the character that is of another kind can be long enough.
    probe = start + length
  }
  return false
}

/** Whether there is room in a text for the bytes of a secret of so many characters, in any form. */
export const mayHoldBytes = (text: string, characters: number): boolean => {
  const bytes = Math.max(shortest.bytes, characters)
  return hasRun(text, isBase64, Math.floor((8 * bytes) / 6) - 1) || hasRun(text, isListed, 2 * bytes - 1)
}
