import { Classifier, type ConfigError, Failure, Reasons } from "@holdfast/core"
import { type At, checkOne, type Field, guarded, oneOf, placeOf, refuse, refusing, under } from "@holdfast/core/options"
import { Cause, Duration, Effect, type Exit, Function, Option, type Scope, type Stream } from "effect"
// The module and not its index, which would load every store there is.
import * as Store from "effect/persistence/CircuitBreaker"
import { isBackoff, toSchedule } from "../backoff/Backoff.ts"
import { emit } from "../events/event.ts"
import { type AnyFiber, nowOf, spanEvent } from "../internal/fiber.ts"
import { type Guard, GuardId, type Guarding } from "./guard.ts"
import type { State, Step } from "./machine.ts"
import { nameOf, Observer } from "./observe.ts"
import type { Transition } from "./transition.ts"
import { decode, type Options } from "./options.ts"
import { hintOf, outcomeOf } from "./outcome.ts"
import type { Rule } from "./rule.ts"
import { type Scheduled, unscheduled } from "./schedule.ts"

/**
 * The store that holds the circuits cannot be asked. Transient, and nobody's fault but the store's.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect, Layer } from "effect"
 * import { CircuitBreaker as Persistence } from "effect/persistence"
 *
 * const reason = new Persistence.CircuitBreakerStoreError({ message: "connection refused" })
 * const gone = Effect.fail(new Persistence.CircuitBreakerError({ reason }))
 * const store = Layer.succeed(Persistence.CircuitBreakerStore)(
 *   Persistence.CircuitBreakerStore.of({ admit: () => gone, record: () => gone, state: () => gone })
 * )
 * const program = CircuitBreaker.fleet({ name: "payments", onStoreError: "fail" }).pipe(
 *   Effect.flatMap((fleet) => CircuitBreaker.protect(Effect.succeed("paid"), fleet.get("eu"))),
 *   Effect.catchTag("CircuitStoreUnavailable", () => Effect.succeed("later"))
 * )
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(store))) // => "later"
 * ```
 */
export class StoreUnavailable extends Failure.Tagged<StoreUnavailable>()(
  "CircuitStoreUnavailable",
  {},
  { code: "sys.circuit_store_unavailable", retry: "transient", health: "ignored", http: 503, grpc: "UNAVAILABLE" }
) {}

/** The options of {@link fleet}: those of one breaker that a store can hold. Anything else is refused, with the reason. */
export interface FleetOptions<OnStoreError extends "allow" | "fail" = "allow" | "fail"> extends Scheduled<Options> {
  /**
   * What a call does when the store cannot be asked: `"allow"` runs it, unrecorded; `"fail"` fails it with
   * {@link StoreUnavailable}. Default: `"allow"`.
   */
  readonly onStoreError?: OnStoreError | undefined
}

/** Circuits that many processes share. `X` is what the store adds to the failures of a call. */
export interface Fleet<out X = never> {
  readonly name: string
  /** The circuit of one key. Every process that uses this name, this key and this store uses the same one. */
  readonly get: (key: string) => FleetMember<X>
  /** The transitions that this process made. */
  readonly transitions: Stream.Stream<Transition>
}

/** One circuit of a fleet. Its state is the store's, so reading it may fail. */
export interface FleetMember<out X = never> extends Guard<X> {
  readonly state: Effect.Effect<State, StoreUnavailable>
}

const one: Field<unknown> = guarded("1: the store lets one probe through, and believes it", (u): u is 1 => u === 1)

const tripOf = (at: At, rule: Rule): Store.TripPolicy => {
  switch (rule.kind) {
    case "consecutive":
      return Store.consecutive(rule.failures)
    case "failure_rate": {
      const { minimumCalls, threshold, window } = rule
      return window.kind === "count"
        ? Store.rate({ threshold, size: window.size, minimumCalls })
        : refuse(under(at, "failureRate.window"), "must be a window of calls: the store keeps no times")
    }
    default:
      return refuse(at, "must be consecutive, or failureRate of a window of calls: the store knows no other rule")
  }
}

const fleetTable = { onStoreError: oneOf("allow", "fail") }

const checked = (at: At, options: Omit<FleetOptions, "openFor"> & Pick<Options, "openFor">) => {
  const { halfOpen, mode, onStoreError = "allow" } = options
  const settings = decode(at, options, fleetTable)
  if (mode !== undefined && mode !== "automatic") {
    refuse(under(at, "mode"), 'must be "automatic": the store knows no other')
  }
  for (const option of ["concurrent", "successes", "outOf"] as const) {
    checkOne(under(at, `halfOpen.${option}`), one, halfOpen?.[option] ?? 1)
  }
  if (halfOpen?.maxWait !== undefined) {
    refuse(
      under(at, "halfOpen.maxWait"),
      "must be left out: a probe is waited for as long as the probeLease of the store"
    )
  }
  const openFor = options.openFor ?? "60 seconds"
  return {
    tripPolicy: tripOf(under(at, "trip"), settings.trip),
    openDuration: isBackoff(openFor) ? toSchedule(openFor) : openFor,
    maxOpenDuration: Duration.millis(settings.maxHint),
    onStoreError
  }
}

const lower: Readonly<Record<"Closed" | "Open" | "HalfOpen", State>> = {
  Closed: "closed",
  Open: "open",
  HalfOpen: "half_open"
}

/** Tells of every transition in the fiber whose call made it. */
const observed = (store: Store.CircuitBreakerStore["Service"], observer: Observer) => {
  const tell = (transition: Store.Transition | undefined): Effect.Effect<void> =>
    transition === undefined
      ? Effect.void
      : Effect.withFiber((fiber) => {
          const { from, to } = transition
          const key = transition.key.slice(observer.circuit.length + 1)
          const step: Step = {
            from: lower[from],
            to: lower[to],
            at: nowOf(fiber),
            openFor: transition.to === "Open" ? Duration.toMillis(transition.retryAfter) : undefined,
            openings: transition.to === "Open" ? transition.consecutiveOpenings : 0,
            reason: undefined
          }
          return observer.transitioned([step], key)
        })
  return Store.CircuitBreakerStore.of({
    admit: (key) => Effect.tap(store.admit(key), ({ transition }) => tell(transition)),
    record: (options) => Effect.tap(store.record(options), tell),
    state: store.state
  })
}

const unavailable = (cause: unknown) => Failure.stackless(StoreUnavailable, { cause })

/**
 * A breaker whose circuits many processes share, over the `CircuitBreakerStore` of `effect/persistence`: in memory, or in
 * Redis. Used like any other breaker: `CircuitBreaker.protect(fleet.get(key))`.
 *
 * It opens by `consecutive` or by `failureRate` over a window of calls, lets one probe through in the whole fleet, and
 * closes when that one succeeds; a process that dies while it probes loses its lease. What the store cannot hold (windows of
 * time, slow calls, several probes, modes) is refused when the breaker is made.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect } from "effect"
 * import { CircuitBreaker as Persistence } from "effect/persistence"
 *
 * const program = Effect.gen(function* () {
 *   const one = yield* CircuitBreaker.fleet({ name: "payments", trip: CircuitBreaker.consecutive(1) })
 *   const other = yield* CircuitBreaker.fleet({ name: "payments", trip: CircuitBreaker.consecutive(1) })
 *   const down = Effect.fail(new Reasons.NetworkError({}))
 *   yield* Effect.exit(down.pipe(CircuitBreaker.protect(one.get("eu"))))
 *   return yield* other.get("eu").state
 * })
 * const store = Persistence.layerStoreMemory()
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(store))) // => "open"
 * ```
 */
export const fleet = <const OnStoreError extends "allow" | "fail" = "allow">(
  options: FleetOptions<OnStoreError>
): Effect.Effect<
  Fleet<OnStoreError extends "fail" ? StoreUnavailable : never>,
  ConfigError.InvalidValue,
  Store.CircuitBreakerStore | Scope.Scope
> =>
  Effect.gen(function* () {
    const at = placeOf("CircuitBreaker", options.name)
    const plain = yield* unscheduled(at, options)
    const settings = yield* refusing(() => checked(at, plain))
    const store = yield* Store.CircuitBreakerStore
    const observer = new Observer(options.name)
    yield* Effect.withFiber((fiber) => Effect.sync(() => observer.register(fiber)))
    const breaker = yield* Store.make(settings).pipe(
      Effect.provideService(Store.CircuitBreakerStore, observed(store, observer))
    )
    return {
      name: options.name,
      get: (key) => new Member(options, breaker, observer, key),
      transitions: observer.transitions
    }
  })

class Member implements FleetMember, Guarding<StoreUnavailable> {
  readonly [GuardId] = { _X: Function.identity }
  readonly options: FleetOptions
  readonly breaker: Store.CircuitBreaker
  readonly observer: Observer
  readonly key: string

  constructor(options: FleetOptions, breaker: Store.CircuitBreaker, observer: Observer, key: string) {
    this.options = options
    this.breaker = breaker
    this.observer = observer
    this.key = key
  }

  get name(): string {
    return this.options.name
  }

  /** Circuits of several breakers may share a store. */
  get #storeKey(): string {
    return nameOf(this.name, this.key)
  }

  get transitions(): Stream.Stream<Transition> {
    return this.observer.transitions
  }

  get state(): Effect.Effect<State, StoreUnavailable> {
    return Effect.matchEffect(this.breaker.state(this.#storeKey), {
      onFailure: (error) => Effect.fail(unavailable(error)),
      onSuccess: (state) =>
        // An open time that is over is half-open, as in a breaker of one process.
        Effect.succeed(state._tag === "Open" && Duration.isZero(state.retryAfter) ? "half_open" : lower[state._tag])
    })
  }

  guard<A, E, R>(
    fiber: AnyFiber,
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Reasons.CircuitOpen | StoreUnavailable, R> {
    const { classify, outcomes } = this.options
    let ran = false
    const once: Effect.Effect<A, E, R> = Effect.suspend(() => {
      ran = true
      return self
    })
    const judge = (exit: Exit.Exit<unknown, unknown>): Store.Outcome => {
      const outcome = classify?.(exit) ?? outcomeOf(exit, fiber.getRef(Classifier.Classifier), outcomes)
      if (outcome === "success") return Store.success
      if (outcome === "ignored") return Store.ignored
      const hint = hintOf(exit)
      return Store.failure(hint === undefined ? undefined : { retryAfter: Duration.millis(hint) })
    }
    const run = this.breaker.execute(once, { key: this.#storeKey, classify: judge })
    const handled = Effect.catchCause(run, (cause): Effect.Effect<never, unknown> => {
      const error = Option.getOrUndefined(Cause.findErrorOption(cause))
      // Only what was said before the effect ran is the breaker's; the rest is the effect's own.
      if (ran || !(error instanceof Store.CircuitBreakerError)) return Effect.failCause(cause)
      return this.#rejection(fiber, error.reason)
    })
    return handled as Effect.Effect<A, E | Reasons.CircuitOpen | StoreUnavailable, R>
  }

  #rejection(
    fiber: AnyFiber,
    reason: Store.CircuitBreakerErrorReason
  ): Effect.Effect<never, Reasons.CircuitOpen | StoreUnavailable> {
    if (reason._tag === "CircuitBreakerStoreError") {
      spanEvent(fiber, "resilience.circuit_breaker.store_unavailable", { "resilience.circuit_breaker.name": this.name })
      return Effect.fail(unavailable(reason))
    }
    this.observer.rejections++
    const said = {
      circuit: this.name,
      key: this.key,
      ...(reason._tag === "CircuitOpen"
        ? { state: "open" as const, retryAfter: reason.retryAfter }
        : { state: "half_open" as const })
    }
    emit(fiber, () => ({ _tag: "CallRejected", ...said }))
    return Effect.fail(Failure.stackless(Reasons.CircuitOpen, said))
  }
}
