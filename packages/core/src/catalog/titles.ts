import type { Catalog } from "./model.ts"

/** Titles by locale (BCP 47), then by code. The reason of a declaration is the title where there is none. */
export type Titles = Readonly<Record<string, Readonly<Record<string, string>>>>

const own = (table: Readonly<Record<string, string>> | undefined, code: string): string | undefined =>
  table !== undefined && Object.hasOwn(table, code) ? table[code] : undefined

/**
 * The title of a failure in the first locale that has one. `de-AT` falls back to `de`, and everything to the reason of the
 * declaration; the locale that was found is returned for `Content-Language`.
 *
 * @example
 * ```ts
 * import { Catalog, Reasons } from "@holdfast/core"
 *
 * const catalog = Catalog.make(Reasons)
 * const titles = { de: { "biz.not_found": "Nicht gefunden" } }
 * Catalog.title(catalog, titles, "biz.not_found", ["de-AT", "en"]) // => { title: "Nicht gefunden", locale: "de" }
 * Catalog.title(catalog, titles, "biz.conflict", ["de-AT"]) // => { title: "conflict", locale: undefined }
 * ```
 */
export const title = (
  catalog: Catalog,
  titles: Titles,
  code: string,
  locales: ReadonlyArray<string>
): { readonly title: string; readonly locale: string | undefined } => {
  const byName = new Map(Object.entries(titles).map(([locale, table]) => [locale.toLowerCase(), { locale, table }]))
  for (const wanted of locales) {
    const parts = wanted.toLowerCase().split("-")
    for (let length = parts.length; length > 0; length--) {
      const found = byName.get(parts.slice(0, length).join("-"))
      const text = own(found?.table, code)
      if (found !== undefined && text !== undefined) return { title: text, locale: found.locale }
    }
  }
  const entry = catalog.entries.find((candidate) => candidate.code === code)
  return { title: entry?.reason ?? code, locale: undefined }
}

/** The public codes that a locale has no title for. A complete translation gives an empty list. */
export const missingTitles = (
  catalog: Catalog,
  titles: Titles
): ReadonlyArray<{ readonly locale: string; readonly code: string }> =>
  Object.keys(titles).flatMap((locale) =>
    catalog.entries
      .filter(({ code, visibility }) => visibility === "public" && own(titles[locale], code) === undefined)
      .map(({ code }) => ({ locale, code }))
  )
