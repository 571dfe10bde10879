import type { Report } from "@holdfast/core"
import { Option } from "effect"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { view } from "../snapshot/view.ts"

/** What a projection is made from: a snapshot as it is, any error or `Cause` as far as it is looked at. */
export const snapshotOf = (input: unknown, options: ErrorSnapshot.Options | undefined): ErrorSnapshot.ErrorSnapshot =>
  Option.getOrElse(ErrorSnapshot.fromUnknown(input), () => view(input, options))

/** Whether the caller may read the detail. */
export const isPublic = ({ decision }: ErrorSnapshot.ErrorSnapshot): boolean => decision.visibility === "public"

/** The summary for the caller. */
export const reasonFor = (snapshot: ErrorSnapshot.ErrorSnapshot): string =>
  isPublic(snapshot) ? snapshot.identity.reason : (snapshot.decision.title ?? snapshot.identity.reason)

/** The failure's own fields, where both the snapshot and whoever sends it out agree that they may leave. */
export const carriedFor = (
  snapshot: ErrorSnapshot.ErrorSnapshot,
  options: ErrorSnapshot.Options | undefined
): { readonly failure?: ErrorSnapshot.CarriedFailure } =>
  snapshot.failure !== undefined && (options?.carry === "all" || (options?.carry === "public" && isPublic(snapshot)))
    ? { failure: snapshot.failure }
    : {}

/** What people inside may read: the hints for everybody, then those for operators. */
export const allHints = ({
  decision: { default_hints, operator_hints }
}: ErrorSnapshot.ErrorSnapshot): ReadonlyArray<string> =>
  operator_hints === undefined || operator_hints.length === 0 ? default_hints : [...default_hints, ...operator_hints]

/** A snapshot as the renderers of core read it. */
export const reportOf = ({
  identity,
  report,
  root_metadata,
  source_frames
}: ErrorSnapshot.ErrorSnapshot): Report.Report => ({
  identity,
  contexts: report.context.map((context) => ({ ...context, sentence: false })),
  metadata: root_metadata,
  frames: source_frames,
  stack: null
})
