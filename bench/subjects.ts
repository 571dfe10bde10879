/** What is measured, and how it is run: in a fiber, across promises, a thousand at once. */
import { Reasons } from "@holdfast/core"
import { CircuitBreaker, Policy } from "@holdfast/resilience"
import {
  circuitBreaker,
  ConsecutiveBreaker,
  handleAll,
  type IPolicy,
  retry,
  timeout,
  TimeoutStrategy,
  wrap
} from "cockatiel"
import { Effect, Layer, Logger, ManagedRuntime } from "effect"
import { CircuitBreaker as EffectBreaker } from "effect/persistence"
import Opossum from "opossum"
import type { Run } from "./harness.ts"

/** Runs an effect `n` times in one fiber. */
export const inFiber = (effect: Effect.Effect<unknown, unknown>): Run => {
  const each = Effect.exit(effect)
  return (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* each
      }).pipe(Effect.provide(quiet))
    )
}

/** As {@link inFiber} for effects that cannot fail, without the price of the exit. */
export const plainly = (effect: Effect.Effect<unknown, unknown>): Run => {
  const each = effect as Effect.Effect<unknown>
  return (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* each
      })
    )
}

/** Runs a promise `n` times, one after the other. */
export const awaited =
  (call: () => Promise<unknown>): Run =>
  async (n) => {
    for (let i = 0; i < n; i++) {
      try {
        await call()
      } catch {
        // A rejection is what is measured.
      }
    }
  }

/** Runs a thousand at once, `n` in all. */
export const thousand = (effect: Effect.Effect<unknown, unknown>): Run => {
  const some = (many: number) =>
    Effect.forEach(Array.from({ length: many }), () => effect as Effect.Effect<unknown>, {
      concurrency: "unbounded",
      discard: true
    })
  return async (n) => {
    for (let left = n; left > 0; left -= 1000) await Effect.runPromise(some(Math.min(1000, left)))
  }
}

/** As {@link thousand}, for promises. */
export const thousandAwaited =
  (call: () => Promise<unknown>): Run =>
  async (n) => {
    for (let left = n; left > 0; left -= 1000) await Promise.all(Array.from({ length: Math.min(1000, left) }, call))
  }

/** As {@link plainly}, inside of a span that remembers what it is told, as one that is exported does. */
export const inSpan = (effect: Effect.Effect<unknown, unknown>): Run => plainly(Effect.withSpan(effect, "charge"))

export const quiet = Logger.layer([])
export const trivial = Effect.suspend(() => Effect.succeed(1))
export const noop = async () => 1
export const promised = Effect.promise(noop)
export const down = new Reasons.NetworkError({})
export const fails = Effect.suspend(() => Effect.fail(down))
export const broken = async (): Promise<number> => {
  throw down
}

export const breaker = (options: Partial<CircuitBreaker.Options> = {}) =>
  Effect.runSync(CircuitBreaker.make({ name: "bench", ...options }))

export const open = () => {
  const made = breaker({ trip: CircuitBreaker.consecutive(1), openFor: "1 hour" })
  Effect.runSync(Effect.exit(CircuitBreaker.protect(fails, made)).pipe(Effect.provide(quiet)))
  return CircuitBreaker.protect(trivial, made)
}

/** Effect's own breaker around an effect, with a store of its own. */
export const effects = async (
  self: Effect.Effect<unknown, unknown>,
  tripPolicy = EffectBreaker.consecutive(5)
): Promise<Effect.Effect<unknown, unknown>> => {
  const runtime = ManagedRuntime.make(
    EffectBreaker.layer({ tripPolicy, openDuration: "1 hour" }).pipe(Layer.provide(EffectBreaker.layerStoreMemory()))
  )
  const made = await runtime.runPromise(EffectBreaker.CircuitBreaker)
  return self.pipe(made.execute({ key: "bench" }))
}

export const never = { failures: 1_000_000_000 }

export const cockatiel = (policy: IPolicy, call: () => Promise<number> = noop): Run =>
  awaited(() => policy.execute(call))

export const cockatielBreaker = (failures = 1_000_000_000) =>
  circuitBreaker(handleAll, { halfOpenAfter: 3_600_000, breaker: new ConsecutiveBreaker(failures) })

export const cockatielStack = (breaker = cockatielBreaker()) =>
  wrap(retry(handleAll, { maxAttempts: 3 }), breaker, timeout(10_000, TimeoutStrategy.Cooperative))

export const usual = {
  timeout: "30 seconds",
  retry: { attempts: 4 },
  circuitBreaker: { trip: CircuitBreaker.consecutive(5) },
  attemptTimeout: "10 seconds"
} as const

export const policy = (options: Policy.Options) => Effect.runSync(Policy.make("bench", options))

export const runner = (self: Effect.Effect<unknown, unknown>) =>
  awaited(() => Effect.runPromise(self as Effect.Effect<unknown>))

/** Fails twice, then succeeds, again and again. */
export const twice = () => {
  let calls = 0
  return Effect.suspend((): Effect.Effect<number, Reasons.NetworkError> =>
    ++calls % 3 === 0 ? Effect.succeed(1) : Effect.fail(down)
  )
}

export const twiceAsync = () => {
  let calls = 0
  return async () => {
    if (++calls % 3 !== 0) throw down
    return 1
  }
}

/** Makes `n` circuits that have seen one call each; the bytes of this row are what an idle key holds. */
export const keys = (call: (key: string) => unknown): Run => {
  let made = 0
  return async (n) => {
    for (let i = 0; i < n; i++) await call(`tenant-${made++}`)
  }
}

/** A call that waits for one turn of the event loop. */
export const hopping = (): Promise<number> => new Promise((resolve) => setImmediate(resolve, 1))

/** Fails twice, then succeeds, each time it is run: many may run at once. */
export const failingTwice = (
  retried: (self: Effect.Effect<number, Reasons.NetworkError>) => Effect.Effect<unknown, unknown>
) => Effect.suspend(() => retried(twice()))

/** Effect's own breaker, open. */
export const effectsOpen = async (): Promise<Effect.Effect<unknown, unknown>> => {
  const made = await effects(fails, EffectBreaker.consecutive(1))
  await Effect.runPromise(Effect.exit(made))
  return made
}

/** opossum, open. */
export const opossumOpen = async () => {
  const circuit = new Opossum(broken, { timeout: false, resetTimeout: 3_600_000, errorThresholdPercentage: 1 })
  await circuit.fire().catch(() => {})
  return circuit
}
