/**
 * One attempt to deliver one batch over OTLP/HTTP. No retry, no breaker, no queue: those are policies around it, and they
 * need each attempt to say exactly what happened.
 *
 * A redirect is never followed, whatever the HTTP client: after a 301 or 302 a client turns the POST into a GET, loses the
 * payload and sees a success. Every 3xx is a failure. The attempt opens no span and sends no trace context, so that
 * exporting spans does not make spans.
 */
import { ProtocolError } from "@holdfast/core"
import { Clock, Context, Duration, Effect, Layer, Redacted, Stream, Tracer } from "effect"
import { FetchHttpClient, HttpBody, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { Signal } from "../config/endpoint.ts"
import { type OtlpConfig, urlOf } from "../config/OtlpConfig.ts"
import {
  fromHttpStatus,
  fromUnknown,
  NotAnOtlpReceiver,
  OtlpError,
  parseRetryAfter,
  showEndpoint
} from "../OtlpError.ts"
import { version } from "../version.ts"
import { read } from "./response.ts"

/** An encoded request and what it holds. */
export interface Batch {
  readonly body: Uint8Array
  readonly contentType: "application/json" | "application/x-protobuf"
  /** Spans, points or log records inside. A batch of none is not sent. */
  readonly items: number
  /** How `body` is compressed. Default: not at all. */
  readonly contentEncoding?: "gzip" | undefined
  /** Default: `traces`. */
  readonly signal?: Signal | undefined
}

/** What became of a batch that arrived. */
export interface ExportResult {
  readonly accepted: number
  /** Refused for good by the receiver (partial success). Sending them again is not allowed. */
  readonly rejected: number
  /** The receiver's words about it, or a warning although all was accepted; `""` for none. */
  readonly message: string
  /** `false` when the answer was a success but not one of OTLP: delivered, as far as anybody can tell. */
  readonly understood: boolean
}

/** The options beside the configuration. */
export interface Options {
  /** Bytes of an answer that are read at most, after decompression. Default: 4 MiB. */
  readonly maxResponseBytes?: number | undefined
  /** The longest `Retry-After` to believe. Default: 10 minutes. */
  readonly maxRetryAfter?: Duration.Input | undefined
  /** Put before our own part of the User-Agent: `"my-app/1.2"`. Default: none. */
  readonly userAgent?: string | undefined
}

export interface Service {
  /**
   * Sends a batch once. Fails with `OtlpError`: `HttpUnavailable` (429, 502, 503, 504; with the receiver's `retryAfter`),
   * `HttpRejected`, `RequestTooLarge`, `ResponseTooLarge`, `UnsupportedEncoding`, `ConnectionRefused`, `ConnectionLost`,
   * `ConnectionTimeout`, `TlsError`, or `NotAnOtlpReceiver` when a web page answers, or nobody at that path.
   */
  readonly export: (batch: Batch) => Effect.Effect<ExportResult, OtlpError>
}

/** The exporter as a service, so that tests replace it. */
export class OtlpExporter extends Context.Service<OtlpExporter, Service>()("@holdfast/otlp/OtlpExporter") {}

const agent = `OTel-OTLP-Exporter-JavaScript/${version}`
const tooLarge = (limit: number) => OtlpError.from(new ProtocolError.ResponseTooLarge({ limit }))

/** The body, as long as it is not more than `limit`; the rest is never read, and the connection goes with it. */
const bodyOf = (response: HttpClientResponse.HttpClientResponse, limit: number) =>
  Number(response.headers["content-length"] ?? 0) > limit
    ? Effect.fail(tooLarge(limit))
    : response.stream.pipe(
        Stream.runFoldEffect(
          (): { readonly chunks: Array<Uint8Array>; size: number } => ({ chunks: [], size: 0 }),
          (body, chunk) => {
            body.size += chunk.length
            if (body.size > limit) return Effect.fail(tooLarge(limit))
            body.chunks.push(chunk)
            return Effect.succeed(body)
          }
        ),
        Effect.map(({ chunks, size }) => {
          const bytes = new Uint8Array(size)
          let at = 0
          for (const chunk of chunks) {
            bytes.set(chunk, at)
            at += chunk.length
          }
          return bytes
        })
      )

/**
 * Makes an exporter over the `HttpClient` in context, with the endpoint, headers, timeout and size limit of a configuration.
 *
 * @example
 * ```ts
 * import { NodeHttpClient } from "@effect/platform-node"
 * import { OtlpConfig, OtlpExporter } from "@holdfast/otlp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const exporter = yield* OtlpExporter.make(OtlpConfig.defaults)
 *   const body = new TextEncoder().encode('{"resourceSpans":[]}')
 *   return yield* exporter.export({ body, contentType: "application/json", items: 1 })
 * }).pipe(Effect.catchTag("OtlpError", (error) => Effect.succeed(error.message)))
 *
 * Effect.runPromise(program.pipe(Effect.provide(NodeHttpClient.layerNodeHttp)))
 * ```
 */
export const make = Effect.fnUntraced(function* (
  config: OtlpConfig,
  options: Options = {}
): Effect.fn.Return<Service, never, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  const maxResponse = options.maxResponseBytes ?? 4 * 1024 * 1024
  const cap = Duration.fromInputUnsafe(options.maxRetryAfter ?? "10 minutes")
  const limit = config.batch.maxRequestBytes
  const custom = Object.fromEntries(
    Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), Redacted.value(value)])
  )
  const userAgent = [options.userAgent, custom["user-agent"], agent].filter((part) => part !== undefined).join(" ")

  const attempt = Effect.fnUntraced(function* (url: string, batch: Batch) {
    const request = HttpClientRequest.post(url).pipe(
      HttpClientRequest.setHeaders(custom),
      HttpClientRequest.setBody(HttpBody.uint8Array(batch.body, batch.contentType)),
      HttpClientRequest.setHeaders({
        "content-type": batch.contentType,
        "user-agent": userAgent,
        ...(batch.contentEncoding === undefined ? {} : { "content-encoding": batch.contentEncoding })
      })
    )
    const response = yield* client.execute(request)
    const { headers, status } = response
    const now = yield* Clock.currentTimeMillis
    const refused = fromHttpStatus({
      endpoint: url,
      status,
      retryAfter: parseRetryAfter(headers["retry-after"], { now, cap }),
      size: batch.body.length,
      encoding: batch.contentType
    })
    if (refused !== undefined) {
      // The words of a refusal decide nothing. They are read, a little and not for long, so that the connection can live on.
      yield* bodyOf(response, 64 * 1024).pipe(Effect.timeoutOption("1 second"), Effect.ignore)
      return yield* refused
    }
    const contentType = headers["content-type"] ?? ""
    if (/\bx?html\b/i.test(contentType)) {
      return yield* OtlpError.from(new NotAnOtlpReceiver({ endpoint: showEndpoint(url), status }))
    }
    const answer = read(yield* bodyOf(response, maxResponse), contentType)
    // A receiver cannot refuse more than it was sent.
    const rejected = Math.min(answer.rejected, batch.items)
    return { ...answer, rejected, accepted: batch.items - rejected }
  })

  return OtlpExporter.of({
    export: (batch) => {
      if (batch.items === 0) return Effect.succeed({ accepted: 0, rejected: 0, message: "", understood: true })
      const size = batch.body.length
      if (size > limit) return Effect.fail(OtlpError.from(new ProtocolError.RequestTooLarge({ size, limit })))
      const endpoint = urlOf(config, batch.signal ?? "traces")
      const { timeout } = config
      const sent = attempt(endpoint, batch)
      return (Duration.isFinite(timeout) ? Effect.timeout(sent, timeout) : sent).pipe(
        Effect.mapError((error) => fromUnknown(error, { endpoint, timeout })),
        Effect.provideService(Tracer.DisablePropagation, true),
        // For the one client that follows redirects by itself; the others do not know this service.
        Effect.updateContext(Context.add(FetchHttpClient.RequestInit, { redirect: "manual" }))
      )
    }
  })
})

/** {@link make} as a Layer over an `HttpClient`. */
export const layer = (config: OtlpConfig, options?: Options): Layer.Layer<OtlpExporter, never, HttpClient.HttpClient> =>
  Layer.effect(OtlpExporter, make(config, options))
