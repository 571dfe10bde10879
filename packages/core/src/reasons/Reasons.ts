/**
 * The universal reasons: failures that every program meets, declared once here. Use one as it is when its name says all
 * there is to say; declare your own with `Failure.Tagged` when the caller should be able to tell it apart.
 */
import { Duration, Schema } from "effect"
import * as Failure from "../failure/Failure.ts"

/** The input does not satisfy the rules it is held to. */
export class ValidationError extends Failure.Tagged<ValidationError>()(
  "ValidationError",
  {},
  { code: "biz.validation_error", http: 422, grpc: "INVALID_ARGUMENT" }
) {}

/** A rule of the business refuses what was asked. */
export class BusinessError extends Failure.Tagged<BusinessError>()(
  "BusinessError",
  {},
  { code: "biz.business_error", reason: "business logic error", http: 409, grpc: "FAILED_PRECONDITION" }
) {}

/** A rule that the user wrote could not be applied. */
export class RuleError extends Failure.Tagged<RuleError>()(
  "RuleError",
  {},
  { code: "biz.run_rule_error", reason: "run rule error", http: 422, grpc: "FAILED_PRECONDITION" }
) {}

/** What was asked for does not exist. */
export class NotFound extends Failure.Tagged<NotFound>()(
  "NotFound",
  {},
  { code: "biz.not_found", reason: "not found error", http: 404, grpc: "NOT_FOUND" }
) {}

/** The caller is known and may not do this. */
export class PermissionDenied extends Failure.Tagged<PermissionDenied>()(
  "PermissionDenied",
  {},
  { code: "biz.permission_denied", reason: "permission error", severity: "Warn", http: 403, grpc: "PERMISSION_DENIED" }
) {}

/** The caller is not known. */
export class Unauthenticated extends Failure.Tagged<Unauthenticated>()(
  "Unauthenticated",
  {},
  { code: "biz.unauthenticated", http: 401, grpc: "UNAUTHENTICATED" }
) {}

/** Somebody else changed the same thing first. */
export class Conflict extends Failure.Tagged<Conflict>()(
  "Conflict",
  {},
  { code: "biz.conflict", http: 409, grpc: "ABORTED" }
) {}

/** The thing is not in the state that the request takes for granted. */
export class PreconditionFailed extends Failure.Tagged<PreconditionFailed>()(
  "PreconditionFailed",
  {},
  { code: "biz.precondition_failed", http: 412, grpc: "FAILED_PRECONDITION" }
) {}

/** The request is larger than what is accepted. */
export class PayloadTooLarge extends Failure.Tagged<PayloadTooLarge>()(
  "PayloadTooLarge",
  {},
  { code: "biz.payload_too_large", http: 413, grpc: "OUT_OF_RANGE" }
) {}

/** The caller asks more often than agreed. */
export class RateLimited extends Failure.Tagged<RateLimited>()(
  "RateLimited",
  {},
  {
    health: "ignored",
    code: "biz.rate_limited",
    retry: "throttled",
    severity: "Warn",
    http: 429,
    grpc: "RESOURCE_EXHAUSTED"
  }
) {}

/** Stored or received data cannot be what it claims to be. */
export class DataError extends Failure.Tagged<DataError>()(
  "DataError",
  {},
  { code: "sys.data_error", grpc: "DATA_LOSS" }
) {}

/** The operating system refused: disk, file, device. */
export class SystemError extends Failure.Tagged<SystemError>()(
  "SystemError",
  {},
  {
    code: "sys.io_error",
    reason: "system error",
    grpc: "INTERNAL",
    hints: { operator: ["check filesystem state", "verify file permissions"] }
  }
) {}

/** The network refused or broke. */
export class NetworkError extends Failure.Tagged<NetworkError>()(
  "NetworkError",
  {},
  {
    code: "sys.network_error",
    retry: "transient",
    http: 503,
    grpc: "UNAVAILABLE",
    hints: { operator: ["check network connectivity", "retry the request"] }
  }
) {}

/** Memory, disk, connections or a quota are used up. */
export class ResourceExhausted extends Failure.Tagged<ResourceExhausted>()(
  "ResourceExhausted",
  {},
  {
    code: "sys.resource_exhausted",
    reason: "resource error",
    retry: "throttled",
    severity: "Error",
    http: 503,
    grpc: "RESOURCE_EXHAUSTED"
  }
) {}

/** It took longer than it was given. */
export class Timeout extends Failure.Tagged<Timeout>()(
  "Timeout",
  {
    /** How long it was given. */
    after: Schema.optionalKey(Schema.DurationFromMillis),
    /** What took too long. */
    operation: Schema.optionalKey(Schema.String)
  },
  {
    code: "sys.timeout",
    reason: "timeout error",
    detail: ({ after, operation }) =>
      after === undefined ? (operation ?? "") : `${operation ?? "no answer"} after ${Duration.format(after)}`,

    retry: "transient",
    http: 504,
    grpc: "DEADLINE_EXCEEDED",
    hints: { operator: ["retry later", "inspect downstream service latency"] }
  }
) {}

/**
 * The time for everything together is over; there is none left for this. Says nothing about whoever was called, and trying
 * again within the same deadline cannot help.
 */
export class DeadlineExceeded extends Failure.Tagged<DeadlineExceeded>()(
  "DeadlineExceeded",
  {
    /** How long was left when it began. */
    after: Schema.optionalKey(Schema.DurationFromMillis),
    /** What ran out of time. */
    operation: Schema.optionalKey(Schema.String)
  },
  {
    code: "sys.deadline_exceeded",
    health: "ignored",
    detail: ({ after, operation }) =>
      after === undefined ? (operation ?? "") : `${operation ?? "no answer"} after ${Duration.format(after)}`,
    severity: "Warn",
    http: 504,
    grpc: "DEADLINE_EXCEEDED"
  }
) {}

/** Another service failed in a way of its own. */
export class ExternalServiceError extends Failure.Tagged<ExternalServiceError>()(
  "ExternalServiceError",
  {},
  { code: "sys.external_service_error", severity: "Error", http: 502, grpc: "UNAVAILABLE" }
) {}

/** Somebody gave up waiting, and the work was stopped. */
export class Cancelled extends Failure.Tagged<Cancelled>()(
  "Cancelled",
  {},
  { health: "ignored", code: "sys.cancelled", severity: "Debug", http: 499, grpc: "CANCELLED" }
) {}

/** Nobody has built this yet. */
export class Unimplemented extends Failure.Tagged<Unimplemented>()(
  "Unimplemented",
  {},
  { code: "sys.unimplemented", http: 501, grpc: "UNIMPLEMENTED" }
) {}

/** A circuit breaker refused the call because its dependency is failing. `retryAfter` says when the next try is due. */
export class CircuitOpen extends Failure.Tagged<CircuitOpen>()(
  "CircuitOpen",
  {
    /** Name of the breaker. */
    circuit: Schema.String,
    /** Which of its circuits, if it has one for each key. */
    key: Schema.optionalKey(Schema.String),
    /** `open`: failing; `half_open`: all probes are taken; `isolated`: closed to traffic by hand. */
    state: Schema.Literals(["open", "half_open", "isolated"])
  },
  {
    health: "ignored",
    code: "sys.circuit_open",
    reason: "circuit open",
    detail: ({ circuit, key, state }) =>
      `${key === undefined ? circuit : `${circuit} for ${key}`} is ${state.replace("_", " ")}`,
    retry: "throttled",
    http: 503,
    grpc: "UNAVAILABLE"
  }
) {}

/** A bulkhead refused the call because as many as it allows are running and waiting. */
export class BulkheadFull extends Failure.Tagged<BulkheadFull>()(
  "BulkheadFull",
  { bulkhead: Schema.String },
  {
    health: "ignored",
    code: "sys.bulkhead_full",
    detail: ({ bulkhead }) => `${bulkhead} is full`,
    retry: "throttled",
    http: 503,
    grpc: "RESOURCE_EXHAUSTED"
  }
) {}

/** Every allowed attempt failed. The last failure is its `cause`. */
export class RetriesExhausted extends Failure.Tagged<RetriesExhausted>()(
  "RetriesExhausted",
  {
    attempts: Schema.Int,
    /** From the start of the first attempt to the end of the last. */
    elapsed: Schema.DurationFromMillis,
    /** Which limit ended it. */
    limit: Schema.Literals(["attempts", "elapsed", "deadline", "budget"]),
    /** Code of the last failure, which stays when the failure itself, the `cause`, cannot come along. */
    last: Schema.optionalKey(Schema.String)
  },
  {
    code: "sys.retries_exhausted",
    detail: ({ attempts, limit }) =>
      `failed after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}${limit === "attempts" ? "" : ` (${limit})`}`,
    severity: "Error",
    http: 503,
    grpc: "UNAVAILABLE"
  }
) {}

/** The program's base configuration is wrong. */
export class CoreConfigInvalid extends Failure.Tagged<CoreConfigInvalid>()(
  "CoreConfigInvalid",
  {},
  {
    code: "conf.core_invalid",
    reason: "configuration error << core config",
    grpc: "FAILED_PRECONDITION",
    hints: { operator: ["check configuration values", "validate config source"] }
  }
) {}

/** The configuration of one feature is wrong. */
export class FeatureConfigInvalid extends Failure.Tagged<FeatureConfigInvalid>()(
  "FeatureConfigInvalid",
  {},
  {
    code: "conf.feature_invalid",
    reason: "configuration error << feature config error",
    grpc: "FAILED_PRECONDITION",
    hints: { operator: ["check configuration values", "validate config source"] }
  }
) {}

/** Configuration that arrived while the program runs is wrong. */
export class DynamicConfigInvalid extends Failure.Tagged<DynamicConfigInvalid>()(
  "DynamicConfigInvalid",
  {},
  {
    code: "conf.dynamic_invalid",
    reason: "configuration error << dynamic config error",
    grpc: "FAILED_PRECONDITION",
    hints: { operator: ["check configuration values", "validate config source"] }
  }
) {}

/** The program contradicts itself. What a defect is reported as. */
export class LogicError extends Failure.Tagged<LogicError>()(
  "LogicError",
  {},
  { code: "logic.internal_invariant_broken", reason: "BUG :logic error", grpc: "INTERNAL" }
) {}

/** A value in the error channel that nobody declared and no classifier knows. */
export class Unclassified extends Failure.Tagged<Unclassified>()(
  "Unclassified",
  {},
  { code: "logic.unclassified", reason: "unclassified error", grpc: "UNKNOWN" }
) {}
