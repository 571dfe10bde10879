import type { ConfigError } from "@holdfast/core"
import { count, placeOf, positive } from "@holdfast/core/options"
import { Duration, Effect, type Stream } from "effect"
import { nowOf } from "../internal/fiber.ts"
import { type CircuitBreaker, KeyHandle } from "./handle.ts"
import { checkKey } from "./key.ts"
import type * as Machine from "./machine.ts"
import type { Transition } from "./transition.ts"
import type { Options } from "./options.ts"
import { Registry } from "./registry.ts"
import { decodeScheduled, type Scheduled } from "./schedule.ts"
import { drawOf, type Health, Shell } from "./shell.ts"

export interface KeyedOptions extends Scheduled<Options> {
  /**
   * Circuits at most. When all of them must be kept, calls with further keys run untracked; a key that is isolated or given a
   * mode is kept beside them. Default: 10 000.
   */
  readonly capacity?: number | undefined
  /**
   * How long a circuit is kept that nobody asks for; an open one this long after its open time. More than 0. Default:
   * 1 hour.
   */
  readonly timeToLive?: Duration.Input | undefined
}

const keyedTable = { capacity: count(1), timeToLive: positive }

/** A circuit per host, tenant or shard. They share their options, their name, their metrics and their transitions. */
export interface KeyedCircuitBreaker {
  readonly name: string
  /** The breaker of one key. Costs nothing by itself: its circuit is made when it is used, and found again by its key. Throws
   * `ConfigError.InvalidValue` when the key is no text. */
  readonly get: (key: string) => CircuitBreaker
  /** How every circuit is doing, least recently used first. */
  readonly health: Effect.Effect<ReadonlyArray<Health>>
  /** Circuits kept now. */
  readonly size: Effect.Effect<number>
  /** The transitions of all circuits. Each says its `key`. */
  readonly transitions: Stream.Stream<Transition>
  /** Other options for all circuits, as of one breaker. Capacity and time to live stay. */
  readonly reconfigure: (options: Omit<Scheduled<Options>, "name">) => Effect.Effect<void, ConfigError.InvalidValue>
}

/**
 * Makes a breaker with one circuit per key: bounded in number, forgetting idle circuits, never an open one.
 *
 * Metrics and spans carry the name and never a key: the gauge `resilience.circuit_breaker.state` says how many circuits
 * are in each state. Rejections, logs, transitions and health say the key.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const hosts = yield* CircuitBreaker.keyed({ name: "webhooks", openFor: "30 seconds", capacity: 1000 })
 *   const deliver = (host: string) => Effect.succeed(host).pipe(CircuitBreaker.protect(hosts.get(host)))
 *   yield* deliver("a.example")
 *   yield* deliver("b.example")
 *   return yield* hosts.size
 * })
 * Effect.runSync(program) // => 2
 * ```
 */
export const keyed = (options: KeyedOptions): Effect.Effect<KeyedCircuitBreaker, ConfigError.InvalidValue> =>
  Effect.gen(function* () {
    const at = placeOf("CircuitBreaker", options?.name)
    const settings = yield* decodeScheduled(at, options, keyedTable)
    const { capacity = 10_000, timeToLive = "1 hour", ...rest } = options
    const shell = new Shell(rest)
    const registry = new Registry(settings, capacity, Duration.toMillis(timeToLive))
    const all = <A>(view: (key: string, circuit: Machine.Circuit) => Effect.Effect<A>) =>
      Effect.withFiber((fiber) =>
        Effect.forEach(registry.entries(nowOf(fiber), drawOf(fiber)), ([key, circuit]) => view(key, circuit))
      )
    return yield* Effect.withFiber((fiber) => {
      const alive = new WeakRef(registry)
      shell.observer.register(fiber, (state, now, draw) => alive.deref()?.count(state, now, draw) ?? 0)
      return Effect.succeed<KeyedCircuitBreaker>({
        name: rest.name,
        get: (key) => {
          checkKey(at, key)
          return new KeyHandle(shell, registry, key)
        },
        health: all((key, circuit) => shell.health(circuit, key)),
        size: Effect.map(
          all(() => Effect.void),
          (circuits) => circuits.length
        ),
        transitions: shell.observer.transitions,
        reconfigure: (options) => new KeyHandle(shell, registry, "").reconfigure(options)
      })
    })
  })
