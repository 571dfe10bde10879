/** What one error is, in six fields: the part of it that other programs and dashboards may rely on. */
import { Cause, Schema } from "effect"
import { Category, Severity } from "../classification.ts"
import { detailOf } from "../failure/instance.ts"
import { isFailure, leafOf } from "../failure/model.ts"
import { joinPath, type OperationContext, ofError, ofReason, pathOf } from "../operation/Operation.ts"
import * as Reasons from "../reasons/Reasons.ts"
import { type Classification, classify, type Classify } from "./Classifier.ts"
import { isCause, messageOf } from "./reading.ts"

export { isCause, messageOf, typeOf } from "./reading.ts"

/** The six fields. */
export const Identity = Schema.Struct({
  /** Stable machine key, such as `biz.stock.unavailable`. */
  code: Schema.String,
  category: Category,
  /** Stable human summary. */
  reason: Schema.String,
  /** What happened this time. */
  detail: Schema.NullOr(Schema.String),
  /** Where in the source. */
  position: Schema.NullOr(Schema.String),
  /** What the program was doing, outermost operation first. */
  path: Schema.NullOr(Schema.String)
})
export type Identity = typeof Identity.Type

/**
 * A reason of a `Cause` as projections see it: the error it holds, what that error is, and what the program was doing.
 */
export interface Subject {
  readonly error: unknown
  readonly classification: Classification
  readonly contexts: ReadonlyArray<OperationContext>
}

const subjectOf = (error: unknown, contexts: ReadonlyArray<OperationContext>, own: Classify | undefined): Subject => ({
  error,
  classification: classify(error, own),
  contexts
})

/**
 * The reason that speaks for a whole `Cause`: the first typed failure; if there is none, the first defect; if there is
 * none, the interruption. An empty cause, which Effect makes only by hand, is a broken invariant.
 */
export const primary = (cause: Cause.Cause<unknown>, own?: Classify): Subject => {
  const fail = cause.reasons.find(Cause.isFailReason)
  if (fail !== undefined) return subjectOf(fail.error, ofReason(fail), own)
  const die = cause.reasons.find(Cause.isDieReason)
  if (die !== undefined) {
    const classification = isFailure(die.defect) ? classify(die.defect, own) : Reasons.LogicError.declared
    return { error: die.defect, classification, contexts: ofReason(die) }
  }
  const classification = cause.reasons.length > 0 ? Reasons.Cancelled.declared : Reasons.LogicError.declared
  return { error: undefined, classification, contexts: [] }
}

const worse = (one: Severity, other: Severity): Severity =>
  Severity.literals.indexOf(one) < Severity.literals.indexOf(other) ? other : one

/**
 * How bad a `Cause` is: as bad as the worst of its reasons, whichever of them speaks for it. A defect is at least an `Error`,
 * whatever it was declared to be: it was not to be thrown. A mere interruption is as bad as `Reasons.Cancelled`.
 *
 * @example
 * ```ts
 * import { Identity, Reasons } from "@holdfast/core"
 * import { Cause } from "effect"
 *
 * const cause = Cause.combine(Cause.fail(new Reasons.NotFound()), Cause.die(new Error("bug")))
 * Identity.fromCause(cause).code // => "biz.not_found"
 * Identity.severityOf(cause) // => "Error"
 * ```
 */
export const severityOf = (cause: Cause.Cause<unknown>, own?: Classify): Severity => {
  let worst = primary(cause, own).classification.severity
  for (const reason of cause.reasons) {
    if (Cause.isInterruptReason(reason)) continue
    if (Cause.isFailReason(reason)) worst = worse(worst, classify(reason.error, own).severity)
    else
      worst = worse(worse(worst, "Error"), isFailure(reason.defect) ? classify(reason.defect, own).severity : "Error")
  }
  return worst
}

const positionOf = (error: unknown): string | null => {
  const position: unknown = isFailure(error) ? leafOf(error).position : undefined
  return typeof position === "string" ? position : null
}

/** The identity of a subject. */
export const ofSubject = ({ classification, contexts, error }: Subject): Identity => ({
  code: classification.code,
  category: classification.category,
  reason: classification.reason,
  detail: isFailure(error) ? detailOf(error) : error === undefined ? null : messageOf(error),
  position: positionOf(error),
  path: joinPath(pathOf(contexts))
})

/** An error as the subject of a report. */
export const subject = (error: unknown, own?: Classify): Subject =>
  isCause(error) ? primary(error, own) : subjectOf(error, ofError(error), own)

/**
 * What an error is. Total: any value has an identity, a declared failure its own, a foreign error the one of its kind,
 * everything else `logic.unclassified`. Give the application's `Classifier` table as second argument to use it.
 *
 * @example
 * ```ts
 * import { Identity, Reasons } from "@holdfast/core"
 *
 * Identity.of(new Reasons.NotFound({ detail: "order 7" })).code // => "biz.not_found"
 * Identity.of(Object.assign(new Error("connect"), { code: "ECONNREFUSED" })).code // => "sys.network_error"
 * Identity.of("boom").code // => "logic.unclassified"
 * ```
 */
export const of = (error: unknown, own?: Classify): Identity => ofSubject(subject(error, own))

/** The identity of the reason that speaks for a `Cause` (see {@link primary}). */
export const fromCause = (cause: Cause.Cause<unknown>, own?: Classify): Identity => ofSubject(primary(cause, own))
