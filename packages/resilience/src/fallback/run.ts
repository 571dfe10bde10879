/** How another source is asked, and who is told. */
import { Classifier } from "@holdfast/core"
import { type At, check, functionOf, given, name, refuse, type Table } from "@holdfast/core/options"
import { Cause, Effect, Metric, Option } from "effect"
import { type Forms, inCode, text, texts } from "../internal/config.ts"
import { emit } from "../events/event.ts"
import { type AnyFiber, spanEvent } from "../internal/fiber.ts"
import { isNamed, predicateOrNames } from "../internal/named.ts"

export interface Options<in E> {
  /**
   * Which failures are replaced: a predicate, or a list of tags and codes. Default: those declared as `sys`; what the caller, the
   * configuration or a bug did wrong stays wrong with another source. Defects and interruptions are never replaced.
   */
  readonly when?: ((failure: E) => boolean) | ReadonlyArray<string> | undefined
  /** Names the fallback in logs, metrics and spans. From a small, fixed set. Default: `"fallback"`. */
  readonly name?: string | undefined
}

/** What answers instead: a value, or an effect that is made from the failure. */
export type Instead<E, B, E2 = never, R2 = never> =
  | { readonly value: B; readonly orElse?: undefined }
  | { readonly orElse: (failure: E) => Effect.Effect<B, E2, R2> }

/** The options of a fallback as a whole. */
export type Whole<E, B, E2 = never, R2 = never> = Options<E> & Instead<E, B, E2, R2>

type Any = Effect.Effect<unknown, unknown, unknown>

/** The options, decoded. */
export interface Plan {
  readonly when: Options<unknown>["when"]
  readonly name: string
  readonly orElse: (failure: unknown) => Any
}

export const table: Table<Options<unknown>> = { when: predicateOrNames, name }

const whole: Table = { ...table, value: given, orElse: functionOf("from a failure to an effect") }

/** What configuration can say of a fallback: when it is used, and not what it answers. */
export const forms: Forms<Options<unknown> & { readonly value: unknown; readonly orElse: unknown }> = {
  when: texts,
  name: text,
  value: inCode,
  orElse: inCode
}

export const planOf = (at: At, options: Whole<never, unknown, unknown, unknown>): Plan => {
  check(at, whole, options)
  const { name = "fallback", orElse, when } = options
  const hasValue = "value" in options
  if (hasValue === (orElse !== undefined)) refuse(at, "must have either a value or an orElse")
  const answer = hasValue ? Effect.succeed(options.value) : undefined
  return {
    name,
    when: when as Plan["when"],
    orElse: answer === undefined ? (orElse as Plan["orElse"]) : () => answer
  }
}

/** The failure that another source may make good; none for defects, interruptions and what is not eligible. */
export const eligible = <E>(cause: Cause.Cause<E>, options: Options<E>, fiber: AnyFiber): Option.Option<E> => {
  if (Cause.hasDies(cause) || Cause.hasInterrupts(cause)) return Option.none()
  return Option.filter(Cause.findErrorOption(cause), (failure) => {
    const { when } = options
    if (typeof when === "function") return when(failure)
    const { category, code } = Classifier.classify(failure, fiber.getRef(Classifier.Classifier))
    return when === undefined ? category === "sys" : isNamed(when, failure, code)
  })
}

/** Tells the world that one source failed and another is asked. Nothing of it can change the result. */
export const announce = (
  fiber: AnyFiber,
  step: { readonly name: string; readonly from: string; readonly to: string; readonly isLast: boolean },
  failure: unknown
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { from, isLast, name, to } = step
    const { code } = Classifier.classify(failure, fiber.getRef(Classifier.Classifier))
    Metric.counter("resilience.fallback.activations", {
      description: "Failures after which another source was asked",
      attributes: { name, from, to },
      incremental: true
    }).updateUnsafe(1, fiber.context)
    spanEvent(fiber, "resilience.fallback", {
      "resilience.fallback.name": name,
      "resilience.fallback.failed_source": from,
      "resilience.fallback.source": to,
      "error.type": code
    })
    emit(fiber, () => ({ _tag: "FellBack", name, from, to, code }))
    const log = isLast ? Effect.logError : Effect.logWarning
    return log(`${from} failed, falling back to ${to}`).pipe(
      Effect.annotateLogs({ fallback: name, from, to, "error.type": code })
    )
  }).pipe(Effect.catchCause(() => Effect.void))

/** The later failure first, because it is the one to act on; the earlier ones stay attached. */
export const withEarlier = <E, E2>(cause: Cause.Cause<E2>, earlier: Cause.Cause<E>): Cause.Cause<E | E2> =>
  Cause.hasFails(cause) && !Cause.hasDies(cause) ? Cause.combine(cause, earlier) : cause

/** The effect, with another one behind it. */
export const run = (self: Any, plan: Plan): Any => {
  const step = { name: plan.name, from: "primary", to: "fallback", isLast: false }
  return Effect.catchCause(self, (cause) =>
    Effect.withFiber<unknown, unknown, unknown>((fiber) => {
      const failure = eligible(cause, plan, fiber)
      if (Option.isNone(failure)) return Effect.failCause(cause)
      return announce(fiber, step, failure.value).pipe(
        Effect.andThen(Effect.suspend(() => plan.orElse(failure.value))),
        Effect.catchCause((second) => Effect.failCause(withEarlier(second, cause)))
      )
    })
  )
}
