import { byteForms, mayHoldBytes, type Needle, plainForms } from "./needles.ts"
import { type Reading, readings, TooMuch } from "./reading.ts"
import { replaced, type Span } from "./spans.ts"
import { Effort, Search } from "./search.ts"

/** More secrets than this are not told apart: no text about something that holds so many is shown at all. */
const most = 256

/** What it costs to read an escape, and to look whether a character is one, beside the comparison of one character. */
const costs = { escape: 64, character: 4 } as const

/** A set of secrets, ready to be looked for. */
class Known {
  readonly #secrets: ReadonlyArray<string>
  readonly #hasBlanks: boolean
  readonly #shortest: number
  readonly #effort = new Effort()
  readonly #plain: Search
  #bytes: Search | undefined = undefined

  constructor(secrets: ReadonlyArray<string>) {
    this.#secrets = secrets
    this.#hasBlanks = secrets.some((secret) => secret.includes(" "))
    this.#shortest = Math.min(...secrets.map(({ length }) => length))
    this.#plain = this.#searchFor(plainForms)
  }

  #searchFor(forms: (secret: string) => ReadonlyArray<Needle>): Search {
    const needles = this.#secrets.flatMap(forms)
    return new Search(
      this.#hasBlanks ? needles.map((needle) => ({ ...needle, text: this.#folded(needle.text) })) : needles
    )
  }

  /** A form writes a blank as +, so that they are the same where that matters. */
  #folded(text: string): string {
    return this.#hasBlanks ? text.replaceAll(" ", "+") : text
  }

  #find(text: string, mask: string, found: (start: number, end: number) => void): void {
    const folded = this.#folded(text)
    this.#plain.find(folded, mask, this.#effort, found)
    if (!mayHoldBytes(text, this.#shortest)) return
    this.#bytes ??= this.#searchFor(byteForms)
    this.#bytes.find(folded, mask, this.#effort, found)
  }

  /** A text with `mask` in the place of every secret in it, in any of its readings. */
  cutFrom(text: string, mask: string): string {
    const spans: Array<Span> = []
    const said = this.#folded(mask)
    try {
      this.#find(text, said, (start, end) => spans.push({ start, end, instead: mask }))
      this.#effort.spend(text.length * costs.character)
      for (const reading of readings(text)) {
        this.#effort.spend(costOf(reading))
        this.#find(reading.text, said, (start, end) => {
          const [from, to] = reading.origin(start, end)
          spans.push({ start: from, end: to, instead: mask })
        })
      }
    } catch (error) {
      if (error instanceof TooMuch) return mask
      throw error
    }
    return replaced(text, spans, mask)
  }
}

const costOf = ({ escapes, text }: Reading): number => escapes * costs.escape + text.length * costs.character

/**
 * Secrets that are known by their value, made ready once for all the texts they are cut out of. Each is found as it is, behind
 * any mixture of the escapes of URLs, forms, JSON and HTML up to eight layers deep, with characters in between that nobody
 * sees, and, from five bytes, as base64, base64url, hex or a list of bytes. A text costs its length, however many secrets there
 * are. Beyond 256 of them, and beyond a bounded effort, it fails closed: texts are masked whole.
 *
 * @example
 * ```ts
 * import { Redaction } from "@holdfast/core"
 *
 * const known = new Redaction.Secrets(["hunter2", "p&ss"])
 * known.cutFrom("bad password hunter2", "<redacted>") // => "bad password <redacted>"
 * known.cutFrom("GET /?q=p%26ss", "<redacted>") // => "GET /?q=<redacted>"
 * known.cutFrom("Basic YWRhOmh1bnRlcjI=", "<redacted>") // => "Basic YWRhO<redacted>="
 * ```
 */
export class Secrets extends Set<string> {
  #known: Known | undefined = undefined
  #isFull = false

  constructor(secrets?: Iterable<string>) {
    super()
    if (secrets !== undefined) for (const secret of secrets) this.add(secret)
  }

  override add(secret: string): this {
    if (secret === "" || this.has(secret)) return this
    if (this.size >= most) this.#isFull = true
    else super.add(secret)
    this.#known = undefined
    return this
  }

  override delete(secret: string): boolean {
    this.#known = undefined
    return super.delete(secret)
  }

  override clear(): void {
    this.#known = undefined
    this.#isFull = false
    super.clear()
  }

  /** A text with `mask` in the place of each of these secrets. What the mask itself says is none. */
  cutFrom(text: string, mask: string): string {
    if (this.size === 0) return text
    if (this.#isFull) return mask
    this.#known ??= new Known([...this])
    return this.#known.cutFrom(text, mask)
  }
}
