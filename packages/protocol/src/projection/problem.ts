import type { ProblemDetails } from "effect/http/ProblemDetails"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { carriedFor, isPublic, reasonFor, snapshotOf } from "./input.ts"

/** How problem details are made. */
export interface ProblemOptions extends ErrorSnapshot.Options {
  /** The beginning of the type URI, to which the code is appended. Default: none, and the type is `about:blank`. */
  readonly typeBase?: string
  /** URI of this occurrence. Default: none. */
  readonly instance?: string
}

/**
 * The failure as RFC 9457 problem details, ready for Effect's `ProblemDetails.toResponse`. The detail is there only if it
 * is public; `code`, `category`, `retryable` and `hints` are extensions, as are `retry_after_ms`, `violations` (if public) and `failure` (if
 * carried) where there is something to say.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * const problem = Projection.toProblem(new Reasons.NotFound({ detail: "order 7" }), {
 *   typeBase: "https://errors.example.org/"
 * })
 * problem.type // => "https://errors.example.org/biz.not_found"
 * problem.detail // => "order 7"
 * ```
 */
export const toProblem = (input: unknown, options?: ProblemOptions): ProblemDetails => {
  const snapshot = snapshotOf(input, options)
  const { decision, identity } = snapshot
  return {
    type: options?.typeBase === undefined ? "about:blank" : options.typeBase + encodeURIComponent(identity.code),
    title: reasonFor(snapshot),
    status: decision.http_status,
    ...(isPublic(snapshot) && identity.detail !== null ? { detail: identity.detail } : {}),
    ...(options?.instance === undefined ? {} : { instance: options.instance }),
    code: identity.code,
    category: identity.category,
    retryable: decision.retryable,
    hints: decision.default_hints,
    ...(snapshot.retry_after_ms === undefined ? {} : { retry_after_ms: snapshot.retry_after_ms }),
    ...(isPublic(snapshot) && snapshot.violations !== undefined ? { violations: snapshot.violations } : {}),
    ...carriedFor(snapshot, options)
  }
}
