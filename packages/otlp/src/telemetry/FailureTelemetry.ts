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
import { Classifier, Identity, Reasons, Redaction } from "@holdfast/core"
import { Cause, Context, Effect, Exit, Layer, Metric, Predicate, Tracer } from "effect"
import { OtlpSerialization, type OtlpTracer } from "effect/observability"
import * as Attributes from "./attributes.ts"
import { describe, type Description, type FailureDescription, type Settings } from "./describe.ts"
import * as Recorded from "./recorded.ts"

export interface Options {
  /** Whether `biz` failures make a span an error, too. Default: `false`. */
  readonly expectedAsErrors?: boolean | undefined
  /** Whether `exception.stacktrace` is recorded. Default: `true`. */
  readonly stacks?: boolean | undefined
}

/** A span of the OpenTelemetry API, as far as it is needed here. */
interface ApiSpan {
  readonly setStatus: (status: { readonly code: number; readonly message?: string }) => unknown
  readonly end: (time: readonly [number, number]) => unknown
}

const apiError = 2

/** The OpenTelemetry span under a span of `@effect/opentelemetry`, which says itself how it ends. */
const apiSpanOf = (span: Tracer.Span): ApiSpan | undefined => {
  const api: unknown = Predicate.hasProperty(span, "span") ? span.span : undefined
  return Predicate.hasProperty(api, "setStatus") && Predicate.hasProperty(api, "end")
    ? (api as unknown as ApiSpan)
    : undefined
}

/** Whether the span belongs to Effect's `OtlpTracer`, which records exceptions by itself. */
const recordsItself = (span: Tracer.Span): boolean =>
  Predicate.hasProperty(span, "export") && Predicate.isFunction(span.export)

/** The last line of the stack of an exception that another span has recorded already. */
const recordedElsewhere = "    (recorded where it was raised)"

/** How much of a stack V8 captures. No standard names it. */
const stacks = Error as unknown as { stackTraceLimit: number }

/** An error that captures no stack, which would be half of what a failing span costs. */
const stackless = (message: string): Error => {
  const { stackTraceLimit } = stacks
  try {
    stacks.stackTraceLimit = 0
  } catch {
    // Somebody has frozen it.
    return new Error(message)
  }
  const error = new Error(message)
  stacks.stackTraceLimit = stackTraceLimit
  return error
}

/** What a tracer is given instead of the error: no more than may leave. It is read, never thrown. */
const present = ({ message, stack, type }: Description, repeated: boolean): Error => {
  const error = stackless(message)
  error.name = type
  error.stack = `${type}: ${message}${repeated ? `\n${recordedElsewhere}` : stack === "" ? "" : `\n${stack}`}`
  return error
}

const eventOf = ({ message, stack, type }: Description): Record<string, unknown> => ({
  "exception.type": type,
  "exception.message": message,
  ...(stack === "" ? {} : { "exception.stacktrace": `${type}: ${message}\n${stack}` })
})

/** Whether a span that ends in what nobody knows has said already what went wrong, as that of a server has by its edge. */
const isTold = (span: Tracer.Span, { code }: FailureDescription): boolean =>
  code === Reasons.Unclassified.declared.code && Predicate.isString(span.attributes.get("error.type"))

const annotate = (span: Tracer.Span, failure: FailureDescription): void => {
  if (!isTold(span, failure)) {
    span.attribute("error.type", failure.code)
    span.attribute("error.category", failure.category)
    span.attribute("error.retry", failure.retry)
  }
  if (failure.path !== null) span.attribute("error.path", failure.path)
  if (failure.errors.length > 1) span.attribute("error.count", failure.errors.length)
}

/** Ends a span without a word about why it failed. */
const endPlainly = (
  span: Tracer.Span,
  end: Tracer.Span["end"],
  endTime: bigint,
  exit: Exit.Exit<unknown, unknown>
): void => {
  try {
    end.call(span, endTime, Exit.isSuccess(exit) ? exit : Exit.fail(new Error("the failure could not be described")))
  } catch {
    // The tracer refuses to end its own span; there is nobody left to tell.
  }
}

type Methods = Pick<Tracer.Span, "attribute" | "end" | "event">

const areSame = (a: Methods, b: Methods): boolean =>
  a.attribute === b.attribute && a.end === b.end && a.event === b.event

/** Whether these are the methods of the class. Those of a proxy, or that a getter binds, are of one span alone. */
const areInherited = (methods: Methods, prototype: object): boolean => {
  try {
    return areSame(methods, prototype as Methods)
  } catch {
    return false
  }
}

const nanosPerSecond = 1_000_000_000n

/**
 * A tracer whose spans end the way this module describes. Use {@link layer} unless you build tracers by hand.
 */
export const wrap = (
  tracer: Tracer.Tracer,
  settings: Settings & { readonly expectedAsErrors: boolean }
): Tracer.Tracer => {
  const recorded = Recorded.make()

  const finish = (
    span: Tracer.Span,
    end: Tracer.Span["end"],
    endTime: bigint,
    exit: Exit.Exit<unknown, unknown>
  ): void => {
    const api = apiSpanOf(span)
    const endApi = (): void => {
      const { startTime } = span.status
      Object.assign(span, { status: { _tag: "Ended", startTime, endTime, exit } satisfies Tracer.SpanStatus })
      api?.end([Number(endTime / nanosPerSecond), Number(endTime % nanosPerSecond)])
    }
    if (Exit.isSuccess(exit)) {
      if (api === undefined) end.call(span, endTime, exit)
      else endApi()
      return
    }
    const { cause } = exit
    if (Cause.hasInterruptsOnly(cause)) {
      end.call(span, endTime, exit)
      return
    }
    const failure = describe(cause, settings, (error) => recorded.below(span, error))
    for (const secret of Attributes.givenTo(span)) failure.secrets.add(secret)
    Attributes.withoutSecrets(span, settings.redaction, failure.secrets)
    annotate(span, failure)
    if (Cause.hasInterrupts(cause)) span.attribute("effect.fiber.interrupted", true)
    if (failure.category === "biz" && !settings.expectedAsErrors) {
      if (api === undefined) end.call(span, endTime, Exit.void)
      else endApi()
      return
    }
    const self = api === undefined && recordsItself(span)
    const presented = failure.errors.map((description) => {
      const { error } = description
      const repeated = recorded.below(span, error) !== undefined
      if (!repeated) recorded.add(span, error, description)
      if (!self && !repeated) span.event("exception", endTime, eventOf(description))
      return present(description, repeated)
    })
    if (api === undefined) {
      end.call(span, endTime, Exit.failCause(Cause.fromReasons(presented.map((error) => Cause.makeFailReason(error)))))
      return
    }
    api.setStatus({ code: apiError, message: failure.errors[0].message })
    endApi()
  }

  /** Spans that have ended and do not say so. */
  const ended = new WeakSet<Tracer.Span>()
  const hasEnded = (span: Tracer.Span): boolean => span.status._tag === "Ended" || ended.has(span)

  const methodsOver = ({ attribute, end, event }: Methods): Methods => ({
    ...Attributes.guarded({ attribute, event }, settings.redaction),
    end(this: Tracer.Span, endTime, exit) {
      if (hasEnded(this)) return
      try {
        finish(this, end, endTime, exit)
      } catch {
        // Whatever broke, a classifier, a redaction policy or the tracer: the program's own failure must not turn into a
        // defect of its telemetry, and the span must end. The error itself stays out: nobody has redacted it.
        if (this.status._tag !== "Ended") endPlainly(this, end, endTime, exit)
      }
      if (this.status._tag !== "Ended") ended.add(this)
    }
  })

  // The same functions for all spans of a class: a function for each span would cost a third of the span.
  const byClass = new WeakMap<object, { readonly over: Methods; readonly methods: Methods }>()
  const methodsOf = (span: Tracer.Span): Methods => {
    const { attribute, end, event } = span
    const over = { attribute, end, event }
    const shared: object | null = Object.getPrototypeOf(span)
    const known = shared === null ? undefined : byClass.get(shared)
    if (known !== undefined && areSame(known.over, over)) return known.methods
    const methods = methodsOver(over)
    if (shared !== null && areInherited(over, shared)) byClass.set(shared, { over, methods })
    return methods
  }

  const cleanName = Attributes.cleanNames(settings.redaction)

  // Taken from the tracer itself and called on it: a class has its methods, and the private fields they use, nowhere else.
  const context = tracer.context === undefined ? undefined : tracer.context.bind(tracer)

  return {
    ...tracer,
    ...(context === undefined ? {} : { context }),
    span(options) {
      const span = tracer.span(cleanName(options))
      const { attribute, end, event } = methodsOf(span)
      // The span itself is changed, not wrapped: tracers find their own spans by identity and private fields.
      span.attribute = attribute
      span.event = event
      span.end = end
      return span
    }
  }
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
