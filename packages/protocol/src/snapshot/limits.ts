import type { Identity, Operation, Report } from "@holdfast/core"
import { cut } from "../text.ts"
import { maxText } from "./guard.ts"
import type { Context, Metadata, SourceFrame } from "./schema.ts"

const limits = {
  code: 256,
  reason: 1024,
  key: 256,
  value: 2048,
  contexts: 32,
  fields: 32,
  metadata: 64,
  /** Characters for all contexts, for all frames, for the root metadata. What comes later than that is only marked. */
  section: 32_768
} as const

/** Hands out the characters of one section. */
class Budget {
  left: number

  constructor(characters: number) {
    this.left = characters
  }

  readonly take = (text: string, limit: number): string => {
    const taken = cut(text, Math.min(limit, this.left))
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

const metadata = (given: Readonly<Record<string, Operation.MetadataValue>>, budget: Budget): Metadata => {
  const entries = Object.entries(given)
  if (entries.length === 0) return {}
  const kept = entries
    .slice(0, limits.metadata)
    .map(([key, of]): [string, Operation.MetadataValue] => [budget.take(key, limits.key), value(of, budget)])
  if (entries.length > kept.length) kept.push(["…", `${entries.length - kept.length} more`])
  // Not by assignment: a key called __proto__ is a key.
  return Object.fromEntries(kept)
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
  metadata(given, new Budget(limits.section))

const limitContext = (context: Operation.OperationContext, budget: Budget): Context => {
  const text = (of: string | null) => (of === null ? null : budget.take(of, limits.value))
  const fields = context.fields
    .slice(0, limits.fields)
    .map(([name, of]) => [budget.take(name, limits.key), budget.take(of, limits.value)] as const)
  const more = context.fields.length - fields.length
  return {
    action: text(context.action),
    locator: text(context.locator),
    path: context.path.slice(0, limits.fields).map((segment) => budget.take(segment, limits.value)),
    fields: more > 0 ? [...fields, ["…", `${more} more`]] : fields,
    metadata: metadata(context.metadata, budget)
  }
}

const omittedContexts = (count: number): Context => ({
  action: `… ${count} more contexts …`,
  locator: null,
  path: [],
  fields: [],
  metadata: {}
})

/** The contexts in order, the outermost always among them and paid for first. */
export const limitContexts = (contexts: ReadonlyArray<Operation.OperationContext>): ReadonlyArray<Context> => {
  const outermost = contexts.at(-1)
  if (outermost === undefined) return []
  const budget = new Budget(limits.section)
  const last = limitContext(outermost, budget)
  const all = contexts.length <= limits.contexts
  const inner = contexts.slice(0, all ? -1 : limits.contexts - 2).map((context) => limitContext(context, budget))
  return all ? [...inner, last] : [...inner, omittedContexts(contexts.length - inner.length - 1), last]
}

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

/** The frames in order, the root cause paid for first. Their number is limited where they are made. */
export const limitFrames = (frames: ReadonlyArray<Report.Frame>): ReadonlyArray<SourceFrame> => {
  const root = frames.at(-1)
  if (root === undefined) return []
  const budget = new Budget(limits.section)
  const last = limitFrame(root, budget)
  return [...frames.slice(0, -1).map((frame) => limitFrame(frame, budget)), last]
}
