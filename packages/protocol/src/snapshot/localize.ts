import { Catalog } from "@holdfast/core"
import { derived } from "./ours.ts"
import type { ErrorSnapshot } from "./schema.ts"

/** Titles in other languages. */
export interface Localization {
  /** Titles by locale, then by code. What an internal failure shows instead of its reason goes by `http.<status>`. */
  readonly titles: Catalog.Titles
  /** What the caller reads, most wanted first (BCP 47). */
  readonly locales: ReadonlyArray<string>
}

const nothing: Catalog.Catalog = { entries: [] }

/**
 * A snapshot with its title in the caller's language, and the locale it was found in. Code, category and everything for
 * machines stay as they are; where no locale has the title, so does the text.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ErrorSnapshot, Projection } from "@holdfast/protocol"
 *
 * const titles = { de: { "biz.not_found": "Nicht gefunden" } }
 * const { locale, snapshot } = ErrorSnapshot.localize(ErrorSnapshot.of(new Reasons.NotFound()), {
 *   titles,
 *   locales: ["de-AT", "en"]
 * })
 * locale // => "de"
 * Projection.toHttp(snapshot).message // => "Nicht gefunden"
 * ```
 */
export const localizeWith = (
  snapshot: ErrorSnapshot,
  { locales, titles }: Localization
): { readonly snapshot: ErrorSnapshot; readonly locale: string | undefined } => {
  const { decision, identity } = snapshot
  const generic = decision.visibility === "internal" && decision.title !== undefined
  const { locale, title } = Catalog.title(
    nothing,
    titles,
    generic ? `http.${decision.http_status}` : identity.code,
    locales
  )
  if (locale === undefined) return { snapshot, locale }
  return {
    locale,
    snapshot: derived(
      snapshot,
      generic
        ? { ...snapshot, decision: { ...decision, title } }
        : { ...snapshot, identity: { ...identity, reason: title } }
    )
  }
}
