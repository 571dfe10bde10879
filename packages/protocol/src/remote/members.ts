import { Redaction } from "@holdfast/core"
import { Schema } from "effect"
import { bounded, type Bounds } from "../json.ts"
import { ProblemProjection } from "../projection/schema.ts"
import { cut } from "../text.ts"

/** What an RFC 9457 problem says beside what every failure has: where it came from, and what its own house knows about it. */
export const ProblemMembers = Schema.Struct({
  /** URI of its kind, if it has one of its own. */
  type: Schema.optionalKey(Schema.String),
  /** URI of the occurrence: what to ask the other side for. */
  instance: Schema.optionalKey(Schema.String),
  /** The trace it happened in. */
  trace_id: Schema.optionalKey(Schema.String),
  /** The members that are not known here: at most 64 at all levels, 8192 characters, and 4 levels. */
  extensions: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
})
export type ProblemMembers = typeof ProblemMembers.Type

const maxUri = 1024

const bounds: Bounds = { depth: 4, entries: 64, characters: 8192 }

const known: ReadonlySet<string> = new Set([...Object.keys(ProblemProjection.fields), "schema_version"])

const policy = Redaction.standard

/** What a peer says in words of its own may hold anything: what looks like a secret stays out. */
const text = (of: string, limit: number): string => cut(policy.text(cut(of, 8 * limit)), limit)

const uri = (of: unknown): string | undefined => (typeof of === "string" && of !== "" ? text(of, maxUri) : undefined)

const extensionsOf = (body: Readonly<Record<string, unknown>>): ProblemMembers["extensions"] => {
  const names = Object.keys(body).filter((name) => !known.has(name))
  if (names.length === 0) return undefined
  const others = Object.fromEntries(names.map((name) => [name, body[name]]))
  const masked = (name: string) => (policy.isSecretKey(name) ? policy.mask : undefined)
  const kept = bounded(others, bounds, { text, masked }) as Readonly<Record<string, Schema.Json>>
  return Object.keys(kept).length === 0 ? undefined : kept
}

/** What a problem says of itself; nothing where that is nothing. Members of a wrong type count as absent. */
export const membersOf = (body: Readonly<Record<string, unknown>>): ProblemMembers | undefined => {
  const own = (name: string) => (Object.hasOwn(body, name) ? uri(body[name]) : undefined)
  const [type, instance, trace_id] = [own("type"), own("instance"), own("trace_id")]
  const extensions = extensionsOf(body)
  const said: ProblemMembers = {
    ...(type === undefined || type === "about:blank" ? {} : { type }),
    ...(instance === undefined ? {} : { instance }),
    ...(trace_id === undefined ? {} : { trace_id }),
    ...(extensions === undefined ? {} : { extensions })
  }
  return Object.keys(said).length === 0 ? undefined : said
}
