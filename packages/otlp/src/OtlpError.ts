/**
 * What can go wrong on the way to an OTLP receiver, and the exact rules by which an HTTP status, a gRPC status or a broken
 * connection becomes one of these failures. Retryability follows from the class: ask `Classifier.classify`.
 */
import { ConfigError, Failure, GrpcCode, InternalError, ProtocolError, TransportError } from "@holdfast/core"
import { Cause, Duration, Predicate, Schema } from "effect"

/**
 * Something answers at the endpoint, and it does not speak OTLP: a web page, a proxy's login form, another path. Trying
 * again does not help; correcting the endpoint does.
 */
export class NotAnOtlpReceiver extends Failure.Tagged<NotAnOtlpReceiver>()(
  "NotAnOtlpReceiver",
  { endpoint: Schema.String, status: Schema.Int },
  {
    code: "conf.not_an_otlp_receiver",
    reason: "not an OTLP receiver",
    detail: ({ endpoint, status }) => `${endpoint} answered ${status} as no OTLP receiver does`,
    hints: { operator: ["check host, port and path of the endpoint", "OTLP over HTTP listens on port 4318 by default"] }
  }
) {}

/** Any failure of an export. */
export class OtlpError extends Failure.Layered<OtlpError>()("OtlpError", [
  ConfigError.ConfigError,
  TransportError.TransportError,
  ProtocolError.ProtocolError,
  InternalError.InternalError,
  NotAnOtlpReceiver
]) {}

/** An endpoint as it may be shown: credentials, query and fragment can hold secrets and are left out. */
export const showEndpoint = (url: string): string => {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^?#]*)/i.exec(url)
  return match === null ? "the endpoint" : match[1]! + match[2]!
}

/** The statuses after which OTLP allows another try. */
export const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** What an HTTP status means. `undefined` for 2xx. */
export const fromHttpStatus = (response: {
  readonly endpoint: string
  readonly status: number
  /** What the receiver asked for, as {@link parseRetryAfter} read it. */
  readonly retryAfter?: Duration.Duration | undefined
  /** Bytes of the request; for 413. */
  readonly size?: number | undefined
  /** Content type of the request; for 415. */
  readonly encoding?: string | undefined
}): OtlpError | undefined => {
  const { encoding, retryAfter, size, status } = response
  if (status >= 200 && status < 300) return undefined
  const endpoint = showEndpoint(response.endpoint)
  const hint = retryAfter === undefined ? {} : { retryAfter }
  if (retryableStatuses.has(status)) {
    return OtlpError.from(new TransportError.HttpUnavailable({ endpoint, status, ...hint }))
  }
  switch (status) {
    case 404:
    case 405:
      return OtlpError.from(new NotAnOtlpReceiver({ endpoint, status }))
    case 413:
      return OtlpError.from(new ProtocolError.RequestTooLarge({ size: size ?? 0 }))
    case 415:
      return OtlpError.from(new ProtocolError.UnsupportedEncoding({ encoding: encoding ?? "the content type" }))
    default:
      return OtlpError.from(new TransportError.HttpRejected({ endpoint, status }))
  }
}

const grpcNames: ReadonlyArray<"OK" | GrpcCode> = ["OK", ...GrpcCode.literals]

const grpcRetryable: ReadonlySet<string> = new Set([
  "CANCELLED",
  "DEADLINE_EXCEEDED",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNAVAILABLE",
  "DATA_LOSS"
])

/**
 * What a gRPC status means, by number. `undefined` for 0. A number that gRPC does not know counts as `UNKNOWN`.
 * `RESOURCE_EXHAUSTED` may be tried again only when the receiver sent a `RetryInfo`.
 */
export const fromGrpcStatus = (response: {
  readonly endpoint: string
  readonly code: number
  /** `google.rpc.RetryInfo.retry_delay`, if there was one. */
  readonly retryInfo?: Duration.Duration | undefined
}): OtlpError | undefined => {
  const status = grpcNames[response.code] ?? "UNKNOWN"
  if (status === "OK") return undefined
  const endpoint = showEndpoint(response.endpoint)
  const { retryInfo } = response
  const retryable = grpcRetryable.has(status) || (status === "RESOURCE_EXHAUSTED" && retryInfo !== undefined)
  return OtlpError.from(
    retryable
      ? new TransportError.GrpcUnavailable({
          endpoint,
          status,
          ...(retryInfo === undefined ? {} : { retryAfter: retryInfo })
        })
      : new TransportError.GrpcRejected({ endpoint, status })
  )
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

/** The three date forms of RFC 9110, and nothing else that a date parser may guess. */
const httpDate = (text: string, now: number): number | undefined => {
  const time = String.raw`(\d{2}):(\d{2}):(\d{2})`
  const imf = new RegExp(String.raw`^[a-z]{3}, (\d{2}) ([a-z]{3}) (\d{4}) ${time} gmt$`, "i").exec(text)
  const rfc850 = new RegExp(String.raw`^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) ${time} gmt$`, "i").exec(text)
  const asctime = new RegExp(String.raw`^[a-z]{3} ([a-z]{3}) ([ \d]\d) ${time} (\d{4})$`, "i").exec(text)
  const at = (day: string, month: string, year: number, clock: ReadonlyArray<string>): number | undefined => {
    const index = months.indexOf(month.toLowerCase())
    const [hour, minute, second] = clock.map(Number)
    return index < 0 || hour! > 23 || minute! > 59 || second! > 60
      ? undefined
      : Date.UTC(year, index, Number(day), hour, minute, second)
  }
  if (imf !== null) return at(imf[1]!, imf[2]!, Number(imf[3]), imf.slice(4, 7))
  if (asctime !== null) return at(asctime[2]!, asctime[1]!, Number(asctime[6]), asctime.slice(3, 6))
  if (rfc850 === null) return undefined
  // Two digits of a year mean the century in which it lies less than 50 years ahead.
  const thisYear = new Date(now).getUTCFullYear()
  const year = Number(rfc850[3]) + Math.floor(thisYear / 100) * 100
  return at(rfc850[1]!, rfc850[2]!, year > thisYear + 50 ? year - 100 : year, rfc850.slice(4, 7))
}

/**
 * A `Retry-After` header: seconds or an HTTP date. A date that is past means now. `undefined` for anything else, negative
 * numbers included: then the backoff alone decides.
 */
export const parseRetryAfter = (
  value: string | undefined,
  options: {
    /** Wall clock, milliseconds since 1970. */
    readonly now: number
    /** The longest wait to believe. Default: none. */
    readonly cap?: Duration.Duration | undefined
  }
): Duration.Duration | undefined => {
  const text = value?.trim() ?? ""
  const until = /^\d+$/.test(text) ? options.now + Number(text) * 1000 : httpDate(text, options.now)
  if (until === undefined) return undefined
  const wait = Math.max(0, until - options.now)
  const cap = options.cap === undefined ? Number.MAX_SAFE_INTEGER : Duration.toMillis(options.cap)
  return Duration.millis(Math.min(wait, cap))
}

const unreachable = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"])
const late = new Set([
  "ETIMEDOUT",
  "ESOCKETTIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT"
])
const broken = new Set(["ECONNRESET", "ECONNABORTED", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_CLOSED", "UND_ERR_DESTROYED"])
const tls =
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$)/

interface Coded {
  readonly code: string
  readonly error: unknown
}

/** The first error with a code under an error: its own, its reason's, its cause's, or one of an `AggregateError`. */
const coded = (error: unknown, depth = 8): Coded | undefined => {
  if (!Predicate.isObject(error) || depth === 0) return undefined
  const { cause, code, errors, reason } = error as Record<string, unknown>
  if (typeof code === "string") return { code, error }
  for (const inner of [reason, cause, ...(Array.isArray(errors) ? errors.slice(0, 8) : [])]) {
    const found = coded(inner, depth - 1)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * What an error of the HTTP client, of Node or of a timeout means. Only an error with a system code is kept as the
 * `cause`: any other may hold the request, and with it the headers.
 */
export const fromUnknown = (
  error: unknown,
  request: { readonly endpoint: string; readonly timeout?: Duration.Duration | undefined }
): OtlpError => {
  const endpoint = showEndpoint(request.endpoint)
  const after = request.timeout ?? Duration.zero
  if (error instanceof OtlpError) return error
  if (Cause.isTimeoutError(error)) return OtlpError.from(new TransportError.ConnectionTimeout({ endpoint, after }))
  const reason =
    Predicate.isTagged(error, "HttpClientError") && Predicate.hasProperty(error, "reason") ? error.reason : undefined
  if (Predicate.isTagged(reason, "InvalidUrlError")) {
    return OtlpError.from(new ConfigError.InvalidValue({ path: "endpoint", expected: "must be an http or https URL" }))
  }
  const found = coded(error)
  if (found !== undefined) {
    const { code, error: cause } = found
    if (unreachable.has(code)) return OtlpError.from(new TransportError.ConnectionRefused({ endpoint, cause }))
    if (late.has(code)) return OtlpError.from(new TransportError.ConnectionTimeout({ endpoint, after, cause }))
    if (broken.has(code)) return OtlpError.from(new TransportError.ConnectionLost({ endpoint, cause }))
    if (tls.test(code)) return OtlpError.from(new TransportError.TlsError({ endpoint, cause }))
    if (code.startsWith("HPE_")) return OtlpError.from(new ProtocolError.MalformedData({ what: "the response" }))
  }
  return OtlpError.from(
    Predicate.isTagged(reason, "TransportError") || Predicate.isTagged(reason, "DecodeError")
      ? new TransportError.ConnectionLost({ endpoint })
      : new InternalError.InternalError({})
  )
}
