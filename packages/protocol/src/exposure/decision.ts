import { type Classifier, GrpcCode, type Identity, type Operation, type Report, Visibility } from "@holdfast/core"
import { Schema } from "effect"

/** What the outside may learn about a failure, and what it should do about it. */
export const ExposureDecision = Schema.Struct({
  /** The HTTP status, 400 to 599. */
  http_status: Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 599 })),
  /** Whether the detail may be shown to the caller. */
  visibility: Visibility,
  /** What a person can do about it, as every projection shows it. */
  default_hints: Schema.Array(Schema.String),
  /** Whether the same request may succeed when it is sent again. */
  retryable: Schema.Boolean,
  /** Hints for operators only: the CLI and the log show them, HTTP and RPC never do. Absent: none. */
  operator_hints: Schema.optionalKey(Schema.Array(Schema.String)),
  /** What the caller reads in place of the reason when the failure is internal. Absent: the reason. */
  title: Schema.optionalKey(Schema.String),
  /** The gRPC status. Absent: derived from the HTTP status. */
  grpc_code: Schema.optionalKey(GrpcCode)
})
export type ExposureDecision = typeof ExposureDecision.Type

/**
 * How the error came about: `failure` was declared and raised; `foreign` is in the error channel, and nobody declared it;
 * `defect` was thrown or died; `interruption` is no error at all.
 */
export type Origin = "failure" | "foreign" | "defect" | "interruption"

/** What a policy may look at. Secrets are already gone from it, so no decision can carry one out. */
export interface Subject {
  readonly identity: Identity.Identity
  /** The declaration of the failure, or its stand-in for an error that nobody declared. */
  readonly classification: Classifier.Classification
  readonly origin: Origin
  /** The metadata of all operations around the failure. */
  readonly metadata: Readonly<Record<string, Operation.MetadataValue>>
  /** What went wrong underneath, nearest first. */
  readonly causes: ReadonlyArray<Report.Frame>
}

/** Decides what the outside may learn about one failure. */
export type Policy = (subject: Subject) => ExposureDecision

/** What a failure gets when its policy failed: nothing leaves. */
export const closed: ExposureDecision = {
  http_status: 500,
  visibility: "internal",
  default_hints: [],
  retryable: false
}
