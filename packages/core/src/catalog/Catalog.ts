/**
 * Every failure of a program in one value: for a reference that people read, for schemas that machines read, and for a
 * lock that keeps a code from changing its meaning behind the back of those who rely on it.
 */
import { Predicate, Schema } from "effect"
import type { Declared } from "../failure/declaration.ts"
import type { Catalog, Entry } from "./model.ts"

export type { Catalog, Entry } from "./model.ts"
export { toJson, toMarkdown } from "./reference.ts"
export {
  check,
  type Change,
  fromText as lockFromText,
  Lock,
  LockChanged,
  LockInvalid,
  toLock,
  toText as lockToText
} from "./lock.ts"
export { missingTitles, title, type Titles } from "./titles.ts"

interface FailureClass extends Schema.Constraint {
  readonly declared: Declared
}

const isFailureClass = (u: unknown): u is FailureClass =>
  Predicate.isFunction(u) && Schema.isSchema(u) && Predicate.hasProperty(u, "declared")

/** The members of a layered failure, which are failures or layered failures themselves. */
const membersOf = (u: unknown): ReadonlyArray<unknown> => {
  if (!Predicate.isFunction(u) || !Predicate.hasProperty(u, "fields")) return []
  const { fields } = u as { readonly fields: { readonly reason?: { readonly members?: ReadonlyArray<unknown> } } }
  return fields.reason?.members ?? []
}

const entryOf = (failure: FailureClass): Entry => {
  const {
    category,
    code,
    deprecated,
    grpc,
    hints,
    http,
    reason,
    replacedBy,
    retry,
    sensitive,
    severity,
    tag,
    visibility
  } = failure.declared
  const { definitions, schema } = Schema.toJsonSchemaDocument(failure)
  const reference = /^#\/\$defs\/(.+)$/.exec(String(schema["$ref"]))?.[1]
  const own = reference === undefined ? undefined : definitions[reference]
  const { [reference ?? ""]: _own, ...others } = definitions
  return {
    code,
    tag,
    category,
    reason,
    retry,
    severity,
    visibility,
    http: http ?? null,
    grpc: grpc ?? null,
    hints,
    sensitive: [...sensitive],
    deprecated: deprecated ?? null,
    replaced_by: replacedBy ?? null,
    schema: {
      ...(own ?? schema),
      ...(Object.keys(others).length === 0 ? {} : { $defs: others })
    }
  }
}

/**
 * Makes a catalogue of failures: of classes, of layered classes with all their members, of modules with all they export.
 * What is no failure is passed over, and what comes twice counts once.
 *
 * @example
 * ```ts
 * import { Catalog, Reasons, TransportError } from "@holdfast/core"
 *
 * const catalog = Catalog.make(Reasons.NotFound, TransportError)
 * catalog.entries[0]?.code // => "biz.not_found"
 * ```
 */
export const make = (...sources: ReadonlyArray<object>): Catalog => {
  const classes = new Set<FailureClass>()
  const visit = (source: unknown): void => {
    if (isFailureClass(source)) classes.add(source)
    else if (membersOf(source).length > 0) membersOf(source).forEach(visit)
  }
  for (const source of sources) {
    visit(source)
    if (!Predicate.isFunction(source)) for (const value of Object.values(source)) exportsOf(value).forEach(visit)
  }
  return {
    entries: [...classes].map(entryOf).toSorted((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0))
  }
}

/** A class, or the exports of a namespace such as `Reasons`. */
const exportsOf = (value: unknown): ReadonlyArray<unknown> =>
  Predicate.isFunction(value) || !Predicate.isObject(value) || !(Symbol.toStringTag in value)
    ? [value]
    : Object.values(value)
