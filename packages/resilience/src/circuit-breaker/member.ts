import { Classifier, Failure, Reasons } from "@holdfast/core"
import { Cause, Duration, Effect, Exit, Fiber, Function, Option, References, Scope, type Stream } from "effect"
// The module and not its index, which would load every store there is.
import * as Store from "effect/persistence/CircuitBreaker"
import type { Formula } from "../backoff/formulas.ts"
import { emit } from "../events/event.ts"
import { type AnyFiber, nowOf, spanEvent } from "../internal/fiber.ts"
import { type Guard, GuardId, type Guarding } from "./guard.ts"
import { readable } from "./key.ts"
import { askedOf, delaysFrom, type Outcome, type State, type Step } from "./machine.ts"
import type { Observer } from "./observe.ts"
import type { Options } from "./options.ts"
import { hintOf, outcomeOf } from "./outcome.ts"
import { drawOf } from "./shell.ts"
import type { Transition } from "./transition.ts"

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

/** One circuit of a fleet. Its state is the store's, so reading it may fail. */
export interface FleetMember<out X = never> extends Guard<X> {
  readonly state: Effect.Effect<State, StoreUnavailable>
}

/** What the circuits of one breaker share in one process. Times in milliseconds. */
export interface Circuits {
  readonly name: string
  readonly store: Store.CircuitBreakerStore["Service"]
  readonly observer: Observer
  readonly judge: Pick<Options, "classify" | "outcomes">
  readonly trip: Store.TripPolicy
  readonly openFor: Formula
  readonly maxHint: number
  readonly maxWait: number
  readonly onStoreError: "allow" | "fail"
  readonly storeTimeout: number
  /** That of the breaker. Questions that nobody waits for any more end in it. */
  readonly scope: Scope.Scope
  /** When the probes of this process are given up, by key. */
  readonly probes: Map<string, number>
}

/** How long a question goes on that nobody waits for. Twice what a client of Redis gives it by default. */
const lingering = 10_000

const lower: Readonly<Record<"Closed" | "Open" | "HalfOpen", State>> = {
  Closed: "closed",
  Open: "open",
  HalfOpen: "half_open"
}

const unavailable = (cause: unknown) => Failure.stackless(StoreUnavailable, { cause })

/** What is recorded of a call. */
interface Result {
  readonly outcome: Outcome
  readonly hint?: number | undefined
  /** What the application's own `classify` threw. */
  readonly defect?: Effect.Effect<never>
}

const tags = { success: "Success", failure: "Failure", ignored: "Ignored" } as const

export class Member implements FleetMember, Guarding<StoreUnavailable> {
  readonly [GuardId] = { _X: Function.identity }
  readonly circuits: Circuits
  readonly key: string
  /** Circuits of several breakers may share a store. The first stroke ends the name. */
  readonly #storeKey: string

  constructor(circuits: Circuits, key: string) {
    this.circuits = circuits
    this.key = key
    this.#storeKey = `${circuits.name.replaceAll("%", "%25").replaceAll("/", "%2F")}/${key}`
  }

  get name(): string {
    return this.circuits.name
  }

  get transitions(): Stream.Stream<Transition> {
    return this.circuits.observer.transitions
  }

  get state(): Effect.Effect<State, StoreUnavailable> {
    return Effect.matchEffect(this.#ask(this.circuits.store.state(this.#storeKey)), {
      onFailure: (error) => Effect.fail(unavailable(error.reason)),
      onSuccess: (state) =>
        // An open time that is over is half-open, as in a breaker of one process.
        Effect.succeed(state._tag === "Open" && Duration.isZero(state.retryAfter) ? "half_open" : lower[state._tag])
    })
  }

  guard<A, E, R>(
    fiber: AnyFiber,
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Reasons.CircuitOpen | StoreUnavailable, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (lease) =>
        Effect.exit(this.#admit(lease)).pipe(
          Effect.flatMap((asked): Effect.Effect<A, E | Reasons.CircuitOpen | StoreUnavailable, R> => {
            if (Exit.isFailure(asked)) return this.#refused(fiber, asked.cause, restore(self))
            return Effect.andThen(
              this.#tell(asked.value.transition),
              this.#run(fiber, asked.value, lease, restore(self))
            )
          }),
          Effect.onExit((exit) => Scope.close(lease, exit))
        )
      )
    )
  }

  /** Whoever no longer waits for a probe's slot gives it back. */
  #admit(lease: Scope.Closeable): Effect.Effect<Store.Admission, Store.CircuitBreakerError> {
    return this.#ask(Scope.provide(this.circuits.store.admit(this.#storeKey), lease), (admission) =>
      Effect.andThen(this.#tell(admission.transition), this.#record(admission, { outcome: "ignored" }))
    )
  }

  /** Runs a call that was let through, and has its result recorded. */
  #run<A, E, R>(
    fiber: AnyFiber,
    admission: Store.Admission,
    lease: Scope.Closeable,
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    return Effect.gen({ self: this }, function* () {
      const probe = admission.probe ? yield* this.#watched(admission, lease) : undefined
      const exit = yield* Effect.exit(self)
      if (probe !== undefined && !(yield* probe)) {
        this.circuits.observer.lateResults++
        return yield* exit
      }
      const result = this.#judge(fiber, exit)
      yield* this.#record(admission, result)
      return yield* result.defect === undefined ? exit : Effect.andThen(result.defect, exit)
    })
  }

  /**
   * Gives a probe up that takes too long: its lease is renewed no more, and the store hears of a failure. The effect that is
   * given ends the watch, and says whether the result of the probe still matters.
   */
  #watched(admission: Store.Admission, lease: Scope.Closeable): Effect.Effect<Effect.Effect<boolean>> {
    const { maxWait, probes } = this.circuits
    return Effect.withFiber((fiber) => {
      let matters = true
      const giveUp = Effect.suspend(() => {
        matters = false
        probes.delete(this.key)
        return Effect.andThen(Scope.close(lease, Exit.void), this.#record(admission, { outcome: "failure" }))
      })
      probes.set(this.key, nowOf(fiber) + maxWait)
      return Effect.sleep(maxWait).pipe(
        Effect.andThen(Effect.uninterruptible(giveUp)),
        Effect.forkChild({ startImmediately: true }),
        Effect.map((watch) =>
          Effect.map(Fiber.interrupt(watch), () => {
            if (matters) probes.delete(this.key)
            return matters
          })
        )
      )
    })
  }

  #judge(fiber: AnyFiber, exit: Exit.Exit<unknown, unknown>): Result {
    const { classify, outcomes } = this.circuits.judge
    if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return { outcome: "ignored" }
    try {
      const outcome =
        classify === undefined ? outcomeOf(exit, fiber.getRef(Classifier.Classifier), outcomes) : classify(exit)
      return { outcome, hint: outcome === "failure" ? hintOf(exit) : undefined }
    } catch (error) {
      return { outcome: "ignored", defect: Effect.die(error) }
    }
  }

  /** A result that cannot be recorded is lost, and changes nothing for the call. */
  #record({ consecutiveOpenings, generation }: Store.Admission, { hint, outcome }: Result): Effect.Effect<void> {
    const { maxHint, openFor, store, trip } = this.circuits
    return Effect.withFiber((fiber) => {
      const draw = drawOf(fiber)
      const delay = delaysFrom(openFor, consecutiveOpenings + 1, draw).next(draw)
      const recorded = store.record({
        key: this.#storeKey,
        generation,
        outcome: tags[outcome],
        tripPolicy: trip,
        openFor: Duration.millis(Math.max(askedOf(hint, maxHint), delay))
      })
      const tell = (transition: Store.Transition | undefined) => this.#tell(transition)
      return Effect.matchEffect(this.#ask(recorded, tell), {
        onFailure: (error) => report("circuit store unavailable, a result is not recorded", error),
        onSuccess: tell
      })
    })
  }

  /**
   * Asks the store, and waits for the answer as long as a call may. The question itself goes on, because a client may close
   * only when all it was asked is answered; `unheard` is what becomes of an answer that nobody waits for any more.
   */
  #ask<A>(
    question: Effect.Effect<A, Store.CircuitBreakerError>,
    unheard: (answer: A) => Effect.Effect<void> = () => Effect.void
  ): Effect.Effect<A, Store.CircuitBreakerError> {
    const { scope, storeTimeout } = this.circuits
    return Effect.flatMap(Effect.forkDetach(question, { startImmediately: true }), (asking) => {
      const answer = asking.pollUnsafe()
      if (answer !== undefined) return answer
      const abandoned = Effect.suspend(() => {
        const message = `no answer within ${storeTimeout} ms`
        const reason = new Store.CircuitBreakerStoreError({ message })
        return Effect.timeoutOption(Effect.flatMap(Fiber.join(asking), unheard), lingering).pipe(
          Effect.ensuring(Fiber.interrupt(asking)),
          Effect.ignoreCause,
          Effect.forkIn(scope, { uninterruptible: true }),
          Effect.andThen(Effect.fail(new Store.CircuitBreakerError({ reason })))
        )
      })
      return Effect.timeoutOrElse(Fiber.await(asking), {
        duration: storeTimeout,
        orElse: () => Effect.succeed(undefined)
      }).pipe(Effect.flatMap((exit) => exit ?? abandoned))
    }).pipe(Effect.uninterruptible)
  }

  /** Tells of a transition in the fiber whose call made it. */
  #tell(transition: Store.Transition | undefined): Effect.Effect<void> {
    if (transition === undefined) return Effect.void
    return Effect.withFiber((fiber) => {
      const step: Step = {
        from: lower[transition.from],
        to: lower[transition.to],
        at: nowOf(fiber),
        openFor: transition.to === "Open" ? Duration.toMillis(transition.retryAfter) : undefined,
        openings: transition.to === "Open" ? transition.consecutiveOpenings : 0,
        reason: undefined
      }
      return this.circuits.observer.transitioned([step], this.key)
    })
  }

  /** A call that the store did not let through: it said no, or nothing. */
  #refused<A, E, R>(
    fiber: AnyFiber,
    cause: Cause.Cause<Store.CircuitBreakerError>,
    unrecorded: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Reasons.CircuitOpen | StoreUnavailable, R> {
    const { maxWait, name, observer, onStoreError, probes } = this.circuits
    const error = Option.getOrUndefined(Cause.findErrorOption(cause))
    if (error === undefined) return Effect.failCause(cause as Cause.Cause<never>)
    const { reason } = error
    if (reason._tag === "CircuitBreakerStoreError") {
      spanEvent(fiber, "resilience.circuit_breaker.store_unavailable", { "resilience.circuit_breaker.name": name })
      return onStoreError === "fail"
        ? Effect.fail(unavailable(reason))
        : Effect.andThen(report("circuit store unavailable, a call runs unrecorded", error), unrecorded)
    }
    observer.rejections++
    const now = nowOf(fiber)
    const said = {
      circuit: name,
      key: this.key,
      ...(reason._tag === "CircuitOpen"
        ? { state: "open" as const, retryAfter: reason.retryAfter }
        : // A probe of another process began before now.
          {
            state: "half_open" as const,
            retryAfter: Duration.millis(Math.ceil(Math.max(0, (probes.get(this.key) ?? now + maxWait) - now)))
          })
    }
    emit(fiber, () => ({ _tag: "CallRejected", ...said }))
    return Effect.fail(Failure.stackless(Reasons.CircuitOpen, readable(said)))
  }
}

/** As Effect's own breaker does: at the level of what no caller hears of. */
const report = (message: string, error: Store.CircuitBreakerError): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const level = fiber.getRef(References.UnhandledLogLevel)
    return level === undefined ? Effect.void : Effect.logWithLevel(level)(message, Cause.fail(error))
  })
