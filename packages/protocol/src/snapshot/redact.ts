import { Redaction } from "@holdfast/core"
import { guard } from "./guard.ts"
import type { Context, ErrorSnapshot, Metadata, SourceFrame } from "./schema.ts"

interface Scrub {
  readonly text: (text: string) => string
  readonly policy: Redaction.Policy
}

const metadata = (given: Metadata, { policy, text }: Scrub): Metadata =>
  Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      key,
      policy.isSecretKey(key) ? policy.mask : typeof value === "string" ? text(value) : value
    ])
  )

const optional = (given: string | null, { text }: Scrub): string | null => (given === null ? null : text(given))

const context = (given: Context, scrub: Scrub): Context => ({
  action: optional(given.action, scrub),
  locator: optional(given.locator, scrub),
  path: given.path.map(scrub.text),
  fields: given.fields.map(([name, value]) => [
    name,
    scrub.policy.isSecretKey(name) ? scrub.policy.mask : scrub.text(value)
  ]),
  metadata: metadata(given.metadata, scrub)
})

const frame = (given: SourceFrame, scrub: Scrub): SourceFrame => ({
  ...given,
  message: scrub.text(given.message),
  ...(given.reason === undefined ? {} : { reason: scrub.text(given.reason) }),
  ...(given.path === undefined ? {} : { path: scrub.text(given.path) }),
  ...(given.detail === undefined ? {} : { detail: scrub.text(given.detail) }),
  ...(given.metadata === undefined ? {} : { metadata: metadata(given.metadata, scrub) })
})

/** Applies a policy to a snapshot: again if it came from here, for the first time if it came from elsewhere. */
export const redactWith = (snapshot: ErrorSnapshot, given: Redaction.Policy): ErrorSnapshot => {
  const policy = guard(given)
  const known = new Set<string>()
  for (const context of snapshot.report.context) Redaction.secretsOfOperation(policy, context, known)
  const { root_metadata } = snapshot
  Redaction.secretsOfOperation(policy, { fields: [], metadata: root_metadata }, known)
  for (const { metadata } of snapshot.source_frames) {
    if (metadata !== undefined) Redaction.secretsOfOperation(policy, { fields: [], metadata }, known)
  }
  known.delete(policy.mask)
  const scrub: Scrub = { policy, text: (text) => policy.text(text, known) }
  const { identity, report } = snapshot
  const reason = scrub.text(identity.reason)
  const detail = optional(identity.detail, scrub)
  const position = optional(identity.position, scrub)
  return {
    schema_version: snapshot.schema_version,
    identity: { ...identity, reason, detail, position, path: optional(identity.path, scrub) },
    decision: snapshot.decision,
    report: { reason, detail, position, context: report.context.map((of) => context(of, scrub)) },
    operation: optional(snapshot.operation, scrub),
    root_metadata: metadata(snapshot.root_metadata, scrub),
    source_frames: snapshot.source_frames.map((of) => frame(of, scrub)),
    ...(snapshot.origin === undefined ? {} : { origin: snapshot.origin }),
    ...(snapshot.retry_after_ms === undefined ? {} : { retry_after_ms: snapshot.retry_after_ms }),
    ...(snapshot.occurrence === undefined ? {} : { occurrence: snapshot.occurrence }),
    // Their keys are the failure's own: what a further policy would leave of them rebuilds nothing.
    ...(snapshot.violations === undefined
      ? {}
      : { violations: snapshot.violations.map((of) => ({ ...of, message: scrub.text(of.message) })) })
  }
}
