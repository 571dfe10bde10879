import type { Schema } from "effect"

/** How much of a value is looked at. What is beyond that is marked. */
export interface Bounds {
  /** How deep objects may lie in each other. */
  readonly depth: number
  /** How many members and items, all levels together. */
  readonly entries: number
  /** How many characters, all texts and names together. */
  readonly characters: number
}

/** What becomes of texts, and of what stands under a name. */
export interface Cleaning {
  readonly text: (text: string, limit: number) => string
  /** What stands there instead of the value, if it may not. */
  readonly masked: (name: string) => string | undefined
}

const marks = { deep: "[too deep]", circular: "[circular]", unreadable: "[unreadable]" } as const

type Member = readonly [name: string, value: Schema.Json]

class Walk {
  readonly #cleaning: Cleaning
  readonly #ancestors: Array<object> = []
  #depth: number
  #entries: number
  #characters: number

  constructor({ characters, depth, entries }: Bounds, cleaning: Cleaning) {
    this.#cleaning = cleaning
    this.#depth = depth
    this.#entries = entries
    this.#characters = characters
  }

  of(value: unknown): Schema.Json {
    switch (typeof value) {
      case "string":
        return this.#text(value)
      case "boolean":
        return value
      case "number":
        // JSON has no minus zero.
        return Number.isFinite(value) ? value + 0 : String(value)
      case "bigint":
        return this.#text(String(value))
      case "object":
        return value === null ? null : this.#object(value)
      default:
        return null
    }
  }

  #text(text: string): string {
    const taken = this.#cleaning.text(text, this.#characters)
    this.#characters = Math.max(0, this.#characters - taken.length)
    return taken
  }

  /** Whatever a value does when it is touched, it costs that value alone. */
  #object(value: object): Schema.Json {
    if (this.#ancestors.includes(value)) return marks.circular
    if (this.#ancestors.length >= this.#depth) return marks.deep
    this.#ancestors.push(value)
    try {
      const { toJSON } = value as { readonly toJSON?: unknown }
      if (typeof toJSON === "function") return this.of(toJSON.call(value))
      return Array.isArray(value) ? this.#items(value) : this.#members(value)
    } catch {
      return marks.unreadable
    } finally {
      this.#ancestors.pop()
    }
  }

  #hasRoom(): boolean {
    return this.#entries > 0 && this.#characters > 0
  }

  #items(value: ReadonlyArray<unknown>): Schema.Json {
    const items: Array<Schema.Json> = []
    for (let index = 0; index < value.length && this.#hasRoom(); index++) {
      this.#entries--
      items.push(this.of(value[index]))
    }
    if (items.length < value.length) items.push(`… ${value.length - items.length} more`)
    return items
  }

  #members(value: object): Schema.Json {
    const names = Object.keys(value)
    const members: Array<Member> = []
    let seen = 0
    for (; seen < names.length && this.#hasRoom(); seen++) {
      const member = this.#member(value, names[seen]!)
      if (member !== undefined) members.push(member)
    }
    if (seen < names.length) members.push(["…", `${names.length - seen} more`])
    // Not by assignment: a key called __proto__ is a key.
    return Object.fromEntries(members)
  }

  #member(value: object, name: string): Member | undefined {
    this.#entries--
    let of: unknown
    try {
      of = (value as Readonly<Record<string, unknown>>)[name]
    } catch {
      return [this.#text(name), marks.unreadable]
    }
    if (of === undefined || typeof of === "function" || typeof of === "symbol") return undefined
    return [this.#text(name), this.#cleaning.masked(name) ?? this.of(of)]
  }
}

/**
 * As much of a value as the bounds allow, as JSON knows it: a copy without cycles, without anything that throws, and with a mark
 * where something was left out. Total.
 */
export const bounded = (value: unknown, bounds: Bounds, cleaning: Cleaning): Schema.Json =>
  new Walk(bounds, cleaning).of(value)
