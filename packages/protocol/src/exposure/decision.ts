import {
  type Classifier,
  GrpcCode,
  type Identity,
  type Operation,
  type Report,
  Severity,
  Visibility
} from "@holdfast/core"
import { Schema } from "effect"

const hints = Schema.Array(Schema.String)

/** Hints that not everybody reads: each audience reads its own and those of the audiences before it. */
export const AudienceHints = Schema.Struct({
  partner: Schema.optionalKey(hints),
  operator: Schema.optionalKey(hints),
  developer: Schema.optionalKey(hints)
})
export type AudienceHints = typeof AudienceHints.Type

/** Whom to wake: nobody, somebody when there are more of them than usual, somebody every time. */
export const Alert = Schema.Literals(["never", "rate", "each"])
export type Alert = typeof Alert.Type

/** What the outside may learn about a failure, and what it should do about it. */
export const ExposureDecision = Schema.Struct({
  /** The HTTP status, 400 to 599. */
  http_status: Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 599 })),
  /** Whether the detail may be shown to the caller. */
  visibility: Visibility,
  /** What a person can do about it, as every projection shows it. */
  default_hints: hints,
  /** Whether the same request may succeed when it is sent again. */
  retryable: Schema.Boolean,
  /** Hints for those who may read more than a client. Absent: none. */
  audience_hints: Schema.optionalKey(AudienceHints),
  /** What a client reads in place of the reason when the failure is internal. Absent: the reason. */
  title: Schema.optionalKey(Schema.String),
  /** The gRPC status. Absent: derived from the HTTP status. */
  grpc_code: Schema.optionalKey(GrpcCode),
  /** How bad one occurrence is. Absent: the policy does not say. */
  severity: Schema.optionalKey(Severity),
  /** Whom to wake. Absent: the policy does not say. */
  alert: Schema.optionalKey(Alert),
  /** Labels for metrics: few names, and values from a bounded set. Absent: the policy does not say. */
  metric_labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
export type ExposureDecision = typeof ExposureDecision.Type

/** How an error came about that is no declared failure; see {@link Origin}. */
export const Undeclared = Schema.Literals(["foreign", "defect", "interruption"])
export type Undeclared = typeof Undeclared.Type

/**
 * How the error came about: `failure` was declared and raised; `foreign` is in the error channel, and nobody declared it;
 * `defect` was thrown or died; `interruption` is no error at all.
 */
export type Origin = "failure" | Undeclared

/**
 * What a policy may look at. Secrets are already gone from it, so no decision can carry one out. It is frozen: a policy that
 * writes to it is broken.
 */
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
export const closed: ExposureDecision = Object.freeze<ExposureDecision>({
  http_status: 500,
  visibility: "internal",
  default_hints: Object.freeze([]),
  retryable: false
})
