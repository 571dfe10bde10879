import { type GrpcCode, Report } from "@holdfast/core"
import { Predicate } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { carriedFor, readerOf } from "../projection/carry.ts"
import {
  hintsFor,
  isInside,
  isPublic,
  messageFor,
  type Options,
  readsDetail,
  reasonFor,
  snapshotOf
} from "../projection/input.ts"
import { look } from "../look.ts"
import { reportOf } from "../snapshot/redact.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { cut, truncated } from "../text.ts"
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
  /**
   * How much room the three trailers may take together, as HTTP/2 counts it: names, values, and 32 for each. Details are dropped
   * until they fit. Default: 8192 bytes. Range: 1024 to 65536, which is as much as a decoder reads; anything else is the nearest
   * of these.
   */
  readonly budget?: number
}

/** A failure as gRPC sends it. */
export interface GrpcStatus {
  /** The number of the canonical code. */
  readonly code: number
  readonly status: GrpcCode
  /** What fits into `grpc-message`. The details may hold more of it. */
  readonly message: string
  /** A `google.rpc.Status` in protobuf. */
  readonly details: Uint8Array
  /** The three trailers of the response, as text. */
  readonly trailers: Readonly<Record<"grpc-status" | "grpc-message" | "grpc-status-details-bin", string>>
}

const least = 1024
const room = 8192
const most = 65_536
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

/** Whether the text is a detail, where comparing it with the title would give the wrong answer. */
const marked = (hasDetail: boolean, text: string, title: string): Readonly<Record<string, string>> =>
  hasDetail === (text !== title) ? {} : { has_detail: String(hasDetail) }

/**
 * What is left of the first detail where its names alone are too long: the code, and what cannot be told from it. As many
 * characters as a code may have fit into the least budget.
 */
const named = ({ decision, identity }: ErrorSnapshot.ErrorSnapshot): Uint8Array =>
  any("ErrorInfo", (w) => {
    w.text(1, reasonOf(identity.code))
    w.message(3, entry("code", identity.code))
    w.message(3, entry("visibility", decision.visibility))
    w.message(3, entry("retryable", String(decision.retryable)))
  })

/** All details, the ones that are dropped first at the end. */
const detailsOf = (
  text: string,
  snapshot: ErrorSnapshot.ErrorSnapshot,
  options: GrpcOptions
): ReadonlyArray<() => Uint8Array | undefined> => {
  const { decision, identity, retry_after_ms, violations } = snapshot
  const audience = options.audience ?? "client"
  const hints = hintsFor(snapshot, audience)
  const { failure } = carriedFor(snapshot, options.carry)
  const info = (carried: boolean) => () =>
    any("ErrorInfo", (w) => {
      w.text(1, reasonOf(identity.code)).text(
        2,
        cut(Predicate.isString(options.domain) ? options.domain : "holdfast", short)
      )
      const title = cut(reasonFor(snapshot, audience), short)
      const metadata: Record<string, string> = {
        code: identity.code,
        category: identity.category,
        title,
        http_status: String(decision.http_status),
        visibility: decision.visibility,
        retryable: String(decision.retryable),
        ...readerOf(audience),
        ...(isPublic(snapshot) ? marked(identity.detail !== null, text, title) : {}),
        ...(carried && failure !== undefined ? { failure: JSON.stringify(failure) } : {})
      }
      for (const [key, value] of Object.entries(metadata)) w.message(3, entry(key, value))
    })
  return [
    info(true),
    () =>
      retry_after_ms === undefined
        ? undefined
        : any("RetryInfo", (w) => {
            const nanos = Math.round(retry_after_ms * 1e6)
            w.message(1, (d) => d.int(1, Math.floor(nanos / 1e9)).int(2, nanos % 1e9))
          }),
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
      const translated = look(() => ErrorSnapshot.localize(snapshot, { audience, ...options.localization! }), undefined)
      const { locale, snapshot: localized } = translated ?? { locale: undefined, snapshot }
      return locale === undefined
        ? undefined
        : any("LocalizedMessage", (w) => w.text(1, locale).text(2, reasonFor(localized, audience)))
    },
    () =>
      !Predicate.isString(options.requestId)
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

const statusOf = (code: number, text: string, details: ReadonlyArray<Uint8Array>): Uint8Array =>
  message((w) => {
    w.int(1, code).text(2, text)
    for (const detail of details) w.bytes(3, detail)
  })

const base64 = (bytes: Uint8Array): string => Base64.encode(bytes).replace(/=+$/, "")

/** `grpc-message` takes printable ASCII; the rest is percent-encoded. */
const percent = (text: string): string =>
  text.replace(/[^\x20-\x24\x26-\x7e]+/g, (part) => encodeURIComponent(part.toWellFormed()))

/** As much of a text as takes no more than `limit` characters when it is percent-encoded. */
const cutEncoded = (text: string, limit: number): string => {
  let left = limit - percent(text).length
  if (left >= 0) return text
  left = limit - percent(truncated).length
  let taken = ""
  for (const char of text) {
    left -= percent(char).length
    if (left < 0) break
    taken += char
  }
  return taken + truncated
}

type Sent = Pick<GrpcStatus, "details" | "message" | "trailers">

const sent = (code: number, text: string, limit: number, details: ReadonlyArray<Uint8Array>): Sent => {
  const bytes = statusOf(code, text, details)
  const short = cutEncoded(text, limit)
  return {
    message: short,
    details: bytes,
    trailers: {
      "grpc-status": String(code),
      "grpc-message": percent(short),
      "grpc-status-details-bin": base64(bytes)
    }
  }
}

/** As HTTP/2 counts a list of headers. */
const sizeOf = ({ trailers }: Sent): number =>
  Object.entries(trailers).reduce((size, [name, value]) => size + name.length + value.length + 32, 0)

/**
 * As many details as fit: what is for debugging goes first, then help, the request, the translation; then what is carried, so
 * that these have room again; then the violations, the pause; then most of the text; then all names but the code.
 */
const fitting = (code: number, snapshot: ErrorSnapshot.ErrorSnapshot, options: GrpcOptions): Sent => {
  const budget = Math.min(most, Math.max(least, Predicate.isNumber(options.budget) ? options.budget || room : room))
  const text = cut(messageFor(snapshot, options.audience ?? "client"), maxMessage)
  const all = detailsOf(text, snapshot, options)
  const [info, ...others] = all.slice(0, -1).map((make) => make())
  const among = (first: Uint8Array, counts: ReadonlyArray<number>): Sent | undefined => {
    for (const kept of counts) {
      const details = [first, ...others.slice(0, kept).filter((of) => of !== undefined)]
      const status = sent(code, text, maxMessage, details)
      if (sizeOf(status) <= budget) return status
    }
    return undefined
  }
  const fits = among(info!, [others.length, 5, 4, 3, 2])
  if (fits !== undefined) return fits
  const bare = all.at(-1)!()!
  const found = among(bare, [others.length, 5, 4, 3, 2, 1, 0])
  if (found !== undefined) return found
  const shortest = cutEncoded(text, short)
  const smaller = [[bare], [named(snapshot)]].map((details) => sent(code, shortest, short, details))
  return smaller.find((status) => sizeOf(status) <= budget) ?? sent(code, shortest, short, [])
}

/**
 * The failure as a gRPC status: the canonical code, the text a caller may read, and `google.rpc.Status` with `ErrorInfo`,
 * `RetryInfo`, `BadRequest`, `LocalizedMessage`, `RequestInfo` and `Help` where there is something to say. `DebugInfo` is for
 * operators and developers only.
 *
 * - `audience`: who reads it. Default: `client`. `carry`: default none. `domain`: default `holdfast`. `requestId`, `helpBase`,
 *   `localization`: default none. `budget`: characters of the trailers. Default: 8192. Range: 1024 to 65536. Code and
 *   text are always there.
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
  return { code, status, ...fitting(code, snapshot, options) }
}
