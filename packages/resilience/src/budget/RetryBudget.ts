/**
 * One limit for the retries of many calls. A retry policy bounds one call; when everything fails, thousands of bounded
 * calls still multiply the load on whatever is down. A budget is shared, so it does not.
 */
import type { ConfigError } from "@holdfast/core"
import { Context, type Duration, Effect, Layer } from "effect"
import { count, millis, refusing, within } from "../internal/check.ts"
import { nowOf } from "../internal/fiber.ts"
import { type Ledger, open, type Rule } from "./rules.ts"

const TypeId = "~@holdfast/resilience/RetryBudget"

/** A budget. Make it once and share it. */
export interface RetryBudget {
  readonly [TypeId]: Ledger
  /** Retries that would be allowed now, if nothing else happened. */
  readonly left: Effect.Effect<number>
}

/** How a budget counts: {@link tokens}, {@link window} or {@link inFlight}. */
export type Kind = () => Rule

/**
 * The budget that every `Retry` below draws from, unless it has one of its own. Default: none. Provided by {@link layer}.
 */
export const RetryBudget: Context.Reference<RetryBudget | undefined> = Context.Reference(
  "@holdfast/resilience/RetryBudget",
  { defaultValue: (): RetryBudget | undefined => undefined }
)

/**
 * The rule of gRPC: a failure costs one token, a success earns `ratio` of one, and retries stop while half of the tokens
 * or fewer are left. `max` more than 0, default 10; `ratio` more than 0 and at most 1, default 0.1. The example of
 * {@link make} shows it.
 */
export const tokens =
  (options: { readonly max?: number | undefined; readonly ratio?: number | undefined } = {}): Kind =>
  () => ({
    kind: "tokens",
    max: within("RetryBudget.tokens.max", options.max ?? 10, "a number more than 0, at most 1000", 0, 1000),
    ratio: within("RetryBudget.tokens.ratio", options.ratio ?? 0.1, "a number more than 0, at most 1", 0, 1)
  })

/**
 * The rule of Finagle: retries may be `percent` of the calls of the last `timeToLive`, and `minPerSecond` beside that for
 * clients that call rarely. `percent` more than 0 and at most 1, default 0.2; `minPerSecond` 0 or more, default 10;
 * `timeToLive` more than 0, default 10 s. Used as {@link tokens} is in the example of {@link make}.
 */
export const window =
  (
    options: {
      readonly percent?: number | undefined
      readonly minPerSecond?: number | undefined
      readonly timeToLive?: Duration.Input | undefined
    } = {}
  ): Kind =>
  () => ({
    kind: "window",
    percent: within("RetryBudget.window.percent", options.percent ?? 0.2, "a number more than 0, at most 1", 0, 1),
    minPerSecond: count("RetryBudget.window.minPerSecond", options.minPerSecond ?? 10, 0),
    timeToLive: millis("RetryBudget.window.timeToLive", options.timeToLive ?? "10 seconds", { above: 0 })
  })

/**
 * The rule of Envoy: retries may be `ratio` of what is running, waiting ones included, and `minimum` in any case. `ratio`
 * more than 0 and at most 1, default 0.2; `minimum` 0 or more, default 3. Used as {@link tokens} is in the example of
 * {@link make}.
 */
export const inFlight =
  (options: { readonly ratio?: number | undefined; readonly minimum?: number | undefined } = {}): Kind =>
  () => ({
    kind: "in_flight",
    ratio: within("RetryBudget.inFlight.ratio", options.ratio ?? 0.2, "a number more than 0, at most 1", 0, 1),
    minimum: count("RetryBudget.inFlight.minimum", options.minimum ?? 3, 0)
  })

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
export const make = (kind: Kind): Effect.Effect<RetryBudget, ConfigError.InvalidValue> =>
  refusing(() => {
    const ledger = open(kind())
    return {
      [TypeId]: ledger,
      left: Effect.withFiber((fiber) => Effect.succeed(ledger.left(nowOf(fiber))))
    }
  })

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
export const layer = (kind: Kind): Layer.Layer<never, ConfigError.InvalidValue> => Layer.effect(RetryBudget, make(kind))

/** What a budget counts with. */
export const ledgerOf = (budget: RetryBudget): Ledger => budget[TypeId]
