import type { ConfigError } from "@holdfast/core"
import {
  type At,
  checkOne,
  type Field,
  guarded,
  oneOf,
  placeOf,
  positive,
  refuse,
  refusing,
  under
} from "@holdfast/core/options"
import { Duration, Effect, type Scope, type Stream } from "effect"
// The module and not its index, which would load every store there is.
import * as Store from "effect/persistence/CircuitBreaker"
import { checkKey } from "./key.ts"
import { type Circuits, type FleetMember, Member, type StoreUnavailable } from "./member.ts"
import { Observer } from "./observe.ts"
import { decode, type Options } from "./options.ts"
import type { Rule } from "./rule.ts"
import { type Scheduled, unscheduled } from "./schedule.ts"
import type { Transition } from "./transition.ts"

/** The options of {@link fleet}: those of one breaker that a store can hold. Anything else is refused, with the reason. */
export interface FleetOptions<OnStoreError extends "allow" | "fail" = "allow" | "fail"> extends Scheduled<Options> {
  /**
   * What a call does when the store cannot be asked: `"allow"` runs it, unrecorded; `"fail"` fails it with
   * {@link StoreUnavailable}. Default: `"allow"`.
   */
  readonly onStoreError?: OnStoreError | undefined
  /**
   * How long a call waits for the store: once to be let through, and once to have its result recorded. After it the store
   * cannot be asked, or the result is not recorded. More than 0. Default: 1 second.
   */
  readonly storeTimeout?: Duration.Input | undefined
}

/** Circuits that many processes share. `X` is what the store adds to the failures of a call. */
export interface Fleet<out X = never> {
  readonly name: string
  /** The circuit of one key. Every process that uses this name, this key and this store uses the same one. Throws
   * `ConfigError.InvalidValue` when the key is no text. */
  readonly get: (key: string) => FleetMember<X>
  /** The transitions that this process made. */
  readonly transitions: Stream.Stream<Transition>
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

const fleetTable = { onStoreError: oneOf("allow", "fail"), storeTimeout: positive }

const checked = (at: At, options: Omit<FleetOptions, "openFor"> & Pick<Options, "openFor">) => {
  const settings = decode(at, options, fleetTable)
  const { classify, halfOpen, mode, onStoreError = "allow", outcomes, storeTimeout = "1 second" } = options
  if (mode !== undefined && mode !== "automatic") {
    refuse(under(at, "mode"), 'must be "automatic": the store knows no other')
  }
  for (const option of ["concurrent", "successes", "outOf"] as const) {
    checkOne(under(at, `halfOpen.${option}`), one, halfOpen?.[option] ?? 1)
  }
  const { maxHint, maxWait, openFor, trip } = settings
  return {
    judge: { classify, outcomes },
    trip: tripOf(under(at, "trip"), trip),
    openFor,
    maxHint,
    maxWait,
    onStoreError,
    storeTimeout: Duration.toMillis(storeTimeout)
  }
}

/**
 * A breaker whose circuits many processes share, over the `CircuitBreakerStore` of `effect/persistence`: in memory, or in
 * Redis. Used like any other breaker: `CircuitBreaker.protect(fleet.get(key))`.
 *
 * It opens by `consecutive` or by `failureRate` over a window of calls, lets one probe through in the whole fleet, and
 * closes when that one succeeds; a process that dies while it probes loses its lease, and a probe that hangs has failed after
 * `halfOpen.maxWait`. What the store cannot hold (windows of time, slow calls, several probes, modes) is refused when the
 * breaker is made.
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
    const at = placeOf("CircuitBreaker", options?.name)
    const plain = yield* unscheduled(at, options)
    const settings = yield* refusing(() => checked(at, plain))
    const store = yield* Store.CircuitBreakerStore
    const observer = new Observer(options.name)
    yield* Effect.withFiber((fiber) => Effect.sync(() => observer.register(fiber)))
    const circuits: Circuits = {
      ...settings,
      name: options.name,
      store,
      observer,
      scope: yield* Effect.scope,
      probes: new Map()
    }
    return {
      name: options.name,
      get: (key) => {
        checkKey(at, key)
        return new Member(circuits, key)
      },
      transitions: observer.transitions
    }
  })
