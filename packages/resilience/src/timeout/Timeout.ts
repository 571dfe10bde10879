/** Giving an effect only so much time. */
import { placeOf, refusing } from "@holdfast/core/options"
import { Duration, Effect, Option, Predicate } from "effect"
import { combinator } from "../internal/combinator.ts"
import { placeIn, readOne } from "../internal/config.ts"
import { type PolicyService, serviceOf } from "../internal/service.ts"
import { form, limitOf, merged, type Options, type Plan, planOf, run, type TimedOut } from "./limit.ts"

export type { Options, TimedOut } from "./limit.ts"

const TypeId = "~@holdfast/resilience/Timeout"

/** A limit of time: an immutable value that serves any number of calls at once. */
export interface Timeout {
  readonly [TypeId]: typeof TypeId
}

class Made implements Timeout {
  readonly [TypeId] = TypeId
  readonly plan: Plan

  constructor(plan: Plan) {
    this.plan = plan
  }
}

/**
 * Makes a limit as a value. Out of range it throws `ConfigError.InvalidValue` where it is made.
 *
 * @example
 * ```ts
 * import { Timeout } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const short = Timeout.make({ after: "10 millis", operation: "charge" })
 * const failure = await Effect.runPromise(Effect.flip(Effect.never.pipe(Timeout.timeout(short))))
 * failure._tag // => "Timeout"
 * ```
 */
export const make = (limit: Duration.Input | Options): Timeout => new Made(planOf(placeOf("Timeout"), limit))

/**
 * Interrupts the effect when it takes too long, waits for its finalizers, and fails with `Reasons.Timeout`. Under a
 * `Deadline` that leaves less time than that, it is shortened to what is left, and fails with `Reasons.DeadlineExceeded`,
 * which is never retried and counts against nobody's health.
 *
 * Only what the limit stopped becomes a timeout: a failure or a defect that the effect still produces while it is
 * being interrupted passes unchanged and alone, as do its own failures, defects and interruptions before. An effect that
 * ends without waiting arms no timer. A limit out of range throws `ConfigError.InvalidValue` where it is written.
 *
 * @example
 * ```ts
 * import { Timeout } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const slow = Effect.never.pipe(Timeout.timeout({ after: "10 millis", operation: "charge" }))
 * const failure = await Effect.runPromise(Effect.flip(slow))
 * failure.message // => "timeout error: charge after 10ms"
 * ```
 */
export const timeout: {
  (
    limit: Duration.Input | Options | Timeout
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | TimedOut, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, limit: Duration.Input | Options | Timeout): Effect.Effect<A, E | TimedOut, R>
} = combinator(
  (limit: Duration.Input | Options | Timeout): Plan =>
    Predicate.hasProperty(limit, TypeId)
      ? (limit as Made).plan
      : planOf(placeOf("Timeout"), limit as Duration.Input | Options),
  (self, plan) => limited(self, plan)
)

const limited = <A, E, R>(self: Effect.Effect<A, E, R>, plan: Plan): Effect.Effect<A, E | TimedOut, R> =>
  Effect.withFiber((fiber) => {
    const { generate } = plan
    const own = generate === undefined ? plan : { ...plan, after: generated(generate()) }
    return run(fiber, self, own, limitOf(own, fiber))
  })

const generated = (input: Duration.Input): number => {
  const millis = Option.getOrElse(Option.map(Duration.fromInput(input), Duration.toMillis), () => Infinity)
  return millis > 0 ? millis : Infinity
}

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string> extends PolicyService<Self, Id, Timeout> {
  /** Limits an effect by what the program provides. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | TimedOut, R | Self>
}

/**
 * A limit as a service, in one line: how long it is depends on the program that provides it. Configuration says a time, or a
 * section with `after`, `operation` and `disconnect`.
 *
 * @example
 * ```ts
 * import { Timeout } from "@holdfast/resilience"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * class PaymentsTimeout extends Timeout.Service<PaymentsTimeout>()("PaymentsTimeout", "2 seconds") {}
 *
 * const provider = ConfigProvider.fromUnknown({ PaymentsTimeout: "5 millis" })
 * const layer = PaymentsTimeout.layerConfig().pipe(Layer.provide(ConfigProvider.layer(provider)))
 * const failure = Effect.flip(Effect.never.pipe(PaymentsTimeout.protect))
 * const { message } = await Effect.runPromise(failure.pipe(Effect.provide(layer)))
 * message // => "timeout error: no answer after 5ms"
 * ```
 */
export const Service =
  <Self>() =>
  <const Id extends string>(id: Id, limit: Duration.Input | Options): ServiceClass<Self, Id> =>
    serviceOf<Timeout>("Timeout", id, {
      make: refusing(() => new Made(planOf(placeOf("Timeout", id), limit))),
      fromConfig: (path) =>
        Effect.flatMap(readOne(path, form), (found) =>
          refusing(() => new Made(planOf(placeIn(path), merged(limit, found))))
        ),
      protect: (self, made) => limited(self, (made as Made).plan)
    })
