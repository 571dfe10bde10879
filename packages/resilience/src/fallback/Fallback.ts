/** Another answer, when the first source has none. */
import { type At, check, flag, guarded, name as named, placeOf, refuse, under } from "@holdfast/core/options"
import { Cause, Effect, Option, type Types } from "effect"
import { combinator } from "../internal/combinator.ts"
import { madeOf, type PolicyService, serviceOf } from "../internal/service.ts"
import * as Run from "./run.ts"
import { SourcesExhausted } from "./SourcesExhausted.ts"

export type { Instead, Options, Whole } from "./run.ts"
export { SourcesExhausted } from "./SourcesExhausted.ts"

const TypeId = "~@holdfast/resilience/Fallback"

/**
 * Another answer as a value. `E` are the failures it can judge, `B` what it answers, `E2` how it fails itself, `R` what it
 * needs.
 */
export interface Fallback<in E = unknown, out B = never, out E2 = never, out R = never> {
  readonly [TypeId]: {
    readonly _E: Types.Contravariant<E>
    readonly _B: Types.Covariant<B>
    readonly _E2: Types.Covariant<E2>
    readonly _R: Types.Covariant<R>
  }
}

type AnyFallback = Fallback<never, unknown, unknown, unknown>

const planIn = (fallback: AnyFallback): Run.Plan => fallback[TypeId] as unknown as Run.Plan

const fallbackAt = (at: At, options: Run.Whole<never, unknown, unknown, unknown>): AnyFallback =>
  ({ [TypeId]: Run.planOf(at, options) }) as never

/**
 * Makes a fallback as a value, with a `value` or an `orElse`. Wrong options throw `ConfigError.InvalidValue` where they are
 * written.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Fallback } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const noStock = Fallback.make({ value: 0, when: ["sys.timeout"] })
 * Effect.runSync(Effect.fail(new Reasons.Timeout({})).pipe(Fallback.protect(noStock))) // => 0
 * ```
 */
export const make = <B, E = unknown, E2 = never, R = never>(options: Run.Whole<E, B, E2, R>): Fallback<E, B, E2, R> =>
  fallbackAt(placeOf("Fallback", options?.name), options) as never

/**
 * Answers as the fallback says when the effect fails with an eligible failure. The example of {@link make} shows it;
 * {@link effect} and {@link value} say the same in one step.
 */
export const protect: {
  <E0, B, E2, R2>(
    fallback: Fallback<E0, B, E2, R2>
  ): <A, E extends E0, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, E | E2, R | R2>
  <A, E extends E0, R, E0, B, E2, R2>(
    self: Effect.Effect<A, E, R>,
    fallback: Fallback<E0, B, E2, R2>
  ): Effect.Effect<A | B, E | E2, R | R2>
} = combinator(planIn, Run.run)

type Options<E> = Run.Options<E>

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

/** Options may be left out, so the number of arguments says nothing: the effect does. */
const inEitherStyle = (whole: (answer: never, options?: Options<never>) => object): never =>
  ((...args: ReadonlyArray<never>) => {
    const isDataFirst = Effect.isEffect(args[0])
    const [answer, options] = isDataFirst ? args.slice(1) : args
    const at = placeOf("Fallback")
    if (options !== undefined) check(at, Run.table, options)
    const plan = Run.planOf(at, whole(answer as never, options) as Run.Whole<never, unknown>)
    return isDataFirst ? Run.run(args[0]!, plan) : (self: Effect.Effect<never>) => Run.run(self, plan)
  }) as never

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
} = inEitherStyle((orElse, options) => ({ ...options, orElse }))

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
} = inEitherStyle((value, options) => ({ ...options, value }))

const sourceTable = { name: named, effect: guarded("an effect", Effect.isEffect), degraded: flag }

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
  const at = placeOf("Fallback.chain", options?.name)
  check(at, Run.table, options)
  if (!Array.isArray(sources) || sources.length === 0)
    refuse(under(at, "sources"), "must be at least one source", sources)
  all.forEach((source, i) => check(under(under(at, "sources"), i), sourceTable, source, ["name", "effect"]))
  const name = options.name ?? "fallback"

  const ask = (index: number, failures: Served<A, E>["failures"], earlier: Cause.Cause<E>): Answer => {
    const source = all[index]!
    return Effect.matchCauseEffect(source.effect, {
      onSuccess: (value) =>
        Effect.succeed({ value, servedBy: source.name, degraded: source.degraded ?? index > 0, failures }),
      onFailure: (cause) =>
        Effect.withFiber<Served<A, E>, E | SourcesExhausted, R>((fiber) => {
          const failure = Run.eligible(cause, options, fiber)
          if (Option.isNone(failure)) return Effect.failCause(Run.withEarlier(cause, earlier))
          const failed = [...failures, { source: source.name, failure: failure.value }]
          const next = all[index + 1]
          if (next === undefined) return exhausted(failed)
          const step = { name, from: source.name, to: next.name, isLast: index + 2 === all.length }
          return Effect.andThen(
            Run.announce(fiber, step, failure.value),
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

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string, E0, B, E2, R2> extends PolicyService<
  Self,
  Id,
  Fallback<E0, B, E2, R2>
> {
  /** Answers for an effect as the program says. */
  readonly protect: <A, E extends E0, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, E | E2, R | R2 | Self>
}

/**
 * A fallback as a service, in one line. Configuration says when it is used (`when`, codes with commas); what it answers is
 * given in code.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Fallback } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * class NoStock extends Fallback.Service<NoStock>()("NoStock", { value: 0 }) {}
 *
 * const stock = Effect.fail(new Reasons.NetworkError({})).pipe(NoStock.protect)
 * await Effect.runPromise(stock.pipe(Effect.provide(NoStock.layer))) // => 0
 * ```
 */
export const Service =
  <Self>() =>
  <const Id extends string, B, E = unknown, E2 = never, R = never>(
    id: Id,
    options: Run.Whole<E, B, E2, R>
  ): ServiceClass<Self, Id, E, B, E2, R> => {
    const given = options as Run.Whole<never, unknown, unknown, unknown>
    return serviceOf<AnyFallback>("Fallback", id, {
      ...madeOf("Fallback", id, given, Run.forms, fallbackAt),
      protect: (self, fallback) => Run.run(self, planIn(fallback))
    })
  }
