import { Classifier, Failure, Identity, Redaction, Report } from "@holdfast/core"
import { Cause, Duration } from "effect"
import {
  closed,
  type ExposureDecision,
  type Origin,
  type Policy,
  type Subject,
  type Undeclared
} from "../exposure/decision.ts"
import * as ExposurePolicy from "../exposure/ExposurePolicy.ts"
import { type CarriedFailure, carry as carried, withoutPause } from "./carried.ts"
import { guard } from "./guard.ts"
import { limitContexts, limitFrames, limitIdentity, limitMetadata } from "./limits.ts"
import { adopt } from "./ours.ts"
import { isRemote } from "./remote.ts"
import {
  type Context,
  type DiagnosticReport,
  type ErrorSnapshot,
  type Metadata,
  schemaVersion,
  type SourceFrame
} from "./schema.ts"
import { type Violation, violationsOf } from "./violations.ts"

/**
 * What goes along beside what a format says, so that the other side gets the failure back, its declared class included:
 *
 * - `all`: identity, decision, pause, violations, metadata and own fields of every failure, whoever the audience is. For
 *   programs of the same house
 * - `public`: the same of failures whose detail may be shown to callers, without metadata, path, and hints for others
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
  /** Whether what a format does not say goes along, secrets masked. Default: no. */
  readonly carry?: Carry
}

const originOf = (error: unknown, subject: Identity.Subject): Origin => {
  if (Identity.isCause(error) && !error.reasons.some(Cause.isFailReason)) {
    return error.reasons.length > 0 && error.reasons.every(Cause.isInterruptReason) ? "interruption" : "defect"
  }
  if (!isDeclared(subject)) return "foreign"
  return isRemote(subject.error as Failure.Any) ? originElsewhere(subject) : "failure"
}

/** A declared failure is classified by its own declaration, which nothing else has. */
const isDeclared = ({ classification, error }: Identity.Subject): boolean => {
  try {
    return Failure.isFailure(error) && error[Failure.TypeId] === classification
  } catch {
    return false
  }
}

/** What another program keeps to itself was written for nobody here, whatever the policy here makes of its category. */
const originElsewhere = ({ classification, error }: Identity.Subject): Origin =>
  (error as { readonly origin?: Undeclared }).origin ??
  (classification.visibility === "internal" ? "foreign" : "failure")

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

/** Nobody waits longer than that, and JSON knows no infinity. */
const longest = 2 ** 31

const millis = (pause: Duration.Duration): number => Math.min(longest, Math.max(0, Duration.toMillis(pause)))

/**
 * A snapshot that has not been taken yet: what an HTTP caller never sees is not made for one. It has every member of a
 * snapshot and is none, because its parts come when they are asked for.
 */
export class View implements ErrorSnapshot {
  readonly schema_version = schemaVersion
  readonly identity: Identity.Identity
  readonly decision: ExposureDecision
  /** What the policy threw, if it could not make a decision. */
  readonly defects: ReadonlyArray<unknown>
  declare readonly origin?: Undeclared
  declare readonly retry_after_ms?: number
  declare readonly violations?: ReadonlyArray<Violation>
  declare readonly failure?: CarriedFailure
  readonly #report: Report.Report
  #context: ReadonlyArray<Context> | undefined
  #metadata: Metadata | undefined
  #frames: ReadonlyArray<SourceFrame> | undefined

  constructor(error: unknown, options: Options | undefined) {
    const { carry, classify, policy = ExposurePolicy.contract, redaction = Redaction.standard } = options ?? {}
    const subject = Identity.subject(error, classify)
    const guarding = guard(redaction)
    this.#report = Report.of(error, { redaction: guarding, ...(classify === undefined ? {} : { classify }) })
    this.identity = limitIdentity(this.#report.identity)
    const origin = originOf(error, subject)
    if (origin !== "failure") this.origin = origin
    const about = asked(this, policy, subject.classification, origin)
    const { decision, defects } = ExposurePolicy.attempt(policy, about)
    this.decision = decision
    this.defects = defects
    // One source says whether to come back: a pause before what must not be tried again would be another one.
    const pause = decision.retryable ? Classifier.retryAfterOf(subject.error) : undefined
    if (pause !== undefined) this.retry_after_ms = millis(pause)
    const secrets = () => Report.secretsOf(error, guarding)
    const violations = violationsOf(subject.error, guarding, secrets)
    if (violations.length > 0) this.violations = violations
    if (carry === "all" || (carry === "public" && decision.visibility === "public")) {
      const failure = carried(subject.error, this.identity.detail, guarding, secrets)
      if (failure !== undefined) this.failure = decision.retryable ? failure : withoutPause(failure)
    }
  }

  get report(): DiagnosticReport {
    const { detail, position, reason } = this.identity
    this.#context ??= limitContexts(this.#report.contexts)
    return { reason, detail, position, context: this.#context }
  }

  get operation(): string | null {
    return outermostAction(this.report.context)
  }

  get root_metadata(): Metadata {
    this.#metadata ??= limitMetadata(this.#report.metadata)
    return this.#metadata
  }

  get source_frames(): ReadonlyArray<SourceFrame> {
    this.#frames ??= limitFrames(this.#report.frames)
    return this.#frames
  }

  /** The snapshot itself. */
  plain(): ErrorSnapshot {
    const { decision, failure, identity, operation, origin, report, root_metadata, source_frames } = this
    const { retry_after_ms, violations } = this
    return adopt({
      schema_version: schemaVersion,
      identity,
      decision,
      report,
      operation,
      root_metadata,
      source_frames,
      ...(origin === undefined ? {} : { origin }),
      ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
      ...(violations === undefined ? {} : { violations }),
      ...(failure === undefined ? {} : { failure })
    })
  }
}

/** What a policy is asked about. The built-in ones look at neither metadata nor causes, and getters cost. */
const asked = (view: View, policy: Policy, classification: Classifier.Classification, origin: Origin): Subject =>
  policy === ExposurePolicy.contract || policy === ExposurePolicy.standard
    ? { identity: view.identity, classification, origin, metadata: noMetadata, causes: noCauses }
    : whole(view, classification, origin)

const noMetadata: Metadata = Object.freeze({})
const noCauses: ReadonlyArray<SourceFrame> = Object.freeze([])

/** A policy shares these with the snapshot, and the classification with the whole program. */
const whole = (view: View, classification: Classifier.Classification, origin: Origin): Subject =>
  Object.freeze<Subject>({
    identity: Object.freeze(view.identity),
    classification: Object.isFrozen(classification) ? classification : Object.freeze({ ...classification }),
    origin,
    get metadata() {
      return Object.freeze(view.root_metadata)
    },
    get causes() {
      for (const frame of view.source_frames) Object.freeze(Object.freeze(frame).metadata)
      return Object.freeze(view.source_frames)
    }
  })

interface Seen extends ErrorSnapshot {
  readonly defects: ReadonlyArray<unknown>
  readonly plain: () => ErrorSnapshot
}

/** Looks at an error. Total. */
export const view = (error: unknown, options: Options | undefined): Seen => {
  try {
    return new View(error, options)
  } catch (defect) {
    return { ...unreadable, defects: [defect], plain: () => adopt({ ...unreadable }) }
  }
}
