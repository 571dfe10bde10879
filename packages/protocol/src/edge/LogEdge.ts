/**
 * Failures in the log: one JSON line for each entry, whatever it says, with the log projection of the failure in it.
 */
import { Classifier, Failure, Identity, Redaction, Report } from "@holdfast/core"
import {
  Cause,
  Context,
  Effect,
  ErrorReporter,
  type Fiber,
  type Layer,
  Logger,
  Predicate,
  References,
  Tracer
} from "effect"
import * as Projection from "../projection/Projection.ts"
import { errorsOf, isIgnored, naming, withoutSilent } from "../reporting.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { guard } from "../snapshot/guard.ts"
import { occurrenceOf } from "../snapshot/happened.ts"
import { cut } from "../text.ts"
import { look } from "../look.ts"
import { stackOf } from "./bug.ts"
import { InForce } from "./inForce.ts"
import { plainText } from "./plain.ts"
import { provided } from "./provided.ts"

const limits = { message: 8192, value: 2048, label: 256, stack: 8192, entries: 64 } as const

const isError = (u: unknown): boolean => look(() => u instanceof Error, false)

/** What an entry is about: its cause, else the first failure, error or cause among its messages. */
const failureOf = (cause: Cause.Cause<unknown>, messages: ReadonlyArray<unknown>): unknown =>
  cause.reasons.length > 0
    ? cause
    : messages.find((message) => Identity.isCause(message) || Failure.isFailure(message) || isError(message))

/** A policy that knows the secrets of every failure of an entry, and of its annotations: the texts beside one may repeat it. */
const knowing = (
  policy: Redaction.Policy,
  cause: Cause.Cause<unknown>,
  messages: ReadonlyArray<unknown>,
  annotations: Readonly<Record<string, unknown>>
): Redaction.Policy => {
  const reasons = [...messages, ...Object.values(annotations)].flatMap((one): ReadonlyArray<Cause.Reason<unknown>> => {
    if (Identity.isCause(one)) return one.reasons
    return Failure.isFailure(one) || isError(one) ? [Cause.makeDieReason(one)] : []
  })
  const guarded = guard(policy)
  const known =
    cause.reasons.length + reasons.length === 0
      ? new Redaction.Secrets()
      : Report.secretsOf(Cause.fromReasons([...cause.reasons, ...reasons]), guarded)
  Redaction.secretsOfOperation(guarded, { fields: [], metadata: annotations }, known)
  return known.size === 0
    ? policy
    : { ...policy, text: (text, more) => policy.text(known.cutFrom(text, policy.mask), more) }
}

type Clean = (text: string, limit: number) => string

const annotationsOf = (
  annotations: Readonly<Record<string, unknown>>,
  clean: Clean,
  policy: Redaction.Policy
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(annotations)
      .slice(0, limits.entries)
      .map(([name, value]) => {
        const key = clean(name, limits.label)
        if (policy.isSecretKey(name)) return [key, policy.mask]
        const plain =
          typeof value === "boolean" || (Number.isFinite(value) && policy.text(String(value)) === String(value))
        return [key, plain ? value : clean(plainText(value, policy), limits.value)]
      })
  )

/** How long each log span has been open, in milliseconds. */
const spansOf = (fiber: Fiber.Fiber<unknown, unknown>, date: Date, clean: Clean): Readonly<Record<string, number>> =>
  Object.fromEntries(
    fiber
      .getRef(References.CurrentLogSpans)
      .slice(0, limits.entries)
      .map(([label, start]) => [clean(label, limits.label), Math.max(0, date.getTime() - start)])
  )

const optional = <K extends string, A>(key: K, members: Readonly<Record<string, A>>) =>
  Object.keys(members).length === 0 ? {} : ({ [key]: members } as { readonly [_ in K]: Readonly<Record<string, A>> })

const line = (
  { cause, date, fiber, logLevel, message }: Logger.Options<unknown>,
  context: Context.Context<never> = fiber.context
): string => {
  const inForce = ErrorSnapshot.inForce(context)
  const messages: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const redaction = knowing(inForce.redaction ?? Redaction.standard, cause, messages, annotations)
  const policy = guard(redaction)
  const clean: Clean = (text, limit) => cut(policy.text(text), limit)
  const given = failureOf(cause, messages)
  const error = Identity.isCause(given) ? withoutSilent(given) : given
  const failure = error === undefined ? undefined : Projection.toLog(error, { ...inForce, redaction })
  const said = messages.filter((one) => one !== given && !Identity.isCause(one)).map((one) => plainText(one, policy))
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  const occurrence = occurrenceOf(Identity.isCause(error) ? error : cause)
  const stack = stackOf(error, failure?.category, { ...inForce, redaction })
  return Projection.stringify({
    time: date.toISOString(),
    level: logLevel.toUpperCase(),
    message: said.length === 0 && failure !== undefined ? failure.reason : clean(said.join(" "), limits.message),
    ...(span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId }),
    ...(occurrence === undefined ? {} : { occurrence_id: occurrence.id }),
    ...optional("annotations", annotationsOf(annotations, clean, policy)),
    ...optional("spans", spansOf(fiber, date, clean)),
    ...(failure === undefined ? {} : { failure }),
    ...(stack === undefined ? {} : { stack: clean(stack, limits.stack) })
  })
}

/**
 * Writes each entry as one line of JSON: `time`, `level`, `message`, `trace_id` and `span_id` inside of a span, `occurrence_id` of
 * what left through an edge, `annotations`, `spans` (milliseconds), and under `failure` the log projection of the entry's cause,
 * or of the failure among its messages, for operators; a bug has its `stack`. The level is the one it was logged with. Secrets are masked, sizes
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
export const logger: Logger.Logger<unknown, string> = Logger.make((entry) => line(entry))

/** {@link logger} on the console, in the place of all others. Policies that are provided to it hold where an entry has none of its own. */
export const layer: Layer.Layer<never> = Logger.layer([
  Effect.map(provided, (given) =>
    Logger.withConsoleLog(Logger.make((entry) => line(entry, Context.merge(given, entry.fiber.context))))
  )
])

const reporter = (): ErrorReporter.ErrorReporter => {
  const logged = new WeakMap<Fiber.Fiber<unknown, unknown>, WeakSet<object>>()
  /** A library on the way may report a failure before the edge does; in another fiber the same instance is another failure. */
  const isNew = (cause: Cause.Cause<unknown>, fiber: Fiber.Fiber<unknown, unknown>): boolean => {
    const seen = logged.get(fiber) ?? new WeakSet()
    logged.set(fiber, seen)
    const errors = errorsOf(cause).filter(Predicate.isObjectOrArray)
    const keys: ReadonlyArray<object> = errors.length === 0 ? [cause] : errors
    const fresh = keys.filter((key) => !seen.has(key))
    for (const key of fresh) seen.add(key)
    return fresh.length > 0
  }
  return {
    [ErrorReporter.TypeId]: ErrorReporter.TypeId,
    report: (given) => {
      const { cause, fiber } = given
      if (Report.isLogged(cause) || isIgnored(cause) || !isNew(cause, fiber)) return
      const severity = Identity.severityOf(cause, fiber.getRef(Classifier.Classifier))
      const named = naming(given, fiber.getRef(InForce).named)
      Effect.runSyncWith(fiber.context)(Effect.logWithLevel(severity)(named))
    }
  }
}

/**
 * Logs what leaves through an edge: one entry for each failure that an edge, or whoever else, reports to the `ErrorReporter`s,
 * at its severity (`Identity.severityOf`) and in the fiber where it left. Its `occurrence_id` is that of the answer, whoever reports it
 * inside of `HttpEdge`. Interruptions are not logged, nor
 * is what `Report.logged` has logged where it happened.
 *
 * @example
 * ```ts
 * import { LogEdge } from "@holdfast/protocol"
 * import { Effect, ErrorReporter, Layer } from "effect"
 *
 * const program = Effect.die(new Error("bug")).pipe(Effect.catchCause(ErrorReporter.report))
 * const logging = Layer.mergeAll(LogEdge.layer, LogEdge.reporting)
 * const main = program.pipe(Effect.provide(logging))
 * ```
 */
export const reporting: Layer.Layer<never> = ErrorReporter.layer([Effect.sync(reporter)], { mergeWithExisting: true })
