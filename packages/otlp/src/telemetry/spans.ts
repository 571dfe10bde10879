/** How the spans of a tracer are made to say how they end. */
import { Reasons } from "@holdfast/core"
import { Cause, Exit, Predicate, type Tracer } from "effect"
import * as Attributes from "./attributes.ts"
import { describe, type Description, type FailureDescription, type Settings } from "./describe.ts"
import * as Recorded from "./recorded.ts"

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
export const recordedElsewhere = "    (recorded where it was raised)"

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
 * A tracer whose spans end the way this module describes. Use `FailureTelemetry.layer` unless you build tracers by hand.
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
