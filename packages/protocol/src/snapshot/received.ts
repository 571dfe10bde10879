import type { Classifier } from "@holdfast/core"
import { checked } from "../exposure/checked.ts"
import type { ExposureDecision, Policy } from "../exposure/decision.ts"
import { decide } from "../exposure/ExposurePolicy.ts"
import { cut } from "../text.ts"
import { isBounded, withoutPause } from "./carried.ts"
import { limitIdentity, limitReceived } from "./limits.ts"
import { isLabel } from "./remote.ts"
import type { ErrorSnapshot, Occurrence } from "./schema.ts"
import { limitViolations } from "./violations.ts"

const short = 256

const limitOccurrence = ({ attempt, id, service, span_id, time, trace_id }: Occurrence): Occurrence => ({
  id: cut(id, short),
  time: cut(time, short),
  ...(trace_id === undefined ? {} : { trace_id: cut(trace_id, short) }),
  ...(span_id === undefined ? {} : { span_id: cut(span_id, short) }),
  ...(service === undefined ? {} : { service: cut(service, short) }),
  ...(attempt === undefined ? {} : { attempt })
})

/** Nobody waits for ever. */
const pauseOf = (millis: number): number => Math.min(2 ** 31, Math.max(0, millis))

/** What was decided about a snapshot. Whoever may not come back need not know when, neither beside the fields nor among them. */
const decided = (snapshot: ErrorSnapshot, decision: ExposureDecision): ErrorSnapshot => {
  if (decision.retryable) return { ...snapshot, decision }
  const { failure, retry_after_ms: _, ...others } = snapshot
  return { ...others, decision, ...(failure === undefined ? {} : { failure: withoutPause(failure) }) }
}

/** A snapshot that came from elsewhere, no larger than one that was made here; none if its code is no code. */
export const limitSnapshot = (snapshot: ErrorSnapshot): ErrorSnapshot | undefined => {
  if (!isLabel(snapshot.identity.code)) return undefined
  const { failure, occurrence, operation, origin, retry_after_ms: pause, violations } = snapshot
  const identity = limitIdentity(snapshot.identity)
  const { detail, position, reason } = identity
  const { context, root_metadata, source_frames } = limitReceived(snapshot)
  const decision = checked(snapshot.decision)
  const limited: ErrorSnapshot = {
    schema_version: snapshot.schema_version,
    identity,
    decision,
    report: { reason, detail, position, context },
    operation: operation === null ? null : cut(operation, 2048),
    root_metadata,
    source_frames,
    ...(origin === undefined ? {} : { origin }),
    ...(pause === undefined ? {} : { retry_after_ms: pauseOf(pause) }),
    ...(violations === undefined ? {} : { violations: limitViolations(violations) }),
    ...(failure === undefined || !isBounded(failure) ? {} : { failure }),
    ...(occurrence === undefined ? {} : { occurrence: limitOccurrence(occurrence) })
  }
  return decided(limited, decision)
}

const none: ReadonlyArray<string> = []

/** What the snapshot says of the declaration that it was made from. */
const classificationOf = ({ decision, identity }: ErrorSnapshot): Classifier.Classification => {
  const { developer = none, operator = none, partner = none } = decision.audience_hints ?? {}
  return {
    code: identity.code,
    category: identity.category,
    reason: identity.reason,
    retry: decision.retryable ? "transient" : "never",
    health: identity.category === "biz" ? "success" : identity.category === "conf" ? "ignored" : "failure",
    severity: decision.severity ?? (identity.category === "biz" ? "Info" : "Error"),
    http: decision.http_status,
    grpc: decision.grpc_code,
    hints: { client: decision.default_hints, partner, operator, developer },
    visibility: decision.visibility
  }
}

/**
 * What may be shown of a snapshot that came from elsewhere: what was decided there, unless the policy here shows less. Then it
 * decides everything.
 */
export const decidedHere = (snapshot: ErrorSnapshot, policy: Policy): ErrorSnapshot => {
  const here = decide(policy, {
    identity: snapshot.identity,
    classification: classificationOf(snapshot),
    origin: snapshot.origin ?? "failure",
    metadata: snapshot.root_metadata,
    causes: snapshot.source_frames
  })
  return here.visibility === "internal" ? decided(snapshot, here) : snapshot
}
