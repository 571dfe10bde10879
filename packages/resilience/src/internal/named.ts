import { Failure } from "@holdfast/core"
import { type Field, fitting, guarded, isSection } from "@holdfast/core/options"
import { Predicate, Schema } from "effect"

const tagOf = (u: unknown): string | undefined =>
  Predicate.hasProperty(u, "_tag") && typeof u._tag === "string" ? u._tag : undefined

const deepest = 100

/**
 * The tags of a failure: its own, and those of the layers inside, the innermost first. They are asked while a circuit waits
 * for a result, so they never throw.
 */
export const tagsOf = (failure: unknown): ReadonlyArray<string> => {
  const tags: Array<string> = []
  try {
    let layer = failure
    for (let depth = 0; depth < deepest; depth++) {
      const tag = tagOf(layer)
      if (tag !== undefined) tags.unshift(tag)
      if (!Failure.isFailure(layer) || Failure.leafOf(layer) === layer) break
      layer = (layer as unknown as { readonly reason: unknown }).reason
    }
  } catch {
    // What was found counts.
  }
  return tags
}

/** Whether a failure is one of those that are named: by its code, or by the tag of any layer of it. */
export const isNamed = (names: ReadonlyArray<string>, failure: unknown, code: string): boolean =>
  names.includes(code) || tagsOf(failure).some((tag) => names.includes(tag))

const tag = /^(?!(?:biz|conf|logic|sys)$)[^\s.*?]+$/

/** A code of another house, which a decoder keeps as it came. What begins like one of ours is one of ours, or a mistake. */
const foreign = /^(?!(?:biz|conf|logic|sys)\.)[^\s.*?]+(?:\.[^\s.*?]+)+$/

/** Whether a text can name failures: a code by its syntax, a tag by having no dot. What never matches is a mistake. */
const isName = (text: string): boolean => Failure.isCode(text) || tag.test(text) || foreign.test(text)

const oneName = "a tag (Timeout) or a whole code (sys.timeout)"

/** A predicate, or a list of tags and codes that it would look for. */
export const predicateOrNames: Field<unknown> = {
  ...fitting(
    "a function of the failure, or a list of tags (Timeout) and whole codes (sys.timeout)",
    Schema.Union([
      Schema.declare(Predicate.isFunction),
      Schema.Array(Schema.String.check(Schema.makeFilter(isName))).check(Schema.isMinLength(1))
    ])
  ),
  entry: (u) => {
    if (!Array.isArray(u)) return undefined
    const key = u.findIndex((one) => typeof one !== "string" || !isName(one))
    return key < 0 ? undefined : { key, what: `must be ${oneName}`, value: u[key] }
  }
}

/** Something for each of several tags and codes. */
export const perName = (what: string, ...all: ReadonlyArray<string>): Field<Readonly<Record<string, string>>> => ({
  ...guarded(
    `tags (Timeout) or whole codes (sys.timeout) with ${what}`,
    (u): u is Readonly<Record<string, string>> =>
      isSection(u) && Object.entries(u).every(([name, one]) => isName(name) && all.includes(one as string))
  ),
  entry: (u) => {
    if (!isSection(u)) return undefined
    for (const [key, value] of Object.entries(u)) {
      if (!isName(key)) return { key, what: `is not ${oneName}` }
      if (!all.includes(value as string)) return { key, what: `must be ${what}`, value }
    }
    return undefined
  }
})
