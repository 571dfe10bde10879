import { Predicate } from "effect"
import type { ProblemDetails } from "effect/http/ProblemDetails"
import type { Occurrence } from "../snapshot/schema.ts"
import { carriedFor, readerOf } from "./carry.ts"
import { detailFor, hintsFor, type Options, readsDetail, reasonFor, snapshotOf } from "./input.ts"

/** How problem details are made. */
export interface ProblemOptions extends Options {
  /** The beginning of the type URI, to which the code is appended. Default: none, and the type is `about:blank`. */
  readonly typeBase?: string
  /** URI of this occurrence. Default: `urn:occurrence:` and the id of a snapshot that is stamped, else none. */
  readonly instance?: string
}

// What a URI may hold, and a `%` that begins no escape.
const unfit = /%(?![\da-f]{2})|[^\w\-.~:/?#[\]@!$&'()*+,;=%]+/gi

/** A text as part of a URI: whatever may not stand in one is percent-encoded. */
const uri = (text: string): string => text.toWellFormed().replace(unfit, encodeURIComponent)

/** A name for the occurrence that is a URI and no address: nothing can be fetched there. */
const instanceOf = (occurrence: Occurrence | undefined): string | undefined =>
  occurrence === undefined ? undefined : `urn:occurrence:${encodeURIComponent(occurrence.id.toWellFormed())}`

/**
 * The failure as RFC 9457 problem details, ready for Effect's `ProblemDetails.toResponse`. The detail is there only if the
 * audience may read it; `code`, `category`, `visibility`, `retryable` and `hints` are extensions, as are `retry_after_ms`,
 * `violations`, `trace_id` and `failure` (if carried) where there is something to say.
 *
 * With `about:blank` the title stays the reason, where RFC 9457 would have the phrase of the status: that says nothing that the
 * status does not.
 *
 * - `typeBase`: the beginning of the type URI. Default: none, and the type is `about:blank`. `instance`: URI of this
 *   occurrence. Default: `urn:occurrence:` and the id of a stamped snapshot. `audience`: default `client`. `carry`: default
 *   none. What may not stand in a URI is percent-encoded.
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
  const audience = options?.audience ?? "client"
  const { decision, identity, occurrence, retry_after_ms, violations } = snapshot
  const detail = detailFor(snapshot, audience)
  const instance = Predicate.isString(options?.instance) ? uri(options.instance) : instanceOf(occurrence)
  return {
    type: Predicate.isString(options?.typeBase)
      ? uri(options.typeBase) + encodeURIComponent(identity.code)
      : "about:blank",
    title: reasonFor(snapshot, audience),
    status: decision.http_status,
    ...(detail === null ? {} : { detail }),
    ...(instance === undefined ? {} : { instance }),
    code: identity.code,
    category: identity.category,
    visibility: decision.visibility,
    retryable: decision.retryable,
    hints: hintsFor(snapshot, audience),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    ...(violations !== undefined && readsDetail(snapshot, audience) ? { violations } : {}),
    ...(occurrence?.trace_id === undefined ? {} : { trace_id: occurrence.trace_id }),
    ...readerOf(audience),
    ...carriedFor(snapshot, options?.carry)
  }
}
