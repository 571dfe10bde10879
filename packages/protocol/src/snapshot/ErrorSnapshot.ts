/**
 * One failure as a value: what it is, what may be shown of it, what the program was doing, what went wrong underneath.
 * Every projection is made from it. It holds no secret and no reference to the error, and it can be encoded and decoded.
 */
import { Classifier, Failure, Identity, Redaction, Report } from "@holdfast/core"
import { Cause, Duration, Effect, ErrorReporter, type Fiber, Option, Schema } from "effect"
import { closed, type Origin, type Policy } from "../exposure/decision.ts"
import * as ExposurePolicy from "../exposure/ExposurePolicy.ts"
import { carry as carried } from "./carried.ts"
import { guard } from "./guard.ts"
import { limitContexts, limitFrames, limitIdentity, limitMetadata } from "./limits.ts"
import { adopt, isOurs } from "./ours.ts"
import { redactWith } from "./redact.ts"
import { type Context, ErrorSnapshot, schemaVersion } from "./schema.ts"
import { secretsIn } from "./secrets.ts"
import { violationsOf } from "./violations.ts"

export { CarriedFailure } from "./carried.ts"
export { localizeWith as localize, type Localization } from "./localize.ts"
export { Occurrence, stamp } from "./occurrence.ts"
export { Violation } from "./violations.ts"
export { Context, DiagnosticReport, ErrorSnapshot, Metadata, schemaVersion, SourceFrame } from "./schema.ts"

/**
 * Whose fields are carried, so that the other side can rebuild the declared class: `public` those of failures whose detail
 * may be shown to callers, `all` everybody's, which is for peers inside the house.
 */
export type Carry = "public" | "all"

/** How a snapshot is made. Inside of an effect use {@link make}, which takes the first three from the fiber. */
export interface Options {
  /** Decides what may be shown. Default: `ExposurePolicy.contract`. */
  readonly policy?: Policy
  /** What never leaves. Default: `Redaction.standard`. */
  readonly redaction?: Redaction.Policy
  /** The application's own table for foreign errors. Default: none. */
  readonly classify?: Classifier.Classify
  /** Whether the failure's own fields go along, secrets masked. Default: no. */
  readonly carry?: Carry
}

const originOf = (error: unknown, subject: Identity.Subject): Origin => {
  if (isCause(error) && !error.reasons.some(Cause.isFailReason)) {
    return error.reasons.length > 0 && error.reasons.every(Cause.isInterruptReason) ? "interruption" : "defect"
  }
  return isDeclared(subject) ? "failure" : "foreign"
}

const isCause = (error: unknown): error is Cause.Cause<unknown> => {
  try {
    return Cause.isCause(error)
  } catch {
    return false
  }
}

/** A declared failure is classified by its own declaration, which nothing else has. */
const isDeclared = ({ classification, error }: Identity.Subject): boolean => {
  try {
    return Failure.isFailure(error) && error[Failure.TypeId] === classification
  } catch {
    return false
  }
}

const outermostAction = (contexts: ReadonlyArray<Context>): string | null =>
  contexts.findLast((context) => context.action !== null)?.action ?? null

/** What is left to say about an error that cannot even be looked at. */
const unreadable: ErrorSnapshot = {
  schema_version: schemaVersion,
  identity: {
    code: "logic.unclassified",
    category: "logic",
    reason: "unclassified error",
    detail: null,
    position: null,
    path: null
  },
  decision: closed,
  report: { reason: "unclassified error", detail: null, position: null, context: [] },
  operation: null,
  root_metadata: {},
  source_frames: []
}

adopt(unreadable)

/** Nobody waits longer than that, and JSON knows no infinity. */
const longest = 2 ** 31

const millis = (pause: Duration.Duration): number => Math.min(longest, Math.max(0, Duration.toMillis(pause)))

interface Made {
  readonly snapshot: ErrorSnapshot
  readonly defects: ReadonlyArray<unknown>
}

const build = (error: unknown, options: Options | undefined): Made => {
  const { carry, classify, policy = ExposurePolicy.contract, redaction = Redaction.standard } = options ?? {}
  const subject = Identity.subject(error, classify)
  const guarding = guard(redaction)
  const report = Report.of(error, {
    redaction: guarding,
    ...(classify === undefined ? {} : { classify })
  })
  const identity = limitIdentity(report.identity)
  const context = limitContexts(report.contexts)
  const root_metadata = limitMetadata(report.metadata)
  const source_frames = limitFrames(report.frames)
  const { decision, defects } = ExposurePolicy.attempt(policy, {
    identity,
    classification: subject.classification,
    origin: originOf(error, subject),
    metadata: root_metadata,
    causes: source_frames
  })
  const pause = Classifier.retryAfterOf(subject.error)
  const secrets = () => secretsIn(error, subject.contexts, guarding)
  const violations = violationsOf(subject.error, guarding, secrets)
  const fields =
    carry === "all" || (carry === "public" && decision.visibility === "public")
      ? carried(subject.error, identity.detail, guarding, secrets)
      : undefined
  const snapshot: ErrorSnapshot = {
    schema_version: schemaVersion,
    identity,
    decision,
    report: { reason: identity.reason, detail: identity.detail, position: identity.position, context },
    operation: outermostAction(context),
    root_metadata,
    source_frames,
    ...(pause === undefined ? {} : { retry_after_ms: millis(pause) }),
    ...(violations.length === 0 ? {} : { violations }),
    ...(fields === undefined ? {} : { failure: fields })
  }
  return { snapshot: adopt(snapshot), defects }
}

const attempt = (error: unknown, options: Options | undefined): Made => {
  try {
    return build(error, options)
  } catch (defect) {
    return { snapshot: unreadable, defects: [defect] }
  }
}

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
export const of = (error: unknown, options?: Options): ErrorSnapshot => attempt(error, options).snapshot

/** @internal */
export const inForce = (fiber: Fiber.Fiber<unknown, unknown>): Options => ({
  policy: fiber.getRef(ExposurePolicy.ExposurePolicy),
  redaction: fiber.getRef(Redaction.Redaction),
  classify: fiber.getRef(Classifier.Classifier)
})

/**
 * The snapshot under the exposure policy, the redaction policy and the classifier in force. A policy that fails is
 * reported to the `ErrorReporter`s of the fiber, and the failure itself leaves as a closed 500.
 */
export const make = (error: unknown, options?: Pick<Options, "carry">): Effect.Effect<ErrorSnapshot> =>
  Effect.withFiber((fiber) => {
    const { defects, snapshot } = attempt(error, { ...options, ...inForce(fiber) })
    const done = Effect.succeed(snapshot)
    return defects.length === 0 ? done : Effect.andThen(ErrorReporter.report(Cause.die(defects[0])), done)
  })

const decodeOption = Schema.decodeUnknownOption(ErrorSnapshot)

const members = ["schema_version", "identity", "decision", "report", "root_metadata", "source_frames"]

/** A snapshot that is one, or that can be decoded as one. Anything else, hostile look-alikes included, is none. */
export const fromUnknown = (u: unknown): Option.Option<ErrorSnapshot> => {
  try {
    if (typeof u !== "object" || u === null) return Option.none()
    if (isOurs(u)) return Option.some(u)
    if (!members.every((member) => member in u)) return Option.none()
    return decodeOption(u)
  } catch {
    return Option.none()
  }
}

/**
 * A snapshot under a further redaction policy. Code, category, decision and hints stay as they are. Redacting twice is
 * redacting once.
 */
export const redact = (snapshot: ErrorSnapshot, policy: Redaction.Policy): ErrorSnapshot => redactWith(snapshot, policy)
