import { type Classifier, Failure, Identity, type Redaction, Report } from "@holdfast/core"
import { Cause, Predicate } from "effect"

/** What telemetry says about one error of a span. Redacted and capped; nothing else of the error may leave. */
export interface Description {
  /** The error itself, to know it again. */
  readonly error: unknown
  /** `exception.type`: the tag, else the class. */
  readonly type: string
  readonly message: string
  /** The lines of the stack, without the message; `""` for none. */
  readonly stack: string
}

/** What telemetry says about the failure of a span. */
export interface FailureDescription {
  readonly code: string
  readonly category: string
  readonly retry: string
  /** What the program was doing, outermost first. */
  readonly path: string | null
  /** What the failure is known to hold. */
  readonly secrets: Redaction.Secrets
  /** Primary error first. Never empty. */
  readonly errors: readonly [Description, ...ReadonlyArray<Description>]
}

export interface Settings {
  readonly redaction: Redaction.Policy
  readonly classify: Classifier.Classify
  readonly stacks: boolean
}

const maxType = 128
const maxMessage = 1024

const cut = (text: string, limit: number): string => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text)

const text = (value: unknown): string | undefined => (Predicate.isString(value) && value !== "" ? value : undefined)

/** The name of an error's kind. Anything can be thrown, so anything may be here: even what throws when it is looked at. */
const typeOf = (error: unknown): string => {
  try {
    if (Failure.isFailure(error)) return Failure.leafOf(error)._tag
    if (!Predicate.isObject(error)) return error === null ? "null" : typeof error
    const { _tag, name, constructor } = error as Record<string, unknown>
    const named = Predicate.hasProperty(constructor, "name") ? text(constructor.name) : undefined
    return cut(text(_tag) ?? text(name) ?? named ?? "Error", maxType)
  } catch {
    return "Error"
  }
}

const describeReport = (error: unknown, report: Report.Report, stacks: boolean): Description => {
  const { detail, reason } = report.identity
  const message = detail === null || detail === "" ? reason : Failure.isFailure(error) ? `${reason}: ${detail}` : detail
  return {
    error,
    type: typeOf(error),
    message: cut(message, maxMessage),
    stack: stacks ? (report.stack ?? "") : ""
  }
}

const errorOf = (reason: Cause.Fail<unknown> | Cause.Die): unknown =>
  Cause.isFailReason(reason) ? reason.error : reason.defect

/**
 * Describes a cause that is more than interruptions. An error that `known` has a description of is not described again: a
 * failure crosses many spans, and what may be shown of it has to be worked out only once.
 */
export const describe = (
  cause: Cause.Cause<unknown>,
  { classify, redaction, stacks }: Settings,
  known: (error: unknown) => Description | undefined
): FailureDescription => {
  const options = { redaction, classify }
  const { classification, contexts, error } = Identity.primary(cause, classify)
  const errors = cause.reasons.filter((reason) => !Cause.isInterruptReason(reason)).map(errorOf)
  const one = (each: unknown, report: () => Report.Report): Description =>
    known(each) ?? describeReport(each, report(), stacks)
  // The report of a whole cause is costly, and a failure crosses many spans: it is made at most once, and only if needed.
  let whole: Report.Report | undefined
  const report = (): Report.Report => (whole ??= Report.fromCause(cause, options))
  const secrets = Report.secretsOf(cause, redaction)
  // One of several failures may repeat what only another one knows.
  const knowing: Redaction.Policy =
    secrets.size === 0
      ? redaction
      : { ...redaction, text: (text, more) => redaction.text(secrets.cutFrom(text, redaction.mask), more) }
  // What was being done grows with every operation around it, so it is never known from another span.
  const path = contexts.length === 0 ? null : report().identity.path
  const { category, code, retry } = classification
  return {
    code,
    category,
    retry,
    secrets,
    path: path === null ? null : cut(path, maxMessage),
    errors: [
      one(error, report),
      ...errors
        .filter((each) => each !== error)
        .map((each) => one(each, () => Report.of(each, { redaction: knowing, classify })))
    ]
  }
}
