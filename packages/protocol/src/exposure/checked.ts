import { GrpcCode, Severity } from "@holdfast/core"
import { Alert, type AudienceHints, type ExposureDecision } from "./decision.ts"

const most = 16
const maxText = 512

const text = (what: string, value: unknown): string => {
  if (typeof value !== "string") throw new TypeError(`${what} is no text`)
  return value.length <= maxText && value.isWellFormed() ? value : value.slice(0, maxText).toWellFormed()
}

const none: ReadonlyArray<string> = Object.freeze([])

const texts = (value: unknown): ReadonlyArray<string> => {
  if (!Array.isArray(value)) throw new TypeError("hints are no list")
  if (value.length === 0) return none
  return value.slice(0, most).map((hint: unknown) => text("a hint", hint))
}

const audienceHints = ({ developer, operator, partner }: AudienceHints): AudienceHints => ({
  ...(partner === undefined ? {} : { partner: texts(partner) }),
  ...(operator === undefined ? {} : { operator: texts(operator) }),
  ...(developer === undefined ? {} : { developer: texts(developer) })
})

const isLabel = (value: unknown): boolean =>
  typeof value === "string" && value.length <= maxText && value.isWellFormed()

const labels = (given: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const names = Object.keys(given)
  return names.length <= most && names.every((name) => isLabel(name) && isLabel(given[name])) ? given : limited(given)
}

const limited = (given: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  // Not by assignment: a key called __proto__ is a key.
  Object.fromEntries(
    Object.entries(given)
      .slice(0, most)
      .map(([name, value]) => [text("a label", name), text("a label", value)])
  )

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

const isStatus = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599

/** The decision as it may be used: every member there and of its kind, in declared order, nothing else. Throws at any other. */
export const checked = (decision: ExposureDecision): ExposureDecision => {
  const { default_hints, http_status, retryable, visibility } = decision
  if (!isStatus(http_status)) throw new TypeError(`${String(http_status)} is no error status`)
  if (visibility !== "public" && visibility !== "internal") throw new TypeError("no such visibility")
  if (typeof retryable !== "boolean") throw new TypeError("retryable is no boolean")
  const { alert, audience_hints, grpc_code, metric_labels, severity, title } = decision
  if (grpc_code !== undefined && !GrpcCode.literals.includes(grpc_code)) throw new TypeError("no such gRPC code")
  if (severity !== undefined && !Severity.literals.includes(severity)) throw new TypeError("no such severity")
  if (alert !== undefined && !Alert.literals.includes(alert)) throw new TypeError("no such alert")
  // One member after the other: this is done for every failure that leaves.
  const result: Mutable<ExposureDecision> = { http_status, visibility, default_hints: texts(default_hints), retryable }
  if (audience_hints !== undefined) result.audience_hints = audienceHints(audience_hints)
  if (title !== undefined) result.title = text("title", title)
  if (grpc_code !== undefined) result.grpc_code = grpc_code
  if (severity !== undefined) result.severity = severity
  if (alert !== undefined) result.alert = alert
  if (metric_labels !== undefined) result.metric_labels = labels(metric_labels)
  return result
}
