import { Schema } from "effect"

/**
 * Who owns the failure. The first segment of every code:
 *
 * - `biz`: the request is wrong or refused by a rule; the caller can act on it
 * - `conf`: the program was set up wrongly; an operator can act on it
 * - `logic`: the program is wrong; a developer can act on it
 * - `sys`: the world is out of order (network, disk, another service)
 */
export const Category = Schema.Literals(["biz", "conf", "logic", "sys"])
export type Category = typeof Category.Type

/** How bad one occurrence is. Effect's log levels, so that loggers and error reporters agree. */
export const Severity = Schema.Literals(["Trace", "Debug", "Info", "Warn", "Error", "Fatal"])
export type Severity = typeof Severity.Type

/** Whether the detail of a failure may be shown to the caller (`public`) or only to operators (`internal`). */
export const Visibility = Schema.Literals(["public", "internal"])
export type Visibility = typeof Visibility.Type

/**
 * Who reads about a failure. Each is cleared for what those before it may read:
 *
 * - `client`: whoever called; knows nothing of the inside, and need not
 * - `partner`: a program of another house that was let in; tells failures apart by their reason
 * - `operator`: runs the program
 * - `developer`: wrote it
 */
export const Audience = Schema.Literals(["client", "partner", "operator", "developer"])
export type Audience = typeof Audience.Type

/**
 * Whether doing the same thing again can help:
 *
 * - `never`: the same call fails the same way
 * - `transient`: the call may succeed a moment later
 * - `throttled`: the callee asked for a pause; wait at least the failure's `retryAfter`
 */
export const Retryability = Schema.Literals(["never", "transient", "throttled"])
export type Retryability = typeof Retryability.Type

/**
 * What a failure says about the health of whoever was called, which is what a circuit breaker wants to know:
 *
 * - `failure`: it is not well
 * - `success`: it is well, it answered, and the answer was no
 * - `ignored`: it was not asked, or did not get to answer
 */
export const Health = Schema.Literals(["failure", "success", "ignored"])
export type Health = typeof Health.Type

/** The canonical gRPC status codes but `OK`, by name, in the order of their numbers from 1. */
export const GrpcCode = Schema.Literals([
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED"
])
export type GrpcCode = typeof GrpcCode.Type
