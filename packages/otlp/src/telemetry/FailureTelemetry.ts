/**
 * How a failure looks on a span. Works over whatever tracer is installed, by changing how its spans end:
 *
 * - `error.type` is the failure's stable code, `error.category` and `error.retry` what it was declared to be, `error.path`
 *   what the program was doing. The status says `Error` with reason and detail, redacted and capped.
 * - Each error is recorded as one `exception` event, with its tag as `exception.type`, on the innermost span it leaves,
 *   however many spans it crosses after that. Raised in two sibling spans, it is recorded in both. One that was caught and
 *   comes up again in a span around the one that recorded it counts as the same exception.
 * - An expected failure (`biz`) keeps its attributes and does not make the span an error. Neither does an interruption.
 * - What nobody knows takes nothing from an `error.type` that the program has given the span: the span of a server, which sees an
 *   answer and no failure, keeps that of its edge.
 * - A success leaves the status unset wherever the tracer permits.
 * - What the program itself puts on a span, attributes and events, is clean as any text: masked under a secret name or in the
 *   shape of a secret, and, in the attributes of a span that fails, what its failure is known to hold.
 *
 * What a tracer permits: over `@effect/opentelemetry` and over tracers that only keep what they are given, all of it.
 * Effect's own `OtlpTracer` decides about status and exceptions by itself when it encodes a span: it marks successes `Ok`
 * and repeats the exception on every span. {@link serialization} mends that on the way out.
 */
import { Classifier, Identity, Redaction } from "@holdfast/core"
import { Cause, Context, Effect, Layer, Metric, Tracer } from "effect"
import { OtlpSerialization, type OtlpTracer } from "effect/observability"
import { recordedElsewhere, wrap } from "./spans.ts"

export { wrap } from "./spans.ts"

export interface Options {
  /** Whether `biz` failures make a span an error, too. Default: `false`. */
  readonly expectedAsErrors?: boolean | undefined
  /** Whether `exception.stacktrace` is recorded. Default: `true`. */
  readonly stacks?: boolean | undefined
}

/**
 * Puts failures on the spans of the tracer below. Reads the redaction policy and the `Classifier` in force when it is built.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { FailureTelemetry } from "@holdfast/otlp"
 * import { Effect } from "effect"
 *
 * const program = new Reasons.NetworkError({}).pipe(
 *   Effect.withSpan("call"),
 *   FailureTelemetry.boundary,
 *   Effect.ignore,
 *   Effect.provide(FailureTelemetry.layer())
 * )
 * Effect.runSync(program)
 * ```
 *
 * Over an exporter, the exporter's Layer goes below:
 * `FailureTelemetry.layer().pipe(Layer.provideMerge(OtlpTracer.layer({ … })))`.
 */
export const layer = (options: Options = {}): Layer.Layer<never> =>
  Layer.effect(
    Tracer.Tracer,
    Effect.withFiber((fiber) =>
      Effect.succeed(
        wrap(fiber.getRef(Tracer.Tracer), {
          redaction: fiber.getRef(Redaction.Redaction),
          classify: fiber.getRef(Classifier.Classifier),
          expectedAsErrors: options.expectedAsErrors ?? false,
          stacks: options.stacks ?? true
        })
      )
    )
  )

type SpanData = OtlpTracer.TraceData["resourceSpans"][number]["scopeSpans"][number]["spans"][number]

const isRepeated = (event: SpanData["events"][number]): boolean =>
  event.name === "exception" &&
  event.attributes.some(
    ({ key, value }) =>
      key === "exception.stacktrace" &&
      "stringValue" in value &&
      value.stringValue?.endsWith(recordedElsewhere) === true
  )

const statusOk = 1

const mend = (span: SpanData): SpanData => {
  const ok = span.status.code === statusOk
  const repeats = span.events.some(isRepeated)
  if (!ok && !repeats) return span
  return {
    ...span,
    ...(repeats ? { events: span.events.filter((event) => !isRepeated(event)) } : {}),
    ...(ok ? { status: { code: 0 } } : {})
  }
}

/**
 * Lets Effect's `OtlpTracer` say what {@link layer} means: a success leaves the status unset, and an exception appears on one
 * span only. A Layer over another serialization:
 * `OtlpTracer.layer({ … }).pipe(Layer.provide(FailureTelemetry.serialization), Layer.provide(OtlpSerialization.layerJson))`.
 */
export const serialization: Layer.Layer<
  OtlpSerialization.OtlpSerialization,
  never,
  OtlpSerialization.OtlpSerialization
> = Layer.effect(
  OtlpSerialization.OtlpSerialization,
  Effect.map(OtlpSerialization.OtlpSerialization, (below) => ({
    ...below,
    traces: (data: OtlpTracer.TraceData) =>
      below.traces({
        resourceSpans: data.resourceSpans.map((resource) => ({
          ...resource,
          scopeSpans: resource.scopeSpans.map((scope) => ({ ...scope, spans: scope.spans.map(mend) }))
        }))
      })
  }))
)

/** Counts failed operations, by `error.type`. The codes are declared, so the counter has as many series as they are. */
export const errorsTotal = Metric.counter("errors.total", {
  description: "Operations that failed",
  incremental: true
})

/** Goes with a cause that has been counted, so that it crosses other boundaries unseen. */
class Counted extends Context.Service<Counted, true>()("@holdfast/otlp/FailureTelemetry/Counted") {}

const counted = Context.make(Counted, true) as Context.Context<never>

const isCounted = (reason: Cause.Reason<unknown>): boolean =>
  Cause.isInterruptReason(reason) || reason.annotations.has(Counted.key)

/**
 * The edge of an operation: where a failure has become final. Adds one to {@link errorsTotal} when the operation fails,
 * `biz` failures and defects included, under the code of the failure that speaks for it. Put it outside of retries, so that
 * attempts do not count. A failure that crosses several boundaries counts at the innermost; a mere interruption does not
 * count at all. Nothing else of the operation changes.
 *
 * Put it on operations, not on `ErrorReporter`: a reporter sees each error object once, so it misses a shared instance that
 * fails again, and what is caught behind a boundary never reaches it.
 */
export const boundary = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchCause(self, (cause) =>
    Effect.withFiber((fiber) => {
      if (cause.reasons.every(isCounted)) return Effect.failCause(cause)
      const { code } = Identity.primary(cause, fiber.getRef(Classifier.Classifier)).classification
      return Effect.andThen(
        Metric.update(Metric.withAttributes(errorsTotal, { "error.type": code }), 1),
        Effect.failCause(Cause.annotate(cause, counted))
      )
    })
  )
