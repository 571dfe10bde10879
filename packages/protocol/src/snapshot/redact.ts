import { Operation, Redaction } from "@holdfast/core"
import { scrubData } from "./carried.ts"
import { guard } from "./guard.ts"
import type { Context, ErrorSnapshot, Metadata, SourceFrame } from "./schema.ts"

interface Scrub {
  readonly text: (text: string) => string
  readonly policy: Redaction.Policy
}

const masks = (slot: Redaction.Slot, { policy }: Scrub): boolean => policy.slots?.has(slot) === true

/** The text of a slot: cleaned, or masked whole if the policy says so. */
const slotted = (slot: Redaction.Slot, given: string, scrub: Scrub): string =>
  masks(slot, scrub) ? scrub.policy.mask : scrub.text(given)

const optional = (slot: Redaction.Slot, given: string | null, scrub: Scrub): string | null =>
  given === null ? null : slotted(slot, given, scrub)

/** Whether a path may not be shown as it is, because it is made of what is masked. */
const masksPath = (scrub: Scrub): boolean => masks("action", scrub) || masks("locator", scrub)

const metadata = (given: Metadata, { policy, text }: Scrub): Metadata =>
  // Not by assignment: a key called __proto__ is a key.
  Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      text(key),
      policy.isSecretKey(key) ? policy.mask : typeof value === "string" ? text(value) : value
    ])
  )

const context = (given: Context, scrub: Scrub): Context => {
  const action = optional("action", given.action, scrub)
  const locator = optional("locator", given.locator, scrub)
  return {
    action,
    locator,
    path: masksPath(scrub) ? [action, locator].filter((segment) => segment !== null) : given.path.map(scrub.text),
    fields: given.fields.map(([name, value]) => [
      scrub.text(name),
      scrub.policy.isSecretKey(name) ? scrub.policy.mask : scrub.text(value)
    ]),
    metadata: metadata(given.metadata, scrub)
  }
}

const frame = (given: SourceFrame, scrub: Scrub): SourceFrame => ({
  ...given,
  message: given.code === undefined ? slotted("message", given.message, scrub) : scrub.text(given.message),
  ...(given.type === undefined ? {} : { type: scrub.text(given.type) }),
  ...(given.reason === undefined ? {} : { reason: scrub.text(given.reason) }),
  ...(given.path === undefined ? {} : { path: masksPath(scrub) ? scrub.policy.mask : scrub.text(given.path) }),
  ...(given.detail === undefined ? {} : { detail: slotted("detail", given.detail, scrub) }),
  ...(given.metadata === undefined ? {} : { metadata: metadata(given.metadata, scrub) })
})

/** What is decided stays; what is said with it is text like any other. */
const decision = (given: ErrorSnapshot["decision"], { text }: Scrub): ErrorSnapshot["decision"] => {
  const { audience_hints, default_hints, title } = given
  return {
    ...given,
    default_hints: default_hints.map(text),
    ...(audience_hints === undefined
      ? {}
      : {
          audience_hints: Object.fromEntries(
            Object.entries(audience_hints).map(([audience, hints]) => [audience, hints.map(text)])
          )
        }),
    ...(title === undefined ? {} : { title: text(title) })
  }
}

const pathOf = (given: string | null, contexts: ReadonlyArray<Context>, scrub: Scrub): string | null => {
  if (given === null) return null
  if (!masksPath(scrub)) return scrub.text(given)
  return Operation.joinPath(Operation.pathOf(contexts.map((of) => ({ ...of, sentence: false })))) ?? scrub.policy.mask
}

/** What the snapshot itself shows to be secret. */
const secretsOf = ({ report, root_metadata, source_frames }: ErrorSnapshot, policy: Redaction.Policy) => {
  const known = new Set<string>()
  for (const of of report.context) Redaction.secretsOfOperation(policy, of, known)
  Redaction.secretsOfOperation(policy, { fields: [], metadata: root_metadata }, known)
  for (const { metadata: of } of source_frames) {
    if (of !== undefined) Redaction.secretsOfOperation(policy, { fields: [], metadata: of }, known)
  }
  known.delete(policy.mask)
  return known
}

const clean = (snapshot: ErrorSnapshot, scrub: Scrub): ErrorSnapshot => {
  const { identity, report } = snapshot
  const reason = scrub.text(identity.reason)
  const detail = optional("detail", identity.detail, scrub)
  const position = optional("position", identity.position, scrub)
  const contexts = report.context.map((of) => context(of, scrub))
  return {
    schema_version: snapshot.schema_version,
    identity: { ...identity, reason, detail, position, path: pathOf(identity.path, contexts, scrub) },
    decision: decision(snapshot.decision, scrub),
    report: { reason, detail, position, context: contexts },
    operation: optional("action", snapshot.operation, scrub),
    root_metadata: metadata(snapshot.root_metadata, scrub),
    source_frames: snapshot.source_frames.map((of) => frame(of, scrub)),
    ...(snapshot.origin === undefined ? {} : { origin: snapshot.origin }),
    ...(snapshot.title === undefined ? {} : { title: scrub.text(snapshot.title) }),
    ...(snapshot.retry_after_ms === undefined ? {} : { retry_after_ms: snapshot.retry_after_ms }),
    ...(snapshot.violations === undefined
      ? {}
      : {
          violations: snapshot.violations.map(({ code, message, path }) => ({
            path: scrub.text(path),
            code: scrub.text(code),
            message: scrub.text(message)
          }))
        }),
    ...(snapshot.occurrence === undefined ? {} : { occurrence: snapshot.occurrence })
  }
}

const scrubOf = (snapshot: ErrorSnapshot, given: Redaction.Policy): Scrub => {
  const policy = guard(given)
  const known = secretsOf(snapshot, policy)
  return { policy, text: (text) => policy.text(text, known) }
}

/** Applies a further policy. The failure's own fields are left out: what it would leave of them rebuilds nothing. */
export const redactWith = (snapshot: ErrorSnapshot, given: Redaction.Policy): ErrorSnapshot =>
  clean(snapshot, scrubOf(snapshot, given))

/** Applies the policy in force to a snapshot from elsewhere, its failure's own fields included. */
export const receiveWith = (snapshot: ErrorSnapshot, given: Redaction.Policy): ErrorSnapshot => {
  const scrub = scrubOf(snapshot, given)
  const received = clean(snapshot, scrub)
  const data = snapshot.failure?.data
  if (snapshot.failure === undefined || data === undefined) return received
  return {
    ...received,
    failure: { version: snapshot.failure.version, data: scrubData(data, scrub.text, scrub.policy) }
  }
}
