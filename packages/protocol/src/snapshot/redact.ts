import { type Redaction, Report } from "@holdfast/core"
import { scrubData } from "./carried.ts"
import { guard } from "./guard.ts"
import type { Context, ErrorSnapshot } from "./schema.ts"

type Text = (text: string) => string

/** What is decided stays; what is said with it is text like any other. */
const decision = (given: ErrorSnapshot["decision"], text: Text): ErrorSnapshot["decision"] => {
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

/** The part of a snapshot that is a report. */
export const reportOf = ({ identity, report, root_metadata, source_frames }: ErrorSnapshot): Report.Report => ({
  identity,
  contexts: report.context.map((context) => ({ ...context, sentence: false })),
  metadata: root_metadata,
  frames: source_frames,
  stack: null
})

const contextOf = ({ action, fields, locator, metadata, path }: Report.Report["contexts"][number]): Context => ({
  action,
  locator,
  path,
  fields,
  metadata
})

const clean = (snapshot: ErrorSnapshot, text: Text, policy: Redaction.Policy): ErrorSnapshot => {
  const { contexts, frames, identity, metadata } = Report.redact(reportOf(snapshot), policy)
  const { detail, position, reason } = identity
  const { occurrence, operation, origin, retry_after_ms, title, violations } = snapshot
  return {
    schema_version: snapshot.schema_version,
    identity,
    decision: decision(snapshot.decision, text),
    report: { reason, detail, position, context: contexts.map(contextOf) },
    operation: operation === null ? null : policy.slots?.has("action") === true ? policy.mask : text(operation),
    root_metadata: metadata,
    source_frames: frames,
    ...(origin === undefined ? {} : { origin }),
    ...(title === undefined ? {} : { title: text(title) }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    ...(violations === undefined
      ? {}
      : {
          violations: violations.map(({ code, message, path }) => ({
            path: text(path),
            code: text(code),
            message: text(message)
          }))
        }),
    ...(occurrence === undefined ? {} : { occurrence })
  }
}

const scrubOf = (snapshot: ErrorSnapshot, given: Redaction.Policy) => {
  const policy = guard(given)
  const known = Report.secretsShown(reportOf(snapshot), policy)
  return { policy, text: (text: string) => policy.text(text, known) }
}

/** Applies a further policy. The failure's own fields are left out: what it would leave of them rebuilds nothing. */
export const redactWith = (snapshot: ErrorSnapshot, given: Redaction.Policy): ErrorSnapshot => {
  const { policy, text } = scrubOf(snapshot, given)
  return clean(snapshot, text, policy)
}

/** Applies the policy in force to a snapshot from elsewhere, its failure's own fields included. */
export const receiveWith = (snapshot: ErrorSnapshot, given: Redaction.Policy): ErrorSnapshot => {
  const { policy, text } = scrubOf(snapshot, given)
  const received = clean(snapshot, text, policy)
  const data = snapshot.failure?.data
  if (snapshot.failure === undefined || data === undefined) return received
  return { ...received, failure: { version: snapshot.failure.version, data: scrubData(data, text, policy) } }
}
