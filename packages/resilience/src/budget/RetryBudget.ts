/**
 * One limit for the retries of many calls. A retry policy bounds one call; when everything fails, thousands of bounded
 * calls still multiply the load on whatever is down. A budget is shared, so it does not.
 */
import type { ConfigError } from "@holdfast/core"
import { type At, check, name, placeOf, refusing, type Table } from "@holdfast/core/options"
import { Context, Effect, Layer } from "effect"
import { placeIn, readOne } from "../internal/config.ts"
import { type PolicyService, serviceOf } from "../internal/service.ts"
import { Budget, type RetryBudget as RetryBudgetShape } from "./budget.ts"
import { type InFlightOptions, type Kind, kind, ruleOf, type TokensOptions, type WindowOptions } from "./kinds.ts"

export type { Health } from "./budget.ts"
export type { InFlightOptions, Kind, TokensOptions, WindowOptions } from "./kinds.ts"

/** A budget. Make it once and share it. */
export interface RetryBudget extends RetryBudgetShape {}

export interface Options {
  /** Names the budget in metrics and health. Not empty; from a small, fixed set. Default: `"default"`. */
  readonly name?: string | undefined
}

/**
 * The budget that every `Retry` below draws from, unless it has one of its own. Default: none. Provided by {@link layer}.
 * The example of {@link layerConfig} reads it.
 */
export const RetryBudget: Context.Reference<RetryBudget | undefined> = Context.Reference(
  "@holdfast/resilience/RetryBudget",
  { defaultValue: (): RetryBudget | undefined => undefined }
)

/**
 * The rule of gRPC: a failure costs one token, a success earns `ratio` of one, and retries stop while half of the tokens
 * or fewer are left. The example of {@link make} shows it.
 */
export const tokens = (options: TokensOptions = {}): Kind => ({ kind: "tokens", options })

/**
 * The rule of Finagle: retries may be `percent` of the calls of the last `timeToLive`, and `minPerSecond` beside that for
 * clients that call rarely. Used as {@link tokens} is in the example of {@link make}.
 */
export const window = (options: WindowOptions = {}): Kind => ({ kind: "window", options })

/**
 * The rule of Envoy: retries may be `ratio` of what is running, waiting ones included, and `minimum` in any case. Used as
 * {@link tokens} is in the example of {@link make}.
 */
export const inFlight = (options: InFlightOptions = {}): Kind => ({ kind: "inFlight", options })

/**
 * Makes a budget. Fails with `ConfigError.InvalidValue` when an option is out of range.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Retry, RetryBudget } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 4 }))
 *   const policy = Retry.make({ attempts: Infinity, backoff: Backoff.none, budget, exhausted: "wrap" })
 *   const down = Effect.fail(new Reasons.NetworkError({}))
 *   const exhausted = yield* Effect.flip(down.pipe(Retry.retry(policy)))
 *   return exhausted._tag === "RetriesExhausted" ? [exhausted.limit, exhausted.attempts] : []
 * })
 * Effect.runSync(program) // => ["budget", 2]
 * ```
 */
export const make = (kind: Kind, options: Options = {}): Effect.Effect<RetryBudget, ConfigError.InvalidValue> =>
  Effect.suspend(() => makeAt(placeOf("RetryBudget", options?.name), kind, options))

const table: Table<Options> = { name }

const makeAt = (at: At, kind: Kind, options: Options): Effect.Effect<RetryBudget, ConfigError.InvalidValue> =>
  Effect.flatMap(
    refusing(() => {
      check(at, table, options)
      return new Budget(options.name ?? "default", ruleOf(at, kind))
    }),
    (budget) =>
      Effect.withFiber((fiber) => {
        budget.register(fiber)
        return Effect.succeed<RetryBudget>(budget)
      })
  )

/**
 * One budget for every `Retry` in what it is provided to.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Retry, RetryBudget } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * let calls = 0
 * const down = Effect.suspend(() => (calls++, Effect.fail(new Reasons.NetworkError({}))))
 * const retried = Effect.exit(down.pipe(Retry.retry(Retry.make({ backoff: Backoff.none }))))
 * const program = Effect.replicateEffect(retried, 100).pipe(
 *   Effect.provide(RetryBudget.layer(RetryBudget.tokens({ max: 10 })))
 * )
 * Effect.runSync(program)
 * calls // => 103
 * ```
 */
export const layer = (kind: Kind, options?: Options): Layer.Layer<never, ConfigError.InvalidValue> =>
  Layer.effect(RetryBudget, make(kind, options))

/**
 * The same with the kind from the `ConfigProvider`: one of the sections `tokens`, `window` or `inFlight`, with its options.
 * The name is the path by default.
 *
 * @example
 * ```ts
 * import { RetryBudget } from "@holdfast/resilience"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const provider = ConfigProvider.fromUnknown({ budget: { tokens: { max: 6 } } })
 * const layer = RetryBudget.layerConfig("budget").pipe(Layer.provide(ConfigProvider.layer(provider)))
 * const left = Effect.flatMap(Effect.service(RetryBudget.RetryBudget), (budget) => budget!.left)
 * await Effect.runPromise(left.pipe(Effect.provide(layer))) // => 3
 * ```
 */
export const layerConfig = (path: string, options: Options = {}): Layer.Layer<never, ConfigError.InvalidValue> =>
  Layer.effect(
    RetryBudget,
    Effect.flatMap(readOne(path, kind, false), (found) =>
      makeAt(placeIn(path), found as Kind, { name: path, ...options })
    )
  )

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string> extends PolicyService<Self, Id, RetryBudget> {
  /** Every `Retry` in the effect draws from the budget that the program provides, unless it has one of its own. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Self>
}

/**
 * A budget as a service, in one line, for programs with several: what draws from which is said where it is used. Its name is
 * the service's. Configuration says another kind as {@link layerConfig} does.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Retry, RetryBudget } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * class Payments extends RetryBudget.Service<Payments>()("Payments", RetryBudget.tokens({ max: 4 })) {}
 *
 * const down = Effect.fail(new Reasons.NetworkError({}))
 * const charge = down.pipe(Retry.retry({ attempts: 9, backoff: Backoff.none, exhausted: "wrap" }), Payments.protect)
 * const failure = await Effect.runPromise(Effect.flip(charge).pipe(Effect.provide(Payments.layer)))
 * failure._tag === "RetriesExhausted" && failure.limit // => "budget"
 * ```
 */
export const Service =
  <Self>() =>
  <const Id extends string>(id: Id, written: Kind): ServiceClass<Self, Id> =>
    serviceOf<RetryBudget>("RetryBudget", id, {
      make: make(written, { name: id }),
      fromConfig: (path) =>
        Effect.flatMap(readOne(path, kind), (found) => makeAt(placeIn(path), found ?? written, { name: id })),
      protect: (self, budget) => Effect.provideService(self, RetryBudget, budget)
    })
