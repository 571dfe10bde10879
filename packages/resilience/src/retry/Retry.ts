/** Doing it again, when the failure says that it can help. */
import type { Reasons } from "@holdfast/core"
import { placeOf } from "@holdfast/core/options"
import { Effect, Function } from "effect"
import { combinator } from "../internal/combinator.ts"
import { madeOf, type PolicyService, serviceOf } from "../internal/service.ts"
import { Idempotent } from "./idempotent.ts"
import * as Policy from "./policy.ts"
import { retried } from "./loop.ts"
import type { Plan } from "./plan.ts"

export { Idempotent } from "./idempotent.ts"
export type { Attempt } from "./plan.ts"
export type { Options, Retry } from "./policy.ts"

type Retry<E = unknown, X = never, R = never, A = unknown> = Policy.Retry<E, X, R, A>

type Added<Exhausted> = Exhausted extends "wrap" ? Reasons.RetriesExhausted : never

/**
 * Whether a value is a {@link Retry}.
 *
 * @example
 * ```ts
 * import { Retry } from "@holdfast/resilience"
 *
 * Retry.isRetry(Retry.make()) // => true
 * Retry.isRetry({ attempts: 3 }) // => false
 * ```
 */
export const isRetry: (u: unknown) => u is Retry<never, unknown, unknown, never> = Policy.isRetry

/**
 * Makes a retry policy. An option out of range throws `ConfigError.InvalidValue`, which names the option, where the
 * policy is made.
 *
 * Failures are retried by what they were declared to be; defects and interruptions never are.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Retry } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const policy = Retry.make({ attempts: 4, backoff: Backoff.linear("10 millis"), maxElapsed: "1 second" })
 *
 * let calls = 0
 * const flaky = Effect.suspend(() =>
 *   ++calls < 3 ? Effect.fail(new Reasons.NetworkError({})) : Effect.succeed("answer")
 * )
 * await Effect.runPromise(flaky.pipe(Retry.retry(policy))) // => "answer"
 * calls // => 3
 * ```
 */
export const make = <E = unknown, R = never, const Exhausted extends "original" | "wrap" = "original", A = unknown>(
  options: Policy.Options<E, R, Exhausted, A> = {}
): Retry<E, Added<Exhausted>, R, A> => Policy.make(placeOf("Retry", options?.name), options as never) as never

/**
 * Runs the effect, and runs it again while the policy allows. The first attempt costs what the bare effect costs.
 *
 * Fails with the effect's own failures, and with `Reasons.RetriesExhausted` if the policy wraps. When it gives up, the
 * current span gets `resilience.retry.attempts`; each failed attempt before that is the event
 * `resilience.retry.attempt_failed`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Retry } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const down = Effect.fail(new Reasons.NetworkError({}))
 * const program = Retry.retry(down, Retry.make({ backoff: Backoff.none, exhausted: "wrap" })).pipe(
 *   Effect.catchTag("RetriesExhausted", ({ attempts }) => Effect.succeed(attempts))
 * )
 * Effect.runSync(program) // => 3
 * ```
 */
export const retry: {
  <E0, X, R2, A0>(
    policy: Retry<E0, X, R2, A0>
  ): <A extends A0, E extends E0, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | X, R | R2>
  <R2 = never, const Exhausted extends "original" | "wrap" = "original">(
    options: Policy.Impartial<R2, Exhausted>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Added<Exhausted>, R | R2>
  // Its functions get their types from the effect in front of the pipe. The result has types of its own, because a value that is
  // kept has no effect in front of it …
  <A, E, R2 = never, const Exhausted extends "original" | "wrap" = "original">(
    options: Policy.Options<NoInfer<E>, R2, Exhausted, NoInfer<A>>
  ): <A1, E1, R>(
    self: Effect.Effect<A, E, R> & Effect.Effect<A1, E1, R>
  ) => Effect.Effect<A1, E1 | Added<Exhausted>, R | R2>
  // … or from what is written beside them.
  <E0 = unknown, R2 = never, const Exhausted extends "original" | "wrap" = "original", A0 = unknown>(
    options: Policy.Options<E0, R2, Exhausted, A0>
  ): <A extends A0, E extends E0, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Added<Exhausted>, R | R2>
  <A extends A0, E extends E0, R, E0, X, R2, A0>(
    self: Effect.Effect<A, E, R>,
    policy: Retry<E0, X, R2, A0>
  ): Effect.Effect<A, E | X, R | R2>
  <A, E, R, R2 = never, const Exhausted extends "original" | "wrap" = "original">(
    self: Effect.Effect<A, E, R>,
    options: Policy.Options<NoInfer<E>, R2, Exhausted, NoInfer<A>>
  ): Effect.Effect<A, E | Added<Exhausted>, R | R2>
} = combinator(
  (policy: Policy.AnyRetry | Policy.Options<never, unknown, "original">): Plan =>
    Policy.planIn(Policy.isRetry(policy) ? policy : Policy.make(placeOf("Retry", policy?.name), policy)),
  (self, plan) => retried(self, plan)
)

/**
 * Says whether doing the work twice is as good as once. Belongs around the retry: what is not idempotent is repeated only
 * if the callee was never asked.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Retry } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * let calls = 0
 * const charge = Effect.suspend(() => (calls++, Effect.fail(new Reasons.NetworkError({}))))
 * Effect.runSyncExit(charge.pipe(Retry.retry(Retry.make()), Retry.idempotent(false)))
 * calls // => 1
 * ```
 */
export const idempotent: {
  (isIdempotent: boolean): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, isIdempotent: boolean): Effect.Effect<A, E, R>
} = Function.dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, isIdempotent: boolean): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Idempotent, isIdempotent)
)

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string, E0, X, R2, A0> extends PolicyService<
  Self,
  Id,
  Retry<E0, X, R2, A0>
> {
  /** Retries an effect by the policy that the program provides. */
  readonly protect: <A extends A0, E extends E0, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | X, R | R2 | Self>
}

/**
 * A retry policy as a service, in one line: what it is depends on the program that provides it. Its name is the service's.
 * Configuration says the options that are no functions, under their names; `backoff` is a section with `kind`, `base`,
 * `factor`, `cap` and `jitter`, `when` a list with commas.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Retry } from "@holdfast/resilience"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * class PaymentsRetry extends Retry.Service<PaymentsRetry>()("PaymentsRetry", { attempts: 3 }) {}
 *
 * let calls = 0
 * const charge = Effect.suspend(() => (calls++, Effect.fail(new Reasons.NetworkError({})))).pipe(PaymentsRetry.protect)
 *
 * const provider = ConfigProvider.fromUnknown({
 *   PaymentsRetry: { attempts: 5, backoff: { kind: "constant", base: "1 millis" } }
 * })
 * const layer = PaymentsRetry.layerConfig().pipe(Layer.provide(ConfigProvider.layer(provider)))
 * await Effect.runPromiseExit(charge.pipe(Effect.provide(layer)))
 * calls // => 5
 * ```
 */
export const Service =
  <Self>() =>
  <
    const Id extends string,
    E = unknown,
    R = never,
    const Exhausted extends "original" | "wrap" = "original",
    A = unknown
  >(
    id: Id,
    options: Policy.Options<E, R, Exhausted, A> = {}
  ): ServiceClass<Self, Id, E, Added<Exhausted>, R, A> => {
    const given = options as Policy.Options<never, unknown, "original">
    return serviceOf<Policy.AnyRetry>("Retry", id, {
      ...madeOf("Retry", id, given, Policy.forms, Policy.make),
      protect: (self, policy) => retried(self, Policy.planIn(policy))
    })
  }
