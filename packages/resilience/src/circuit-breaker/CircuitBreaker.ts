/** Stops calling a dependency that keeps failing, and finds out by itself when it is back. */
import type { ConfigError, Reasons } from "@holdfast/core"
import { type At, checkOne, placeOf, refusing, section } from "@holdfast/core/options"
import { Context, Effect, Function, Layer } from "effect"
import { placeIn, read } from "../internal/config.ts"
import { type PolicyService, serviceOf } from "../internal/service.ts"
import { forms, merged } from "./config.ts"
import type { Guard, Guarding } from "./guard.ts"
import { type CircuitBreaker as Breaker, Single } from "./handle.ts"
import * as Machine from "./machine.ts"
import type { Options } from "./options.ts"
import { decodeScheduled, type Scheduled } from "./schedule.ts"
import { Shell } from "./shell.ts"

export { type Fleet, fleet, type FleetOptions } from "./fleet.ts"
export type { Guard } from "./guard.ts"
export { keyed, type KeyedCircuitBreaker, type KeyedOptions } from "./keyed.ts"
export { StoreUnavailable } from "./member.ts"
export type { Mode, Outcome, State } from "./machine.ts"
export type { Transition } from "./transition.ts"
export type { HalfOpenOptions, Options } from "./options.ts"
export { type Outcomes, outcomeOf } from "./outcome.ts"
export type { Health } from "./shell.ts"
export type { OpenSchedule, Scheduled } from "./schedule.ts"
export { Snapshot } from "./snapshot.ts"
export type { Standing } from "./tally.ts"
export {
  anyOf,
  type Call,
  consecutive,
  custom,
  type CustomOptions,
  failureRate,
  type RateOptions,
  slowRate,
  type SlowRateOptions,
  type Trip,
  type WindowOptions
} from "./trip.ts"

/** One circuit, for one dependency. Make it once and share it: a breaker per call can never open. */
export interface CircuitBreaker extends Breaker {}

/**
 * The service key of {@link layer}, for programs with one breaker. For several, see {@link Service}. The example of
 * {@link layer} shows it.
 */
export const CircuitBreaker: Context.Service<CircuitBreaker, CircuitBreaker> = Context.Service<CircuitBreaker>(
  "@holdfast/resilience/CircuitBreaker"
)

/**
 * Makes a circuit breaker. Fails with `ConfigError.InvalidValue`, which names the option and its range, when an option
 * is out of range.
 *
 * Defaults: opens at the 5th failure in a row, for 60 s; then lets one probe through at a time, closes after 2
 * successes and opens again after 1 failure.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({ name: "payments", trip: CircuitBreaker.consecutive(2) })
 *   const charge = CircuitBreaker.protect(Effect.fail(new Reasons.NetworkError({})), breaker)
 *   yield* Effect.exit(charge)
 *   yield* Effect.exit(charge)
 *   return yield* Effect.flip(charge)
 * })
 * const rejection = Effect.runSync(program)
 * rejection._tag // => "CircuitOpen"
 * ```
 */
export const make = (options: Scheduled<Options>): Effect.Effect<CircuitBreaker, ConfigError.InvalidValue> =>
  Effect.suspend(() => makeAt(placeOf("CircuitBreaker", options?.name), options))

const makeAt = (at: At, options: Scheduled<Options>): Effect.Effect<CircuitBreaker, ConfigError.InvalidValue> =>
  Effect.flatMap(decodeScheduled(at, options), (settings) =>
    Effect.withFiber((fiber) => {
      const breaker = new Single(new Shell(options), Machine.make(settings))
      // The registry of metrics outlives its breakers, and must not keep them.
      const circuit = new WeakRef(breaker.circuit)
      breaker.shell.observer.register(fiber, (state, now, draw) => {
        const alive = circuit.deref()
        return alive !== undefined && Machine.stateAt(alive, now, draw) === state ? 1 : 0
      })
      return Effect.succeed(breaker)
    })
  )

/**
 * Runs the effect if the circuit lets it through, and tells the circuit how it went. A rejected call does not run; it
 * fails with `Reasons.CircuitOpen`, whose `retryAfter` says when to come back. The effect's own failures, defects and
 * interruptions pass unchanged.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({ name: "payments" })
 *   return yield* Effect.succeed("paid").pipe(CircuitBreaker.protect(breaker))
 * })
 * Effect.runSync(program) // => "paid"
 * ```
 */
export const protect: {
  <X>(breaker: Guard<X>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | X | Reasons.CircuitOpen, R>
  <A, E, R, X>(self: Effect.Effect<A, E, R>, breaker: Guard<X>): Effect.Effect<A, E | X | Reasons.CircuitOpen, R>
} = Function.dual(
  2,
  <A, E, R, X>(self: Effect.Effect<A, E, R>, breaker: Guard<X>): Effect.Effect<A, E | X | Reasons.CircuitOpen, R> => {
    const guarding = breaker as unknown as Guarding<X>
    return Effect.withFiber((fiber) => guarding.guard(fiber, self))
  }
)

/**
 * A layer with one breaker under {@link CircuitBreaker}.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(Effect.service(CircuitBreaker.CircuitBreaker), ({ state }) => state)
 * Effect.runSync(program.pipe(Effect.provide(CircuitBreaker.layer({ name: "payments" })))) // => "closed"
 * ```
 */
export const layer = (options: Scheduled<Options>): Layer.Layer<CircuitBreaker, ConfigError.InvalidValue> =>
  Layer.effect(CircuitBreaker, make(options))

/**
 * A layer with one breaker whose options come from the `ConfigProvider`, under a path that is its name by default. They
 * have the names that they have in code: `trip` is `{ consecutive }`, `{ failureRate: { threshold, window: { calls } or
 * { time }, minimumCalls } }`, `{ slowRate }`, or several of them, any of which opens; `openFor` a time, or a backoff such as
 * `{ base, factor, cap, jitter }`; `halfOpen`, `maxHint`, `outcomes` and `mode`. What only code can say (`classify`) is
 * refused, with the reason. Failures name the path.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.CircuitBreaker
 *   return (yield* breaker.health).rules[0]?.rule
 * })
 * const provider = ConfigProvider.fromUnknown({ payments: { trip: { consecutive: 3 }, openFor: "10 seconds" } })
 * const layer = CircuitBreaker.layerConfig("payments").pipe(Layer.provide(ConfigProvider.layer(provider)))
 * await Effect.runPromise(program.pipe(Effect.provide(layer))) // => "3 failures in a row"
 * ```
 */
export const layerConfig = (name: string, path = name): Layer.Layer<CircuitBreaker, ConfigError.InvalidValue> =>
  Layer.effect(CircuitBreaker, fromConfig(name, path, {}))

const fromConfig = (
  name: string,
  path: string,
  defaults: Omit<Scheduled<Options>, "name">
): Effect.Effect<CircuitBreaker, ConfigError.InvalidValue> =>
  Effect.flatMap(read(path, forms, path !== name), (found) =>
    makeAt(placeIn(path), { ...merged(defaults, found), name })
  )

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string> extends PolicyService<Self, Id, CircuitBreaker> {
  /** Protects an effect by the breaker that the program provides. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Reasons.CircuitOpen, R | Self>
}

/**
 * A breaker as a service, in one line. Its name is the service's.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * class Payments extends CircuitBreaker.Service<Payments>()("Payments", { openFor: "30 seconds" }) {}
 *
 * const charge = Effect.succeed("paid").pipe(Payments.protect)
 * await Effect.runPromise(charge.pipe(Effect.provide(Payments.layer))) // => "paid"
 * ```
 */
export const Service =
  <Self>() =>
  <const Id extends string>(id: Id, options: Omit<Scheduled<Options>, "name"> = {}): ServiceClass<Self, Id> => {
    const checked = refusing(() => checkOne(placeOf("CircuitBreaker", id), section, options))
    return serviceOf<CircuitBreaker>("CircuitBreaker", id, {
      make: Effect.andThen(checked, make({ ...options, name: id })),
      fromConfig: (path) => Effect.andThen(checked, fromConfig(id, path, options)),
      protect
    })
  }
