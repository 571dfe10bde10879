/** Stops calling a dependency that keeps failing, and finds out by itself when it is back. */
import { Classifier, type ConfigError, Failure, Reasons } from "@holdfast/core"
import {
  Cause,
  Context,
  Duration,
  Effect,
  Exit,
  Function,
  Layer,
  PubSub,
  Random,
  Result,
  type Scope,
  Stream
} from "effect"
import { type AnyFiber, nowOf } from "../internal/fiber.ts"
import * as Machine from "./machine.ts"
import { Observer, type Transition } from "./observe.ts"
import { decode, type Options } from "./options.ts"
import { outcomeOf } from "./outcome.ts"
import type { Trip } from "./trip.ts"

export type { Outcome, State } from "./machine.ts"
export type { Transition } from "./observe.ts"
export type { HalfOpenOptions, Options } from "./options.ts"
export { outcomeOf } from "./outcome.ts"
export type { Trip } from "./trip.ts"

const TypeId = "~@holdfast/resilience/CircuitBreaker"

/** One circuit, for one dependency. Make it once and share it: a breaker per call can never open. */
export interface CircuitBreaker {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** The state now. A circuit whose open time is over is `half_open`, even before the first probe. */
  readonly state: Effect.Effect<Machine.State>
  /** Every change of state from the moment of subscribing. A subscriber that falls 128 behind loses the oldest. */
  readonly transitions: Stream.Stream<Transition>
  /**
   * Closes the circuit to traffic while the scope is open. Counted: traffic flows again, with a fresh circuit, when the
   * last of several isolations has ended.
   */
  readonly isolate: Effect.Effect<void, never, Scope.Scope>
  /** Closes the circuit and forgets what it saw. An isolation stays. */
  readonly reset: Effect.Effect<void>
}

/** The service key of {@link layer}, for programs with one breaker. For several, see {@link Service}. */
export const CircuitBreaker: Context.Service<CircuitBreaker, CircuitBreaker> = Context.Service<CircuitBreaker>(
  "@holdfast/resilience/CircuitBreaker"
)

/** Opens at the n-th failure in a row. */
export const consecutive = (failures: number): Trip => ({ kind: "consecutive", failures })

const drawOf = (fiber: AnyFiber) => () => fiber.getRef(Random.Random).nextDoubleUnsafe()

class Breaker implements CircuitBreaker {
  readonly [TypeId] = TypeId
  readonly name: string
  readonly circuit: Machine.Circuit
  readonly classify: Options["classify"]
  readonly observer: Observer

  constructor(options: Options, settings: Machine.Settings) {
    this.name = options.name
    this.classify = options.classify
    this.circuit = Machine.make(settings)
    this.observer = new Observer(options.name)
  }

  get state(): Effect.Effect<Machine.State> {
    return this.#control(Machine.settle, () => this.circuit.state)
  }

  get reset(): Effect.Effect<void> {
    return this.#control(Machine.reset, Function.constVoid)
  }

  get isolate(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(this.#control(Machine.isolate, Function.constVoid), () =>
      this.#control((circuit, now, _draw, steps) => Machine.endIsolation(circuit, now, steps), Function.constVoid)
    )
  }

  get transitions(): Stream.Stream<Transition> {
    return Stream.unwrap(
      Effect.map(PubSub.sliding<Transition>(128), (hub) => Stream.fromPubSub((this.observer.hub ??= hub)))
    )
  }

  #control<A>(event: typeof Machine.settle, view: () => A): Effect.Effect<A> {
    return Effect.withFiber((fiber) => {
      const steps: Array<Machine.Step> = []
      event(this.circuit, nowOf(fiber), drawOf(fiber), steps)
      const value = view()
      return steps.length === 0 ? Effect.succeed(value) : Effect.as(this.observer.transitioned(steps), value)
    })
  }

  reject(fiber: AnyFiber, now: number): Effect.Effect<never, Reasons.CircuitOpen> {
    this.observer.rejected(fiber)
    const { circuit, name } = this
    const retryAfter = Machine.retryAfter(circuit, now)
    const state = circuit.state as Reasons.CircuitOpen["state"]
    return Effect.fail(
      Failure.stackless(
        Reasons.CircuitOpen,
        retryAfter === undefined
          ? { circuit: name, state }
          : { circuit: name, state, retryAfter: Duration.millis(retryAfter) }
      )
    )
  }

  /** The result of an admitted call. Runs uninterruptibly, once per call. */
  complete(fiber: AnyFiber, generation: number, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    let outcome: Machine.Outcome = "ignored"
    let defect: Effect.Effect<never> | undefined
    if (this.classify === undefined) {
      outcome = outcomeOf(exit, fiber.getRef(Classifier.Classifier))
    } else if (Exit.isSuccess(exit) || !Cause.hasInterruptsOnly(exit.cause)) {
      // The slot goes back whatever the application's own function does.
      try {
        outcome = this.classify(exit)
      } catch (error) {
        defect = Effect.die(error)
      }
    }
    const steps: Array<Machine.Step> = []
    Machine.release(this.circuit, generation, outcome, hintOf(exit), nowOf(fiber), drawOf(fiber), steps)
    if (steps.length === 0) return defect
    const told = this.observer.transitioned(steps)
    return defect === undefined ? told : Effect.andThen(told, defect)
  }

  /** A call while the circuit is not closed. Whoever holds a probe's slot has its way back installed before. */
  probe<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Reasons.CircuitOpen, R> {
    let generation = -1
    const admitted = Effect.withFiber<A, E | Reasons.CircuitOpen, R>((fiber) => {
      const now = nowOf(fiber)
      const steps: Array<Machine.Step> = []
      generation = Machine.acquire(this.circuit, now, drawOf(fiber), steps)
      const next: Effect.Effect<A, E | Reasons.CircuitOpen, R> = generation < 0 ? this.reject(fiber, now) : self
      return steps.length === 0 ? next : Effect.andThen(this.observer.transitioned(steps), next)
    })
    return Effect.withFiber((fiber) =>
      Effect.onExitPrimitive(admitted, (exit) => (generation < 0 ? undefined : this.complete(fiber, generation, exit)))
    )
  }
}

const hintOf = (exit: Exit.Exit<unknown, unknown>): number | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const failure = exit.cause.reasons.find(Cause.isFailReason)
  const asked = failure === undefined ? undefined : Classifier.retryAfterOf(failure.error)
  return asked === undefined ? undefined : Duration.toMillis(asked)
}

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
export const make = (options: Options): Effect.Effect<CircuitBreaker, ConfigError.InvalidValue> =>
  Effect.suspend(() => {
    const settings = decode(options)
    return Result.isSuccess(settings)
      ? Effect.succeed(new Breaker(options, settings.success))
      : Effect.fail(settings.failure)
  })

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
  (breaker: CircuitBreaker): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Reasons.CircuitOpen, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, breaker: CircuitBreaker): Effect.Effect<A, E | Reasons.CircuitOpen, R>
} = Function.dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, breaker: CircuitBreaker): Effect.Effect<A, E | Reasons.CircuitOpen, R> => {
    const core = breaker as Breaker
    const { circuit, classify } = core
    return Effect.withFiber((fiber) => {
      if (circuit.state !== "closed") {
        const now = nowOf(fiber)
        return Machine.rejects(circuit, now) ? core.reject(fiber, now) : core.probe(self)
      }
      // A closed circuit gives out no slots: a call that never reports has cost nothing, and a success needs no clock.
      const { generation } = circuit
      return Effect.onExitPrimitive(self, (exit) => {
        if (exit._tag === "Failure" || classify !== undefined) return core.complete(fiber, generation, exit)
        if (generation === circuit.generation) circuit.tally.success()
        return undefined
      })
    })
  }
)

/** A layer with one breaker under {@link CircuitBreaker}. */
export const layer = (options: Options): Layer.Layer<CircuitBreaker, ConfigError.InvalidValue> =>
  Layer.effect(CircuitBreaker, make(options))

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string> extends Context.ServiceClass<Self, Id, CircuitBreaker> {
  /** The breaker. Whoever provides this one value shares one circuit. */
  readonly layer: Layer.Layer<Self, ConfigError.InvalidValue>
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
  <const Id extends string>(id: Id, options: Omit<Options, "name"> = {}): ServiceClass<Self, Id> => {
    const Key = Context.Service<Self, CircuitBreaker>()(id)
    return Object.assign(Key, {
      layer: Layer.effect(Key, make({ ...options, name: id })),
      protect: <A, E, R>(self: Effect.Effect<A, E, R>) =>
        Effect.flatMap(Effect.service(Key), (breaker) => protect(self, breaker))
    }) as unknown as ServiceClass<Self, Id>
  }
