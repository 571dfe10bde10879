import type { Identity, Operation, Report } from "@holdfast/core"
import { cut } from "../text.ts"
import { maxText } from "./guard.ts"
import type { Context, ErrorSnapshot, Metadata, SourceFrame } from "./schema.ts"

const limits = {
  code: 256,
  reason: 1024,
  key: 256,
  value: 2048,
  /** Characters for all contexts, for all frames, for the root metadata. What comes later than that is only counted. */
  section: 32_768
} as const

const short = 32

/** Hands out the characters of one section. */
class Budget {
  left: number

  constructor(left: number = limits.section) {
    this.left = left
  }

  take(text: string, limit: number): string {
    // What is no longer than a mark would be is not worth one.
    const taken = cut(text, Math.max(short, Math.min(limit, this.left)))
    this.left = Math.max(0, this.left - taken.length)
    return taken
  }
}

const value = (given: Operation.MetadataValue, budget: Budget): Operation.MetadataValue => {
  if (typeof given === "string") return budget.take(given, limits.value)
  if (typeof given === "boolean") return given
  // JSON has no minus zero, and what is no exact integer here would be another one elsewhere.
  if (!Number.isFinite(given) || (Number.isInteger(given) && !Number.isSafeInteger(given))) return String(given)
  return given === 0 ? 0 : given
}

/** As many pairs as the budget has room for, and a mark for the rest. */
const pairs = <A>(
  given: ReadonlyArray<readonly [string, A]>,
  budget: Budget,
  take: (of: A) => A,
  mark: (count: number) => A
): ReadonlyArray<readonly [string, A]> => {
  const kept: Array<readonly [string, A]> = []
  for (const [key, of] of given) {
    if (budget.left === 0) break
    kept.push([budget.take(key, limits.key), take(of)])
  }
  if (kept.length < given.length) kept.push(["…", mark(given.length - kept.length)])
  return kept
}

const more = (count: number): string => `${count} more`

/** Whether nothing of this needs to be limited. Gives the characters it has, or `undefined`. */
const plainly = (given: Readonly<Record<string, Operation.MetadataValue>>, left: number): number | undefined => {
  let characters = 0
  for (const key of Object.keys(given)) {
    const of = given[key]!
    const length = typeof of === "string" ? of.length : 0
    if (typeof of === "number" && !(Number.isFinite(of) && (Number.isSafeInteger(of) || !Number.isInteger(of)))) return
    if (Object.is(of, -0) || key.length > limits.key || length > limits.value || !key.isWellFormed()) return
    if (typeof of === "string" && !of.isWellFormed()) return
    characters += key.length + length
  }
  return characters <= left ? characters : undefined
}

const metadata = (given: Readonly<Record<string, Operation.MetadataValue>>, budget: Budget): Metadata => {
  const characters = plainly(given, budget.left)
  if (characters !== undefined) {
    budget.left -= characters
    return given
  }
  // Not by assignment: a key called __proto__ is a key.
  return Object.fromEntries(pairs(Object.entries(given), budget, (of) => value(of, budget), more))
}

const optional = (text: string | null, limit: number): string | null => (text === null ? null : cut(text, limit))

const categories: ReadonlySet<string> = new Set(["biz", "conf", "logic", "sys"])

export const limitIdentity = (identity: Identity.Identity): Identity.Identity => ({
  code: cut(identity.code, limits.code),
  category: categories.has(identity.category) ? identity.category : "logic",
  reason: cut(identity.reason, limits.reason),
  detail: optional(identity.detail, maxText),
  position: optional(identity.position, limits.reason),
  path: optional(identity.path, maxText)
})

export const limitMetadata = (given: Readonly<Record<string, Operation.MetadataValue>>): Metadata =>
  metadata(given, new Budget())

const limitContext = (context: Operation.OperationContext, budget: Budget): Context => {
  const text = (of: string | null) => (of === null ? null : budget.take(of, limits.value))
  return {
    action: text(context.action),
    locator: text(context.locator),
    path: context.path.map((segment) => budget.take(segment, limits.value)),
    fields: pairs(context.fields, budget, (of) => budget.take(of, limits.value), more),
    metadata: metadata(context.metadata, budget)
  }
}

/** Limits every item of a list, the last one first: the outermost context and the root cause are worth the most. */
const lastFirst = <A, B>(
  items: ReadonlyArray<A>,
  limit: (item: A, budget: Budget) => B,
  budget = new Budget()
): ReadonlyArray<B> => {
  if (items.length === 0) return []
  const last = limit(items.at(-1)!, budget)
  return [...items.slice(0, -1).map((item) => limit(item, budget)), last]
}

/** The contexts in order. Their number is limited where they are made, as is that of their fields. */
export const limitContexts = (contexts: ReadonlyArray<Operation.OperationContext>): ReadonlyArray<Context> =>
  lastFirst(contexts, limitContext)

const limitFrame = (frame: Report.Frame, budget: Budget): SourceFrame => {
  const { category, code, detail, metadata: given, path, reason, type } = frame
  return {
    index: frame.index,
    message: budget.take(frame.message, limits.value),
    ...(code === undefined ? {} : { code: budget.take(code, limits.code) }),
    ...(category === undefined || !categories.has(category) ? {} : { category }),
    ...(type === undefined ? {} : { type: budget.take(type, limits.key) }),
    ...(reason === undefined ? {} : { reason: budget.take(reason, limits.reason) }),
    ...(path === undefined ? {} : { path: budget.take(path, limits.value) }),
    ...(detail === undefined ? {} : { detail: budget.take(detail, limits.value) }),
    ...(given === undefined ? {} : { metadata: metadata(given, budget) }),
    is_root_cause: frame.is_root_cause
  }
}

/** The frames in order. Their number is limited where they are made. */
export const limitFrames = (frames: ReadonlyArray<Report.Frame>): ReadonlyArray<SourceFrame> =>
  lastFirst(frames, limitFrame)

/** As many as a snapshot that was made here has at most, marks for the rest included. */
const most = { contexts: 64, frames: 32, entries: 66 } as const

/** What is limited already is below this, marks included, and stays as it is. */
const ample = (): Budget => new Budget(2 * limits.section)

/** The first ones of a list, and the last, which says most. */
const firstAndLast = <A>(items: ReadonlyArray<A>, count: number): ReadonlyArray<A> =>
  items.length <= count ? items : [...items.slice(0, count - 1), items.at(-1)!]

const fewEntries = (given: Metadata): Metadata => {
  const entries = Object.entries(given)
  return entries.length <= most.entries ? given : Object.fromEntries(entries.slice(0, most.entries))
}

const fewContext = (given: Context): Operation.OperationContext => ({
  ...given,
  path: given.path.slice(0, most.entries),
  fields: given.fields.slice(0, most.entries),
  metadata: fewEntries(given.metadata),
  sentence: false
})

const fewFrame = (given: SourceFrame): SourceFrame =>
  given.metadata === undefined ? given : { ...given, metadata: fewEntries(given.metadata) }

/** The long parts of a snapshot that came from elsewhere. */
export const limitReceived = ({ report, root_metadata, source_frames }: ErrorSnapshot) => ({
  context: lastFirst(firstAndLast(report.context, most.contexts).map(fewContext), limitContext, ample()),
  root_metadata: metadata(fewEntries(root_metadata), ample()),
  source_frames: lastFirst(firstAndLast(source_frames, most.frames).map(fewFrame), limitFrame, ample())
})
