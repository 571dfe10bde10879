/** Doing it again, when the failure says that it can help. */
import type { Reasons } from "@holdfast/core"
import { type Duration, Effect, Function, Predicate, type Schedule, type Types } from "effect"
import * as Backoff from "../backoff/Backoff.ts"
import { ledgerOf, RetryBudget } from "../budget/RetryBudget.ts"
import { count, millis } from "../internal/check.ts"
import { nowOf } from "../internal/fiber.ts"
import { Idempotent } from "./idempotent.ts"
import { type Plan, Run } from "./run.ts"

export { Idempotent } from "./idempotent.ts"

const TypeId = "~@holdfast/resilience/Retry"

/**
 * A retry policy: an immutable value without counters, so one value serves any number of calls at once.
 *
 * `E` are the failures it can judge, `X` what it adds to them, `R` what its hook and schedule need, `A` the results it can
 * judge.
 */
export interface Retry<in E = unknown, out X = never, out R = never, in A = unknown> {
  readonly [TypeId]: {
    readonly _E: Types.Contravariant<E>
    readonly _X: Types.Covariant<X>
    readonly _R: Types.Covariant<R>
    readonly _A: Types.Contravariant<A>
  }
}

/** What `onRetry` is told about the attempt that failed. */
export interface Attempt<out E> {
  /** Number of the attempt that failed, 1 for the first call. */
  readonly attempt: number
  /** How long the policy waits before the next one. */
  readonly delay: Duration.Duration
  readonly failure: E
}

export interface Options<E, R, Exhausted extends "original" | "wrap", A = unknown> {
  /** Calls in all, the first included. A whole number of at least 1, or `Infinity`. Default: 3. */
  readonly attempts?: number | undefined
  /**
   * The delays: a {@link Backoff.Backoff}, or any `Schedule`, which may also end the retries. Default: exponential from
   * 100 ms with full jitter, at most 20 s.
   */
  readonly backoff?: Backoff.Backoff | Schedule.Schedule<unknown, E, never, R> | undefined
  /**
   * Time for all attempts and waits together. A wait that would not end before it is not begun; a running attempt is not
   * stopped, see `Timeout` for that. More than 0. Default: unlimited.
   */
  readonly maxElapsed?: Duration.Input | undefined
  /**
   * Which failures are retried: a predicate, or a list of tags and codes. Default: those whose declaration says `transient` or `throttled`. A rejection by an open
   * circuit is retried only when `maxElapsed` or a `Deadline` sets an end that its wait can fit into.
   */
  readonly when?: ((failure: E) => boolean) | ReadonlyArray<string> | undefined
  /**
   * Which results are retried, too. When nothing allows another attempt, the caller gets the last one. Default: none.
   */
  readonly unwanted?: ((value: A) => boolean) | undefined
  /** Gives back what an unwanted result holds, before the wait. Default: nothing. */
  readonly discard?: ((value: A) => Effect.Effect<unknown, never, R>) | undefined
  /** The budget that retries are drawn from. Default: the one of `RetryBudget.layer`, if there is one. */
  readonly budget?: RetryBudget | undefined
  /**
   * What to do when another retry inside has given up already: `"retry"` multiplies the attempts, `"give_up"` does not.
   * Default: `"retry"`.
   */
  readonly nested?: "retry" | "give_up" | undefined
  /**
   * How much of a callee's `retryAfter` is honoured. The wait is never shorter than the hint up to this; a longer hint
   * counts as this much. Hints of an open circuit are always honoured in full. Zero or more. Default: 30 s.
   */
  readonly maxHint?: Duration.Input | undefined
  /**
   * What the caller gets when the attempts are used up: `"original"` the last failure as it was, `"wrap"` a
   * `Reasons.RetriesExhausted` with the number of attempts, the time they took and the last failure as its `cause`.
   * Default: `"original"`.
   */
  readonly exhausted?: Exhausted | undefined
  /** Runs before each wait. Default: nothing. */
  readonly onRetry?: ((attempt: Attempt<E>) => Effect.Effect<unknown, never, R>) | undefined
}

const named = (names: ReadonlyArray<string>) => (failure: unknown, code: string) =>
  names.includes(code) || (Predicate.hasProperty(failure, "_tag") && names.includes(String(failure._tag)))

const defaultBackoff = Backoff.exponential("100 millis", { jitter: "full", cap: "20 seconds" })

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
export const isRetry = (u: unknown): u is Retry<never, unknown, unknown, never> => Predicate.hasProperty(u, TypeId)

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
  options: Options<E, R, Exhausted, A> = {}
): Retry<E, Exhausted extends "wrap" ? Reasons.RetriesExhausted : never, R, A> => {
  const attempts = options.attempts ?? 3
  const plan: Plan = {
    attempts: attempts === Infinity ? Infinity : count("Retry.attempts", attempts, 1),
    backoff: options.backoff ?? defaultBackoff,
    maxElapsed:
      options.maxElapsed === undefined ? Infinity : millis("Retry.maxElapsed", options.maxElapsed, { above: 0 }),
    when: typeof options.when === "object" ? named(options.when) : (options.when as Plan["when"]),
    unwanted: options.unwanted as Plan["unwanted"],
    discard: options.discard as Plan["discard"],
    guardNested: options.nested === "give_up",
    ledger: options.budget && ledgerOf(options.budget),
    maxHint: millis("Retry.maxHint", options.maxHint ?? "30 seconds", { infinite: true }),
    wrap: options.exhausted === "wrap",
    onRetry: options.onRetry as Plan["onRetry"]
  }
  return { [TypeId]: plan } as never
}

/** The options of a policy, decoded. */
export const planOf = (policy: Retry<never, unknown, unknown, never>): Plan => policy[TypeId] as unknown as Plan

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
  <A extends A0, E extends E0, R, E0, X, R2, A0>(
    self: Effect.Effect<A, E, R>,
    policy: Retry<E0, X, R2, A0>
  ): Effect.Effect<A, E | X, R | R2>
} = Function.dual(
  2,
  <A extends A0, E extends E0, R, E0, X, R2, A0>(
    self: Effect.Effect<A, E, R>,
    policy: Retry<E0, X, R2, A0>
  ): Effect.Effect<A, E | X, R | R2> => {
    const plan = planOf(policy as Retry<never, unknown, unknown, never>)
    // The clock is read up front only by a policy that will need to know when it started.
    const isTimed = plan.wrap || plan.maxElapsed !== Infinity
    const retried = Effect.withFiber<unknown, unknown, unknown>((fiber) => {
      const budget = plan.ledger === undefined ? fiber.getRef(RetryBudget) : undefined
      const ledger = budget === undefined ? plan.ledger : ledgerOf(budget)
      if (ledger === undefined && !isTimed && plan.unwanted === undefined) {
        return Effect.catchCause(self, (cause) => new Run(self, plan, undefined, 0).failed(cause, fiber))
      }
      const run = new Run(self, plan, ledger, isTimed ? nowOf(fiber) : 0)
      return ledger === undefined ? run.attemptNext : run.counted(ledger)
    })
    return retried as Effect.Effect<A, E | X, R | R2>
  }
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
