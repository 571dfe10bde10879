import type { Needle } from "./needles.ts"
import { TooMuch } from "./reading.ts"

/** What may be done for one set of secrets, over all texts, in comparisons of a character. It takes a fraction of a second. */
export class Effort {
  #left = 2 ** 28

  spend(cost: number): void {
    this.#left -= cost
    if (this.#left < 0) throw new TooMuch()
  }
}

/** So few needles are looked for one after the other. */
const few = 8

/** By so many characters needles are told apart before they are compared. */
const prefix = 4

/** What it costs to look at a needle that begins like the text, beside the comparison. */
const candidate = 16

const isBase64 = /[\w+/=-]/

/** Holds what is known of the last four characters. */
const next = (hash: number, code: number): number => (hash >>> 8) ^ (code << 24)

const slot = (hash: number, shift: number): number => Math.imul(hash, 0x9e3779b1) >>> shift

/** Looks for all needles at once: a text costs its length, however many of them there are. */
export class Search {
  readonly #oneByOne: ReadonlyArray<Needle>
  readonly #byPrefix: Map<number, Array<Needle>> | undefined
  readonly #filter: Uint8Array
  readonly #shift: number

  constructor(needles: ReadonlyArray<Needle>) {
    const isFew = needles.length <= few
    this.#oneByOne = isFew ? needles : needles.filter(({ text }) => text.length < prefix)
    this.#byPrefix = isFew ? undefined : new Map()
    const bits = isFew ? 0 : Math.min(16, Math.ceil(Math.log2(64 * needles.length)))
    this.#filter = new Uint8Array(2 ** bits)
    this.#shift = 32 - bits
    if (this.#byPrefix === undefined) return
    // The longest first: one may begin with another.
    for (const needle of needles.toSorted((a, b) => b.text.length - a.text.length)) {
      if (needle.text.length < prefix) continue
      let hash = 0
      for (let i = 0; i < prefix; i++) hash = next(hash, needle.text.charCodeAt(i))
      this.#filter[slot(hash, this.#shift)] = 1
      const known = this.#byPrefix.get(hash)
      if (known === undefined) this.#byPrefix.set(hash, [needle])
      else known.push(needle)
    }
  }

  /** Where a needle stands in a text, those that overlap one another too; but not those that `mask` holds itself. */
  find(text: string, mask: string, effort: Effort, found: (start: number, end: number) => void): void {
    effort.spend(text.length * (this.#oneByOne.length + 1))
    for (const needle of this.#oneByOne) {
      let at = text.indexOf(needle.text)
      if (at < 0 || mask.includes(needle.text)) continue
      for (; at >= 0; at = text.indexOf(needle.text, at + 1)) report(text, at, needle, found)
    }
    const byPrefix = this.#byPrefix
    if (byPrefix === undefined) return
    const filter = this.#filter
    const shift = this.#shift
    let hash = 0
    for (let at = 0; at < text.length; at++) {
      hash = next(hash, text.charCodeAt(at))
      if (filter[slot(hash, shift)] === 0) continue
      const candidates = at + 1 < prefix ? undefined : byPrefix.get(hash)
      if (candidates === undefined) continue
      const start = at + 1 - prefix
      for (const needle of candidates) {
        effort.spend(candidate + needle.text.length / 8)
        if (!text.startsWith(needle.text, start) || mask.includes(needle.text)) continue
        report(text, start, needle, found)
        break
      }
    }
  }
}

const report = (
  text: string,
  start: number,
  { isInside, text: needle }: Needle,
  found: (start: number, end: number) => void
): void => {
  const end = start + needle.length
  const before = isInside && start > 0 && isBase64.test(text.charAt(start - 1)) ? 1 : 0
  const after = isInside && isBase64.test(text.charAt(end)) ? 1 : 0
  found(start - before, end + after)
}
