/** Another answer, when the first source has none. */
import { Classifier } from "@holdfast/core"
import { Cause, Effect, Function, Metric, Option, type Types } from "effect"
import { refuse } from "../internal/check.ts"
import { type AnyFiber, spanEvent } from "../internal/fiber.ts"
import { SourcesExhausted } from "./SourcesExhausted.ts"

export { SourcesExhausted } from "./SourcesExhausted.ts"

export interface Options<in E> {
  /**
   * Which failures are replaced: a predicate, or a list of codes. Default: those declared as `sys`; what the caller, the
   * configuration or a bug did wrong stays wrong with another source. Defects and interruptions are never replaced.
   */
  readonly when?: ((failure: E) => boolean) | ReadonlyArray<string> | undefined
  /** Names the fallback in logs, metrics and spans. From a small, fixed set. Default: `"fallback"`. */
  readonly name?: string | undefined
}

/** One source of a {@link chain}. */
export interface Source<out A, out E = never, out R = never> {
  /** Names it in the answer, logs, metrics and spans. From a small, fixed set. */
  readonly name: string
  readonly effect: Effect.Effect<A, E, R>
  /** Whether its answer is less than what the first source would have given. Default: `false` for the first, else `true`. */
  readonly degraded?: boolean | undefined
}

/** What a {@link chain} answers. */
export interface Served<out A, out E> {
  readonly value: A
  /** Name of the source that answered. */
  readonly servedBy: string
  readonly degraded: boolean
  /** Why the sources before it did not, in order. */
  readonly failures: ReadonlyArray<{ readonly source: string; readonly failure: E }>
}

/** The failure that another source may make good; none for defects, interruptions and what is not eligible. */
const eligible = <E>(cause: Cause.Cause<E>, options: Options<E>, fiber: AnyFiber): Option.Option<E> => {
  if (Cause.hasDies(cause)) return Option.none()
  return Option.filter(Cause.findErrorOption(cause), (failure) => {
    const { when } = options
    if (typeof when === "function") return when(failure)
    const { category, code } = Classifier.classify(failure, fiber.getRef(Classifier.Classifier))
    return when === undefined ? category === "sys" : when.includes(code)
  })
}

/** Tells the world that one source failed and another is asked. Nothing of it can change the result. */
const announce = (
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
    const log = isLast ? Effect.logError : Effect.logWarning
    return log(`${from} failed, falling back to ${to}`).pipe(
      Effect.annotateLogs({ fallback: name, from, to, "error.type": code })
    )
  }).pipe(Effect.catchCause(() => Effect.void))

/** The later failure first, because it is the one to act on; the earlier ones stay attached. */
const withEarlier = <E, E2>(cause: Cause.Cause<E2>, earlier: Cause.Cause<E>): Cause.Cause<E | E2> =>
  Cause.hasFails(cause) && !Cause.hasDies(cause) ? Cause.combine(cause, earlier) : cause

const isDataFirst = (args: IArguments) => Effect.isEffect(args[0])

/**
 * Asks another effect when this one fails. When that fails too, its failure comes first and the original stays attached
 * in the cause. Logs a warning, counts `resilience.fallback.activations` and adds the span event `resilience.fallback`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Fallback } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const price = Effect.fail(new Reasons.NetworkError({})).pipe(
 *   Fallback.effect((failure) => Effect.succeed(`yesterday's price, because of ${failure._tag}`))
 * )
 * Effect.runSync(price) // => "yesterday's price, because of NetworkError"
 * ```
 */
export const effect: {
  <E, B, E2, R2>(
    orElse: (failure: Types.NoInfer<E>) => Effect.Effect<B, E2, R2>,
    options?: Options<Types.NoInfer<E>>
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, E | E2, R | R2>
  <A, E, R, B, E2, R2>(
    self: Effect.Effect<A, E, R>,
    orElse: (failure: E) => Effect.Effect<B, E2, R2>,
    options?: Options<E>
  ): Effect.Effect<A | B, E | E2, R | R2>
} = Function.dual(
  isDataFirst,
  <A, E, R, B, E2, R2>(
    self: Effect.Effect<A, E, R>,
    orElse: (failure: E) => Effect.Effect<B, E2, R2>,
    options: Options<E> = {}
  ): Effect.Effect<A | B, E | E2, R | R2> => {
    const step = { name: options.name ?? "fallback", from: "primary", to: "fallback", isLast: false }
    return Effect.catchCause(self, (cause) =>
      Effect.withFiber<A | B, E | E2, R2>((fiber) => {
        const failure = eligible(cause, options, fiber)
        if (Option.isNone(failure)) return Effect.failCause(cause)
        return announce(fiber, step, failure.value).pipe(
          Effect.andThen(Effect.suspend(() => orElse(failure.value))),
          Effect.catchCause((second) => Effect.failCause(withEarlier(second, cause)))
        )
      })
    )
  }
)

/**
 * Answers with a value when the effect fails with an eligible failure. Everything else about it is {@link effect}.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Fallback } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const stock = Effect.fail(new Reasons.Timeout({})).pipe(Fallback.value(0, { when: ["sys.timeout"] }))
 * Effect.runSync(stock) // => 0
 * ```
 */
export const value: {
  <E, B>(
    value: B,
    options?: Options<Types.NoInfer<E>>
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, E, R>
  <A, E, R, B>(self: Effect.Effect<A, E, R>, value: B, options?: Options<E>): Effect.Effect<A | B, E, R>
} = Function.dual(
  isDataFirst,
  <A, E, R, B>(self: Effect.Effect<A, E, R>, value: B, options?: Options<E>): Effect.Effect<A | B, E, R> =>
    effect(self, () => Effect.succeed(value), options)
)

type AnySource = Source<unknown, unknown, unknown>

/**
 * Asks the sources one after the other, each at most once, until one answers. The answer says who served it, whether it
 * is degraded, and why the ones before did not.
 *
 * A failure that is not eligible ends the chain as it is. When every source failed, the chain fails with
 * {@link SourcesExhausted}, whose `cause` holds all of their failures. Each step to the next source is logged as a
 * warning, the step to the last one as an error, because nothing is left behind it. A chain without sources throws
 * `ConfigError.InvalidValue` where it is written.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Fallback } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const price = Fallback.chain([
 *   { name: "quotes", effect: Effect.fail(new Reasons.NetworkError({})) },
 *   { name: "cache", effect: Effect.succeed(99) }
 * ])
 * const served = Effect.runSync(price)
 * served.value // => 99
 * served.servedBy // => "cache"
 * served.degraded // => true
 * ```
 */
export const chain = <const Sources extends ReadonlyArray<AnySource>>(
  sources: Sources,
  options: Options<Effect.Error<Sources[number]["effect"]>> = {}
): Effect.Effect<
  Served<Effect.Success<Sources[number]["effect"]>, Effect.Error<Sources[number]["effect"]>>,
  Effect.Error<Sources[number]["effect"]> | SourcesExhausted,
  Effect.Services<Sources[number]["effect"]>
> => {
  type A = Effect.Success<Sources[number]["effect"]>
  type E = Effect.Error<Sources[number]["effect"]>
  type R = Effect.Services<Sources[number]["effect"]>
  type Answer = Effect.Effect<Served<A, E>, E | SourcesExhausted, R>
  const all = sources as ReadonlyArray<Source<A, E, R>>
  if (all.length === 0) refuse("Fallback.chain.sources", "at least one source")
  const name = options.name ?? "fallback"

  const ask = (index: number, failures: Served<A, E>["failures"], earlier: Cause.Cause<E>): Answer => {
    const source = all[index]!
    return Effect.matchCauseEffect(source.effect, {
      onSuccess: (value) =>
        Effect.succeed({ value, servedBy: source.name, degraded: source.degraded ?? index > 0, failures }),
      onFailure: (cause) =>
        Effect.withFiber<Served<A, E>, E | SourcesExhausted, R>((fiber) => {
          const failure = eligible(cause, options, fiber)
          if (Option.isNone(failure)) return Effect.failCause(withEarlier(cause, earlier))
          const failed = [...failures, { source: source.name, failure: failure.value }]
          const next = all[index + 1]
          if (next === undefined) return exhausted(failed)
          const step = { name, from: source.name, to: next.name, isLast: index + 2 === all.length }
          return Effect.andThen(
            announce(fiber, step, failure.value),
            ask(index + 1, failed, Cause.combine(earlier, cause))
          )
        })
    })
  }
  return Effect.suspend(() => ask(0, [], Cause.empty))
}

const exhausted = <E>(failures: Served<unknown, E>["failures"]): Effect.Effect<never, SourcesExhausted> =>
  Effect.fail(
    new SourcesExhausted({
      sources: failures.map(({ source }) => source),
      cause: new AggregateError(failures.map(({ failure }) => failure))
    })
  )
