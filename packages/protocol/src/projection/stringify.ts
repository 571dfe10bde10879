import { bounded, type Bounds, type Cleaning } from "../json.ts"
import { cut } from "../text.ts"

// JSON leaves these as they are; terminals and line readers do not, and people cannot see them.
const risky = /[\u007f-\u009f\u2028\u2029\p{Cf}]/gu

/** Text as JSON escapes it. */
export const escaped = (char: string): string =>
  char
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")

/** More than any decoder reads, and far more than any projection has. */
const longest = 1_048_576

const bounds: Bounds = { depth: 64, entries: 16_384, characters: longest / 2 }

const whole: Cleaning = { text: cut, masked: () => undefined }

/** What JSON has no words for, or too many, is copied as far as it goes. */
const json = (value: object): string => {
  try {
    const text = JSON.stringify(value) as string | undefined
    if (text !== undefined && text.length <= longest) return text
  } catch {
    // Whatever it was, the copy says where.
  }
  return JSON.stringify(bounded(value, bounds, whole))
}

/**
 * A projection, a snapshot or a log entry as JSON: one line, keys in order, nothing in it that a terminal would obey or a reader
 * would not see. Total and bounded: a number that JSON does not have leaves as text; a cycle, what is too deep, what throws when
 * it is looked at, and what is more than 1 MiB leave as a mark that says so.
 */
export const stringify = (projection: object): string => json(projection).replace(risky, escaped)
