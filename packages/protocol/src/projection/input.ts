import { type Audience, Redaction } from "@holdfast/core"
import { Option } from "effect"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { isOurs } from "../snapshot/ours.ts"
import { decidedHere } from "../snapshot/received.ts"
import { receiveWith } from "../snapshot/redact.ts"
import { view } from "../snapshot/view.ts"

/** How a projection is made. */
export interface Options extends ErrorSnapshot.Options {
  /**
   * Who reads it, and so what it says:
   *
   * - `client`: the detail of what is public, a generic title of what is internal, the hints for everybody
   * - `partner`: the stable reason of what is internal, hints for partners, too
   * - `operator`, `developer`: everything, and their hints
   *
   * Default: `client` for what crosses the network, `operator` for the CLI and the log, `developer` for user debug.
   */
  readonly audience?: Audience | undefined
}

/**
 * A snapshot that came from elsewhere, for those who read it here: clean under the policy here, and it never shows more than the
 * exposure policy given.
 */
const received = (
  snapshot: ErrorSnapshot.ErrorSnapshot,
  { policy, redaction = Redaction.standard }: ErrorSnapshot.Options
): ErrorSnapshot.ErrorSnapshot => {
  const clean = receiveWith(snapshot, redaction)
  return policy === undefined ? clean : decidedHere(clean, policy)
}

/**
 * What a projection is made from: a snapshot that was made here as it is, one from elsewhere as far as it is trusted, any error
 * or `Cause` as far as it is looked at.
 */
export const snapshotOf = (input: unknown, options: ErrorSnapshot.Options | undefined): ErrorSnapshot.ErrorSnapshot => {
  const snapshot = Option.getOrUndefined(ErrorSnapshot.fromUnknown(input))
  if (snapshot === undefined) return view(input, options)
  return isOurs(snapshot) ? snapshot : received(snapshot, options ?? {})
}

/** Whether everybody may read the detail. */
export const isPublic = ({ decision }: ErrorSnapshot.ErrorSnapshot): boolean => decision.visibility === "public"

/** Whether this audience is at home here. */
export const isInside = (audience: Audience): boolean => audience === "operator" || audience === "developer"

/** Whether this audience may read what happened this time. */
export const readsDetail = (snapshot: ErrorSnapshot.ErrorSnapshot, audience: Audience): boolean =>
  isPublic(snapshot) || isInside(audience)

/** What happened this time, for this audience. */
export const detailFor = (snapshot: ErrorSnapshot.ErrorSnapshot, audience: Audience): string | null =>
  readsDetail(snapshot, audience) ? snapshot.identity.detail : null

/** The summary for this audience. */
export const reasonFor = (snapshot: ErrorSnapshot.ErrorSnapshot, audience: Audience): string =>
  readsDetail(snapshot, audience) || audience === "partner"
    ? (snapshot.title ?? snapshot.identity.reason)
    : (snapshot.decision.title ?? snapshot.identity.reason)

/** Where there is room for one text: what happened, else the summary. */
export const messageFor = (snapshot: ErrorSnapshot.ErrorSnapshot, audience: Audience): string =>
  detailFor(snapshot, audience) ?? reasonFor(snapshot, audience)

const none: ReadonlyArray<string> = []

/** The hints for everybody, then those of each narrower audience up to this one. */
export const hintsFor = (
  { decision: { audience_hints, default_hints } }: ErrorSnapshot.ErrorSnapshot,
  audience: Audience
): ReadonlyArray<string> => {
  if (audience_hints === undefined || !(audience === "partner" || isInside(audience))) return default_hints
  const { developer = none, operator = none, partner = none } = audience_hints
  return [
    ...default_hints,
    ...partner,
    ...(isInside(audience) ? operator : none),
    ...(audience === "developer" ? developer : none)
  ]
}

/** As much of a snapshot as this audience may read: nothing of what the program was doing, or of what lay underneath. */
export const seenBy = (snapshot: ErrorSnapshot.ErrorSnapshot, audience: Audience): ErrorSnapshot.ErrorSnapshot => {
  if (isInside(audience)) return snapshot
  const reason = reasonFor(snapshot, audience)
  const detail = detailFor(snapshot, audience)
  const { schema_version, decision, identity } = snapshot
  return {
    schema_version,
    identity: { ...identity, reason, detail, position: null, path: null },
    decision,
    report: { reason, detail, position: null, context: [] },
    operation: null,
    root_metadata: {},
    source_frames: []
  }
}
