import { Effect, Result, Schema } from "effect"
import { Category, Retryability, Visibility } from "../classification.ts"
import * as Failure from "../failure/Failure.ts"
import type { Catalog, Entry } from "./model.ts"

const Locked = Schema.Struct({
  category: Category,
  http: Schema.NullOr(Schema.Int),
  retry: Retryability,
  visibility: Visibility
})

/** What others rely on, by code: the content of `failures.lock.json`. */
export const Lock = Schema.Struct({
  version: Schema.Literal(1),
  failures: Schema.Record(Schema.String, Locked)
})
export type Lock = typeof Lock.Type

/** One promise that the program no longer keeps. */
export interface Change {
  readonly code: string
  readonly what: "removed" | "category" | "http" | "retry" | "visibility"
  readonly from: string
  readonly to: string
}

/** The lock file cannot be used as it is. */
export class LockInvalid extends Failure.Tagged<LockInvalid>()(
  "LockInvalid",
  { path: Schema.String, line: Schema.Int, problem: Schema.String },
  {
    code: "conf.catalog.lock_invalid",
    reason: "invalid lock file",
    detail: ({ line, path, problem }) => `${path}:${line}: ${problem}`,
    hints: { operator: ["take the file from version control again, or write it anew with `holdfast-catalog update`"] }
  }
) {}

/** The program breaks promises of the lock file. */
export class LockChanged extends Failure.Tagged<LockChanged>()(
  "LockChanged",
  {
    path: Schema.String,
    changes: Schema.Array(
      Schema.Struct({ code: Schema.String, what: Schema.String, from: Schema.String, to: Schema.String })
    )
  },
  {
    code: "conf.catalog.lock_changed",
    reason: "failures changed their meaning",
    detail: ({ changes, path }) =>
      `${path}: ${changes
        .map(({ code, from, to, what }) =>
          what === "removed" ? `${code} is gone` : `${code}: ${what} was ${from} and is ${to}`
        )
        .join("; ")}`,
    hints: {
      operator: [
        "keep the code and mark it deprecated instead of removing it",
        "if it is meant, run `holdfast-catalog update --acknowledge CODE`"
      ]
    }
  }
) {}

const lockedOf = ({ category, http, retry, visibility }: Entry): typeof Locked.Type => ({
  category,
  http,
  retry,
  visibility
})

/** The promises that a catalogue makes. */
export const toLock = ({ entries }: Catalog): Lock => ({
  version: 1,
  failures: Object.fromEntries(entries.map((entry) => [entry.code, lockedOf(entry)]))
})

/** The lock as a file: sorted, a line a promise, so that a review shows what changed. */
export const toText = (lock: Lock): string => `${JSON.stringify(lock, null, 2)}\n`

const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length

/** The offset where a text stops being JSON, found by the longest prefix that a value can still begin with. */
const brokenAt = (text: string): number => {
  let [low, high] = [0, text.length]
  const begins = (length: number): boolean => {
    const closers: Array<string> = []
    let quoted = false
    for (let i = 0; i < length; i++) {
      const char = text[i]
      if (quoted) {
        if (char === "\\") i++
        else if (char === '"') quoted = false
      } else if (char === '"') quoted = true
      else if (char === "{") closers.push("}")
      else if (char === "[") closers.push("]")
      else if ((char === "}" || char === "]") && closers.pop() !== char) return false
    }
    return !quoted
  }
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (begins(middle)) low = middle
    else high = middle - 1
  }
  return low
}

/** Reads a lock file. Fails with {@link LockInvalid}, which names the line. */
export const fromText = (text: string, path: string): Effect.Effect<Lock, LockInvalid> => {
  const parsed = Result.try(() => JSON.parse(text) as unknown)
  if (Result.isFailure(parsed)) {
    const { message } = parsed.failure as { readonly message: string }
    const offset = /position (\d+)/.exec(message)?.[1]
    const line = lineOf(text, offset === undefined ? brokenAt(text) : Number(offset))
    return Effect.fail(new LockInvalid({ path, line, problem: "this is not JSON", cause: parsed.failure }))
  }
  return Schema.decodeUnknownEffect(Lock)(parsed.success, { errors: "first", onExcessProperty: "error" }).pipe(
    Effect.mapError((cause) => {
      const at = pathOf(cause.issue)
      const offset = at.reduce((from, key) => {
        const found = text.indexOf(`"${key}"`, from)
        return found < 0 ? from : found
      }, 0)
      const where = at.length === 0 ? "the file" : at.join(" → ")
      return new LockInvalid({ path, line: lineOf(text, offset), problem: `${where} is not as it should be`, cause })
    })
  )
}

const pathOf = (issue: unknown): ReadonlyArray<string> => {
  const {
    issue: inner,
    issues,
    path
  } = issue as {
    readonly issue?: unknown
    readonly issues?: ReadonlyArray<unknown>
    readonly path?: ReadonlyArray<PropertyKey>
  }
  const next = inner ?? issues?.[0]
  return [...(path ?? []).map(String), ...(next === undefined ? [] : pathOf(next))]
}

/**
 * Holds a catalogue against a lock. A new code breaks nothing. A removed code, another category or status, another
 * retryability, or a detail that callers could not see and now can, does.
 */
export const check = (
  lock: Lock,
  catalog: Catalog
): { readonly added: ReadonlyArray<string>; readonly changes: ReadonlyArray<Change> } => {
  const now = toLock(catalog).failures
  const changes: Array<Change> = []
  for (const code of Object.keys(lock.failures).toSorted()) {
    const before = lock.failures[code]!
    const after = Object.hasOwn(now, code) ? now[code] : undefined
    if (after === undefined) {
      changes.push({ code, what: "removed", from: before.category, to: "" })
      continue
    }
    for (const what of ["category", "http", "retry"] as const) {
      if (before[what] !== after[what])
        changes.push({ code, what, from: String(before[what]), to: String(after[what]) })
    }
    if (before.visibility === "internal" && after.visibility === "public") {
      changes.push({ code, what: "visibility", from: before.visibility, to: after.visibility })
    }
  }
  return { added: Object.keys(now).filter((code) => !Object.hasOwn(lock.failures, code)), changes }
}
