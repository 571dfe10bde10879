/**
 * One failure as a value: what it is, what may be shown of it, what the program was doing, what went wrong underneath.
 * Every projection is made from it. It holds no secret and no reference to the error, and it can be encoded and decoded.
 */
import { Classifier, Redaction } from "@holdfast/core"
import { Cause, Context as Services, Effect, Option, Schema } from "effect"
import * as ExposurePolicy from "../exposure/ExposurePolicy.ts"
import { reportOrLog } from "../reporting.ts"
import { derived, isOurs } from "./ours.ts"
import { limitSnapshot } from "./received.ts"
import { redactWith } from "./redact.ts"
import { ErrorSnapshot } from "./schema.ts"
import { type Options, view } from "./view.ts"

export { CarriedFailure } from "./carried.ts"
export type { Carry, Options } from "./view.ts"
export {
  type Format,
  localizeWith as localize,
  type Localization,
  type Localized,
  type Missing,
  type Parameters
} from "./localize.ts"
export { stamp } from "./occurrence.ts"
export { Violation } from "./violations.ts"
export { Context, DiagnosticReport, ErrorSnapshot, Metadata, Occurrence, schemaVersion, SourceFrame } from "./schema.ts"

/**
 * The snapshot of any error, or of a `Cause`. Total: never throws, never changes what it is given, and is bounded in size
 * whatever that is; what was left out is marked. A `Cause` speaks through its primary reason: the first failure, else the
 * first defect, else the interruption.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ErrorSnapshot } from "@holdfast/protocol"
 *
 * const snapshot = ErrorSnapshot.of(new Reasons.Timeout({ detail: "inventory" }))
 * snapshot.identity.code // => "sys.timeout"
 * snapshot.decision.retryable // => true
 * ```
 */
export const of = (error: unknown, options?: Options): ErrorSnapshot => view(error, options).plain()

/** @internal */
export const inForce = (context: Services.Context<never>): Options => ({
  policy: Services.get(context, ExposurePolicy.ExposurePolicy),
  redaction: Services.get(context, Redaction.Redaction),
  classify: Services.get(context, Classifier.Classifier)
})

/**
 * The snapshot under the exposure policy, the redaction policy and the classifier in force. A policy that fails is
 * reported to the `ErrorReporter`s of the fiber, and logged where there is none or one that throws; the failure itself leaves
 * as a closed 500.
 */
export const make = (error: unknown, options?: Pick<Options, "carry">): Effect.Effect<ErrorSnapshot> =>
  Effect.withFiber((fiber) => {
    const seen = view(error, { ...options, ...inForce(fiber.context) })
    const { defects } = seen
    const done = Effect.succeed(seen.plain())
    return defects.length === 0 ? done : Effect.andThen(reportOrLog(Cause.die(defects[0])), done)
  })

/** A snapshot with the status of a protocol that does not ask policies. @internal */
export const withStatus = (snapshot: ErrorSnapshot, http_status: number): ErrorSnapshot =>
  derived(snapshot, { ...snapshot, decision: { ...snapshot.decision, http_status } })

const decodeOption = Schema.decodeUnknownOption(ErrorSnapshot)

const members = ["schema_version", "identity", "decision", "report", "root_metadata", "source_frames"]

/**
 * A snapshot that was made here, as it is, or a value that can be decoded as one: no larger than one made here, and its texts
 * are what the other side made of them. Anything else, hostile look-alikes included, is none.
 */
export const fromUnknown = (u: unknown): Option.Option<ErrorSnapshot> => {
  try {
    if (typeof u !== "object" || u === null) return Option.none()
    if (isOurs(u)) return Option.some(u)
    if (!members.every((member) => member in u)) return Option.none()
    return Option.flatMapNullishOr(decodeOption(u), limitSnapshot)
  } catch {
    return Option.none()
  }
}

/**
 * A snapshot under a further redaction policy, its slots included. Code, category and what was decided stay as they are; the
 * failure's own fields are left out. Redacting twice is redacting once.
 */
export const redact = (snapshot: ErrorSnapshot, policy: Redaction.Policy): ErrorSnapshot =>
  derived(snapshot, redactWith(snapshot, policy))
