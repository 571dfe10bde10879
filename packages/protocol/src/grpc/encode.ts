import { type GrpcCode, Report } from "@holdfast/core"
import * as Base64 from "effect/encoding/Base64"
import { carriedFor } from "../projection/carry.ts"
import {
  hintsFor,
  isInside,
  messageFor,
  type Options,
  readsDetail,
  reasonFor,
  reportOf,
  snapshotOf
} from "../projection/input.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { cut } from "../text.ts"
import { codeOf, numbers } from "./codes.ts"
import { message, type Writer } from "./protobuf.ts"

/** How a gRPC status is made. */
export interface GrpcOptions extends Options {
  /** Who speaks, for `ErrorInfo.domain`: a name such as `orders.example.org`. Default: `holdfast`. */
  readonly domain?: string
  /** Name of the request, for `RequestInfo`. Default: none. */
  readonly requestId?: string
  /** The beginning of a page about the failure, to which the code is appended, for `Help`. Default: none. */
  readonly helpBase?: string
  /** Titles in the caller's language, for `LocalizedMessage`. Default: none. */
  readonly localization?: ErrorSnapshot.Localization
  /** How long `grpc-status-details-bin` may be. Details are dropped until it fits. Default: 8192 characters, at least 1024. */
  readonly budget?: number
}

/** A failure as gRPC sends it. */
export interface GrpcStatus {
  /** The number of the canonical code. */
  readonly code: number
  readonly status: GrpcCode
  readonly message: string
  /** A `google.rpc.Status` in protobuf. */
  readonly details: Uint8Array
  /** The three trailers of the response, as text. */
  readonly trailers: Readonly<Record<"grpc-status" | "grpc-message" | "grpc-status-details-bin", string>>
}

const least = 1024
const room = 8192
const maxMessage = 1024
const maxDebug = 4096
const short = 128

/** `biz.stock.unavailable` as `BIZ_STOCK_UNAVAILABLE`, at most 63 characters. */
export const reasonOf = (code: string): string => {
  const name = code.toUpperCase().replace(/[^A-Z0-9]+/g, "_")
  return name.slice(0, 63).replace(/^[^A-Z]+|_+$/g, "") || "UNKNOWN"
}

const any = (type: string, write: (writer: Writer) => void): Uint8Array =>
  message((w) => w.text(1, `type.googleapis.com/google.rpc.${type}`).bytes(2, message(write)))

const entry = (key: string, value: string) => (w: Writer) => void w.text(1, key).text(2, value)

/** All details, the ones that are dropped first at the end. */
const detailsOf = (
  snapshot: ErrorSnapshot.ErrorSnapshot,
  options: GrpcOptions
): ReadonlyArray<() => Uint8Array | undefined> => {
  const { decision, identity, retry_after_ms, violations } = snapshot
  const audience = options.audience ?? "client"
  const hints = hintsFor(snapshot, audience)
  const { failure } = carriedFor(snapshot, options.carry, audience)
  const info = (carried: boolean) => () =>
    any("ErrorInfo", (w) => {
      w.text(1, reasonOf(identity.code)).text(2, cut(options.domain ?? "holdfast", short))
      const metadata: Record<string, string> = {
        code: identity.code,
        category: identity.category,
        title: cut(reasonFor(snapshot, audience), short),
        http_status: String(decision.http_status),
        visibility: decision.visibility,
        retryable: String(decision.retryable),
        ...(carried && failure !== undefined ? { failure: JSON.stringify(failure) } : {})
      }
      for (const [key, value] of Object.entries(metadata)) w.message(3, entry(key, value))
    })
  return [
    info(true),
    () =>
      retry_after_ms === undefined
        ? undefined
        : any("RetryInfo", (w) =>
            w.message(1, (d) =>
              d.int(1, Math.floor(retry_after_ms / 1000)).int(2, Math.round((retry_after_ms % 1000) * 1e6))
            )
          ),
    () =>
      violations === undefined || !readsDetail(snapshot, audience)
        ? undefined
        : any("BadRequest", (w) => {
            for (const { code, message: text, path } of violations) {
              w.message(1, (v) => v.text(1, path).text(2, text).text(3, reasonOf(code)))
            }
          }),
    () => {
      if (options.localization === undefined) return undefined
      const { locale, snapshot: localized } = ErrorSnapshot.localize(snapshot, { audience, ...options.localization })
      return locale === undefined
        ? undefined
        : any("LocalizedMessage", (w) => w.text(1, locale).text(2, reasonFor(localized, audience)))
    },
    () =>
      options.requestId === undefined
        ? undefined
        : any("RequestInfo", (w) => w.text(1, cut(options.requestId!, short))),
    () =>
      hints.length === 0
        ? undefined
        : any("Help", (w) => {
            const url = options.helpBase === undefined ? "" : options.helpBase + encodeURIComponent(identity.code)
            for (const hint of hints) w.message(1, (l) => l.text(1, hint).text(2, url))
          }),
    () =>
      isInside(audience)
        ? any("DebugInfo", (w) => {
            if (identity.position !== null) w.text(1, identity.position)
            w.text(2, cut(Report.verbose(reportOf(snapshot)), maxDebug))
          })
        : undefined,
    // Not a detail: what takes the place of the first when its fields are too large.
    info(false)
  ]
}

/** Characters of the base64 form, without padding. */
const base64Length = (bytes: Uint8Array): number => Math.ceil((bytes.length * 4) / 3)

const statusOf = (code: number, text: string, details: ReadonlyArray<Uint8Array>): Uint8Array =>
  message((w) => {
    w.int(1, code).text(2, text)
    for (const detail of details) w.bytes(3, detail)
  })

/**
 * As many details as fit: what is for debugging goes first, then help, the request, the translation; then what is carried, so
 * that these have room again; then the violations, the pause.
 */
const fitting = (code: number, text: string, snapshot: ErrorSnapshot.ErrorSnapshot, options: GrpcOptions) => {
  const budget = Math.max(least, options.budget ?? room)
  const all = detailsOf(snapshot, options)
  const [info, ...others] = all.slice(0, -1).map((make) => make())
  const fits = (bytes: Uint8Array) => base64Length(bytes) <= budget
  for (const kept of [others.length, 5, 4, 3, 2]) {
    const status = statusOf(code, text, [info!, ...others.slice(0, kept).filter((of) => of !== undefined)])
    if (fits(status)) return status
  }
  const bare = all.at(-1)!()!
  for (const kept of [others.length, 5, 4, 3, 2, 1, 0]) {
    const status = statusOf(code, text, [bare, ...others.slice(0, kept).filter((of) => of !== undefined)])
    if (fits(status)) return status
  }
  return statusOf(code, cut(text, short), [bare])
}

/** `grpc-message` takes printable ASCII; the rest is percent-encoded. */
const percent = (text: string): string =>
  text.replace(/[^\x20-\x24\x26-\x7e]+/g, (part) => encodeURIComponent(part.toWellFormed()))

/**
 * The failure as a gRPC status: the canonical code, the text a caller may read, and `google.rpc.Status` with `ErrorInfo`,
 * `RetryInfo`, `BadRequest`, `LocalizedMessage`, `RequestInfo` and `Help` where there is something to say. `DebugInfo` is for
 * operators and developers only.
 *
 * - `audience`: who reads it. Default: `client`. `carry`: default none. `domain`: default `holdfast`. `requestId`, `helpBase`,
 *   `localization`: default none. `budget`: characters of the trailer. Default: 8192, at least 1024.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * const { code, message, trailers } = Projection.toGrpc(new Reasons.NotFound({ detail: "order 7" }))
 * code // => 5
 * message // => "order 7"
 * trailers["grpc-status"] // => "5"
 * ```
 */
export const toGrpc = (input: unknown, options: GrpcOptions = {}): GrpcStatus => {
  // A title may be filled with the failure's fields. Whether these go along is another question.
  const snapshot = snapshotOf(input, options.localization === undefined ? options : { carry: "public", ...options })
  const status = codeOf(snapshot)
  const code = numbers[status]
  const text = cut(messageFor(snapshot, options.audience ?? "client"), maxMessage)
  const details = fitting(code, text, snapshot, options)
  return {
    code,
    status,
    message: text,
    details,
    trailers: {
      "grpc-status": String(code),
      "grpc-message": percent(text),
      "grpc-status-details-bin": Base64.encode(details).replace(/=+$/, "")
    }
  }
}
