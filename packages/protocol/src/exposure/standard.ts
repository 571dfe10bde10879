import type { Classifier, Failure, GrpcCode, Severity } from "@holdfast/core"
import type { Alert, ExposureDecision, Origin, Policy } from "./decision.ts"

interface Row {
  readonly http: number
  readonly grpc: GrpcCode
}

const row = (http: number, grpc: GrpcCode): Row => ({ http, grpc })

/** Status by exact code, for classifications that do not declare their own. */
export const table: ReadonlyMap<string, Row> = new Map([
  ["biz.validation_error", row(422, "INVALID_ARGUMENT")],
  ["biz.business_error", row(409, "FAILED_PRECONDITION")],
  ["biz.run_rule_error", row(422, "FAILED_PRECONDITION")],
  ["biz.not_found", row(404, "NOT_FOUND")],
  ["biz.permission_denied", row(403, "PERMISSION_DENIED")],
  ["biz.unauthenticated", row(401, "UNAUTHENTICATED")],
  ["biz.conflict", row(409, "ABORTED")],
  ["biz.precondition_failed", row(412, "FAILED_PRECONDITION")],
  ["biz.payload_too_large", row(413, "OUT_OF_RANGE")],
  ["biz.rate_limited", row(429, "RESOURCE_EXHAUSTED")],
  ["sys.data_error", row(500, "DATA_LOSS")],
  ["sys.io_error", row(500, "INTERNAL")],
  ["sys.network_error", row(503, "UNAVAILABLE")],
  ["sys.resource_exhausted", row(503, "RESOURCE_EXHAUSTED")],
  ["sys.timeout", row(504, "DEADLINE_EXCEEDED")],
  ["sys.external_service_error", row(502, "UNAVAILABLE")],
  ["sys.circuit_open", row(503, "UNAVAILABLE")],
  ["sys.cancelled", row(499, "CANCELLED")],
  ["sys.unimplemented", row(501, "UNIMPLEMENTED")],
  ["logic.internal_invariant_broken", row(500, "INTERNAL")]
])

export const grpcOfStatus: ReadonlyMap<number, GrpcCode> = new Map([
  [400, "INVALID_ARGUMENT"],
  [401, "UNAUTHENTICATED"],
  [403, "PERMISSION_DENIED"],
  [404, "NOT_FOUND"],
  [409, "ABORTED"],
  [412, "FAILED_PRECONDITION"],
  [413, "OUT_OF_RANGE"],
  [422, "INVALID_ARGUMENT"],
  [429, "RESOURCE_EXHAUSTED"],
  [499, "CANCELLED"],
  [501, "UNIMPLEMENTED"],
  [502, "UNAVAILABLE"],
  [503, "UNAVAILABLE"],
  [504, "DEADLINE_EXCEEDED"]
])

/** What a caller reads about a failure that is none of its business. */
const titles: ReadonlyMap<number, string> = new Map([
  [400, "bad request"],
  [401, "not authenticated"],
  [403, "not permitted"],
  [404, "not found"],
  [409, "conflict"],
  [410, "gone"],
  [412, "precondition failed"],
  [413, "too large"],
  [422, "not valid"],
  [429, "too many requests"],
  [499, "the request was cancelled"],
  [501, "not implemented"],
  [502, "a service this one depends on failed"],
  [503, "temporarily unavailable"],
  [504, "timed out"]
])

/** Alerts that do not follow from how bad one occurrence is. */
const alerts: ReadonlyMap<string, Alert> = new Map([
  ["biz.unauthenticated", "rate"],
  ["sys.external_service_error", "rate"]
])

const alertOf: Readonly<Record<Severity, Alert>> = {
  Trace: "never",
  Debug: "never",
  Info: "never",
  Warn: "rate",
  Error: "each",
  Fatal: "each"
}

/** What was thrown is a mistake in the program, however harmless it would be as an answer. */
const severityOf = ({ severity }: Classifier.Classification, origin: Origin): Severity =>
  origin === "defect" && severity !== "Fatal" ? "Error" : severity

const none: ReadonlyArray<string> = []

/** Nothing where nobody but clients has a hint. A failure of another copy of this package may know fewer audiences. */
const narrower = ({ developer = none, operator = none, partner = none }: Partial<Failure.Hints>) =>
  partner.length + operator.length + developer.length === 0
    ? undefined
    : {
        ...(partner.length === 0 ? {} : { partner }),
        ...(operator.length === 0 ? {} : { operator }),
        ...(developer.length === 0 ? {} : { developer })
      }

/**
 * The rich policy. Status, gRPC code, visibility, retries and hints come from the declaration; what it leaves open comes from the
 * code, then from category and retryability. Each audience reads its own hints, and a client reads a generic title where
 * the contract would show the internal reason. Configuration is nobody's business outside: it leaves as `INTERNAL`. How
 * bad it is comes from the declaration, at least `Error` for a defect, and whom to wake from that: nobody up to `Info`, at a
 * raised rate for `Warn`, every time for `Error` and `Fatal`.
 */
export const standard: Policy = ({ classification, identity, origin }): ExposureDecision => {
  const { category } = identity
  const known = table.get(identity.code)
  const repeatable = classification.retry !== "never"
  const declared = classification.http ?? known?.http ?? (category === "biz" ? 400 : repeatable ? 503 : 500)
  // Whatever it was declared to be, thrown it is not the caller's fault.
  const http_status = origin === "defect" ? Math.max(500, declared) : declared
  // What nobody declared was written for nobody in particular.
  const isPublic = origin === "failure" && classification.visibility === "public"
  const grpc_code =
    category === "conf"
      ? "INTERNAL"
      : (classification.grpc ?? known?.grpc ?? grpcOfStatus.get(http_status) ?? "INTERNAL")
  const audience_hints = narrower(classification.hints)
  const severity = severityOf(classification, origin)
  return {
    http_status,
    visibility: isPublic ? "public" : "internal",
    default_hints: classification.hints.client,
    retryable: repeatable,
    ...(audience_hints === undefined ? {} : { audience_hints }),
    ...(isPublic
      ? {}
      : { title: titles.get(http_status) ?? (http_status < 500 ? "request refused" : "internal error") }),
    grpc_code,
    severity,
    alert: alerts.get(identity.code) ?? alertOf[severity],
    metric_labels: { "error.type": identity.code, "error.category": category }
  }
}
