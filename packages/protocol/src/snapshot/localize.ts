import { type Audience, Catalog } from "@holdfast/core"
import { cut } from "../text.ts"
import { derived } from "./ours.ts"
import type { ErrorSnapshot } from "./schema.ts"

/** What a title may be filled with: the failure's own fields as they leave, secrets masked. */
export type Parameters = Readonly<Record<string, unknown>>

/** Puts parameters into the text of a title. */
export type Format = (message: string, parameters: Parameters, locale: string) => string

/** Titles in other languages. */
export interface Localization {
  /** Titles by locale, then by code. What an internal failure shows instead of its reason goes by `http.<status>`. */
  readonly titles: Catalog.Titles
  /** What the caller reads, most wanted first (BCP 47). */
  readonly locales: ReadonlyArray<string>
  /**
   * Fills a title, for messages with plurals and cases: an ICU MessageFormat, for example. Default: `{name}` becomes the
   * field of that name. One that throws leaves the default title.
   */
  readonly format?: Format | undefined
  /** Who reads it. Default: `client`. */
  readonly audience?: Audience | undefined
}

/** What a translation lacks. There are no more of them than codes times shipped locales. */
export interface Missing {
  /** The code, or `http.<status>`. */
  readonly key: string
  /** The shipped locale. */
  readonly locale: string
  /** There is no title at all, or it could not be filled. */
  readonly problem: "no_title" | "not_filled"
}

/** A snapshot in the caller's language. */
export interface Localized {
  readonly snapshot: ErrorSnapshot
  /** The locale of its title, for `Content-Language`. `undefined`: it has the default one. */
  readonly locale: string | undefined
  /** What whoever translates should know. `undefined`: nothing. */
  readonly missing: Missing | undefined
}

const nothing: Catalog.Catalog = { entries: [] }

const maxTitle = 1024

class Unfilled extends Error {}

const simple: Format = (message, parameters) =>
  message.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") throw new Unfilled()
    return String(value)
  })

/** The fields of what is public: those of an internal failure are not for a title that a caller reads. */
const parametersOf = ({ decision, failure }: ErrorSnapshot): Parameters => {
  if (failure?.data === undefined || decision.visibility !== "public") return {}
  const { _tag, ...fields } = failure.data
  return fields
}

const filled = (message: string, format: Format, snapshot: ErrorSnapshot, locale: string): string | undefined => {
  try {
    const text: unknown = format(message, parametersOf(snapshot), locale)
    return typeof text === "string" ? cut(text, maxTitle) : undefined
  } catch {
    return undefined
  }
}

/** The first locale that is shipped, wanted, and has no title of this name. */
const lacking = ({ locales, titles }: Localization, key: string): string | undefined => {
  const shipped = new Map(Object.keys(titles).map((locale) => [locale.toLowerCase(), locale]))
  for (const wanted of locales) {
    const parts = wanted.toLowerCase().split("-")
    const matching = parts.flatMap((_, index) => shipped.get(parts.slice(0, index + 1).join("-")) ?? [])
    const [broadest] = matching
    if (broadest === undefined) continue
    return matching.some((locale) => Object.hasOwn(titles[locale]!, key)) ? undefined : broadest
  }
  return undefined
}

/**
 * A snapshot with its title in the caller's language, the locale it was found in, and what the translation lacks: report that
 * once for each key and locale. Code, category and everything for machines stay as they are; where no locale has the title, or
 * it cannot be filled, so does the text.
 *
 * - `titles`, `locales`. `format`: default `{name}`. `audience`: default `client`, who reads the generic title of what is
 *   internal; everybody else reads the reason.
 *
 * Parameters come from the failure's own fields, which a snapshot has if it was made with `carry`. They are not sent along
 * for that: what leaves is up to the `carry` of the projection.
 *
 * @example
 * ```ts
 * import { Failure } from "@holdfast/core"
 * import { ErrorSnapshot, Projection } from "@holdfast/protocol"
 * import { Schema } from "effect"
 *
 * class SoldOut extends Failure.Tagged<SoldOut>()("SoldOut", { sku: Schema.String }, { code: "biz.stock.sold_out" }) {}
 *
 * const titles = { de: { "biz.stock.sold_out": "{sku} ist ausverkauft" } }
 * const { locale, snapshot } = ErrorSnapshot.localize(ErrorSnapshot.of(new SoldOut({ sku: "A-1" }), { carry: "public" }), {
 *   titles,
 *   locales: ["de-AT", "en"]
 * })
 * locale // => "de"
 * Projection.toHttp(snapshot).message // => "A-1 ist ausverkauft"
 * ```
 */
export const localizeWith = (snapshot: ErrorSnapshot, localization: Localization): Localized => {
  const { audience = "client", format = simple, locales, titles } = localization
  const { decision, identity } = snapshot
  const isGeneric = audience === "client" && decision.visibility === "internal" && decision.title !== undefined
  const key = isGeneric ? `http.${decision.http_status}` : identity.code
  const found = Catalog.title(nothing, titles, key, locales)
  const lacks = lacking(localization, key)
  const missing: Missing | undefined = lacks === undefined ? undefined : { key, locale: lacks, problem: "no_title" }
  const { locale } = found
  if (locale === undefined) return { snapshot, locale, missing }
  const title = filled(found.title, format, snapshot, locale)
  if (title === undefined) {
    return { snapshot, locale: undefined, missing: { key, locale, problem: "not_filled" } }
  }
  const titled = isGeneric ? { ...snapshot, decision: { ...decision, title } } : { ...snapshot, title }
  return { snapshot: derived(snapshot, titled), locale, missing }
}
