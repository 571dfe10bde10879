/**
 * Failures in the log: one JSON line for each entry, whatever it says, with the log projection of the failure in it.
 */
import { Failure, Redaction } from "@holdfast/core"
import { Cause, Context, type Fiber, type Layer, Logger, References, Tracer } from "effect"
import * as Projection from "../projection/Projection.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { guard } from "../snapshot/guard.ts"
import { cut } from "../text.ts"

const limits = { message: 8192, value: 2048, entries: 64 } as const

const isCause = (u: unknown): u is Cause.Cause<unknown> => {
  try {
    return Cause.isCause(u)
  } catch {
    return false
  }
}

const isError = (u: unknown): boolean => {
  try {
    return u instanceof Error
  } catch {
    return false
  }
}

/** What an entry is about: its cause, else the first failure, error or cause among its messages. */
const failureOf = (cause: Cause.Cause<unknown>, messages: ReadonlyArray<unknown>): unknown =>
  cause.reasons.length > 0
    ? cause
    : messages.find((message) => isCause(message) || Failure.isFailure(message) || isError(message))

const text = (value: unknown): string => {
  if (typeof value === "string") return value
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return "[unprintable]"
  }
}

const annotationsOf = (
  fiber: Fiber.Fiber<unknown, unknown>,
  policy: Redaction.Policy
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(fiber.getRef(References.CurrentLogAnnotations))
      .slice(0, limits.entries)
      .map(([key, value]) => {
        if (policy.isSecretKey(key)) return [key, policy.mask]
        const plain = typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))
        return [key, plain ? value : cut(policy.text(text(value)), limits.value)]
      })
  )

const line = ({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): string => {
  const options = ErrorSnapshot.inForce(fiber)
  const policy = guard(options.redaction ?? Redaction.standard)
  const messages: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
  const error = failureOf(cause, messages)
  const failure = error === undefined ? undefined : Projection.toLog(error, options)
  const said = messages.filter((one) => one !== error && !isCause(one)).map(text)
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  const annotations = annotationsOf(fiber, policy)
  return Projection.stringify({
    time: date.toISOString(),
    level: logLevel.toUpperCase(),
    message:
      said.length === 0 && failure !== undefined ? failure.reason : cut(policy.text(said.join(" ")), limits.message),
    ...(span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(failure === undefined ? {} : { failure })
  })
}

/**
 * Writes each entry as one line of JSON: `time`, `level`, `message`, `trace_id` and `span_id` inside of a span, `annotations`,
 * and under `failure` the log projection of the entry's cause, or of the failure among its messages. Secrets are masked, sizes
 * bounded; nothing in it can start a second line.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { LogEdge } from "@holdfast/protocol"
 * import { Effect, Logger } from "effect"
 *
 * const lines: Array<string> = []
 * const collecting = Logger.map(LogEdge.logger, (line) => void lines.push(line))
 * const program = Effect.logError("order lost", new Reasons.DataError({ detail: "row 7\nis torn" }))
 * Effect.runSync(program.pipe(Effect.provide(Logger.layer([collecting]))))
 * JSON.parse(lines[0] ?? "").failure.detail // => "row 7\nis torn"
 * ```
 */
export const logger: Logger.Logger<unknown, string> = Logger.make(line)

/** {@link logger} on the console, in the place of all others. */
export const layer: Layer.Layer<never> = Logger.layer([Logger.withConsoleLog(logger)])
