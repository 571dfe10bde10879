/** More secrets than this are not told apart: no text about something that holds so many is shown at all. */
const most = 256

/** How many characters are compared for one set of secrets, over all texts. It takes a fraction of a second. */
const effort = 2 ** 28

/**
 * Secrets that are known by their value, made ready once for all the texts they are cut out of. Beyond 256 of them, and beyond
 * a bounded effort, it fails closed: texts are masked whole.
 *
 * @example
 * ```ts
 * import { Redaction } from "@holdfast/core"
 *
 * const known = new Redaction.Secrets(["hunter2"])
 * known.cutFrom("bad password hunter2", "<redacted>") // => "bad password <redacted>"
 * ```
 */
export class Secrets extends Set<string> {
  #sorted: ReadonlyArray<string> | undefined = undefined
  #spent = 0
  #isFull = false

  constructor(secrets?: Iterable<string>) {
    super()
    if (secrets !== undefined) for (const secret of secrets) this.add(secret)
  }

  override add(secret: string): this {
    if (secret === "" || this.has(secret)) return this
    if (this.size >= most) this.#isFull = true
    else super.add(secret)
    this.#sorted = undefined
    return this
  }

  override delete(secret: string): boolean {
    this.#sorted = undefined
    return super.delete(secret)
  }

  override clear(): void {
    this.#sorted = undefined
    this.#isFull = false
    super.clear()
  }

  /** A text with `mask` in the place of each of these secrets. What the mask itself says is none. */
  cutFrom(text: string, mask: string): string {
    if (this.size === 0) return text
    // The longest first: one secret may begin with another.
    this.#sorted ??= [...this].toSorted((a, b) => b.length - a.length)
    this.#spent += this.#sorted.length * text.length
    if (this.#isFull || this.#spent > effort) return mask
    let clean = text
    for (const secret of this.#sorted) {
      if (clean.includes(secret) && !mask.includes(secret)) clean = clean.split(secret).join(mask)
    }
    return clean
  }
}
