/** What a circuit per key costs and keeps, and what it costs to make a policy. */
import { CircuitBreaker, Policy } from "@holdfast/resilience"
import { circuitBreaker, ConsecutiveBreaker, handleAll, type IPolicy } from "cockatiel"
import { Effect, Layer, ManagedRuntime } from "effect"
import { CircuitBreaker as EffectBreaker } from "effect/persistence"
import Opossum from "opossum"
import { type Case, sync } from "./harness.ts"
import { cockatielBreaker, cockatielStack, inFiber, keys, noop, plainly, trivial, usual } from "./subjects.ts"

const byKey = "One of 10 000 keys, success"
const idle = "A first call for a new key; the bytes include what the key keeps"
const create = "Making one"

export const cases: ReadonlyArray<Case> = [
  {
    group: byKey,
    name: "`CircuitBreaker.keyed`",
    make: () => {
      const keyed = Effect.runSync(CircuitBreaker.keyed({ name: "bench" }))
      let i = 0
      const names = Array.from({ length: 10_000 }, (_, at) => `tenant-${at}`)
      return plainly(Effect.suspend(() => CircuitBreaker.protect(trivial, keyed.get(names[i++ % 10_000]!))))
    }
  },
  {
    group: byKey,
    name: "Effect's own breaker",
    make: async () => {
      const runtime = ManagedRuntime.make(
        EffectBreaker.layer({ tripPolicy: EffectBreaker.consecutive(5), openDuration: "1 hour" }).pipe(
          Layer.provide(EffectBreaker.layerStoreMemory())
        )
      )
      const made = await runtime.runPromise(EffectBreaker.CircuitBreaker)
      let i = 0
      const names = Array.from({ length: 10_000 }, (_, at) => `tenant-${at}`)
      return plainly(Effect.suspend(() => made.execute(trivial, { key: names[i++ % 10_000]! })))
    }
  },

  {
    group: idle,
    kept: true,
    name: "`CircuitBreaker.keyed`, consecutive",
    make: () => {
      const keyed = Effect.runSync(CircuitBreaker.keyed({ name: "bench", capacity: 20_000 }))
      return keys((key) => Effect.runSync(CircuitBreaker.protect(trivial, keyed.get(key))))
    }
  },
  {
    group: idle,
    kept: true,
    name: "`CircuitBreaker.keyed`, rate of 100 calls",
    make: () => {
      const trip = CircuitBreaker.failureRate()
      const keyed = Effect.runSync(CircuitBreaker.keyed({ name: "bench", capacity: 20_000, trip }))
      return keys((key) => Effect.runSync(CircuitBreaker.protect(trivial, keyed.get(key))))
    }
  },
  {
    group: idle,
    kept: true,
    name: "Effect's own breaker, consecutive",
    make: async () => {
      const runtime = ManagedRuntime.make(
        EffectBreaker.layer({ tripPolicy: EffectBreaker.consecutive(5), openDuration: "1 hour" }).pipe(
          Layer.provide(EffectBreaker.layerStoreMemory())
        )
      )
      const made = await runtime.runPromise(EffectBreaker.CircuitBreaker)
      return keys((key) => Effect.runSync(made.execute(trivial, { key })))
    }
  },
  {
    group: idle,
    kept: true,
    name: "cockatiel, consecutive, in a `Map`",
    make: () => {
      const map = new Map<string, IPolicy>()
      return keys((key) => {
        const made = circuitBreaker(handleAll, { halfOpenAfter: 1000, breaker: new ConsecutiveBreaker(5) })
        map.set(key, made)
        return made.execute(noop)
      })
    }
  },

  { group: create, name: "`CircuitBreaker.make`", make: () => inFiber(CircuitBreaker.make({ name: "bench" })) },
  { group: create, name: "`Policy.make`, all four", make: () => inFiber(Policy.make("bench", usual)) },
  {
    group: create,
    name: "cockatiel `wrap` of three",
    make: () => sync(() => cockatielStack())
  },
  {
    group: create,
    name: "cockatiel breaker",
    make: () => sync(() => cockatielBreaker())
  },
  {
    group: create,
    name: "opossum, `timeout: false`",
    make: () => sync(() => new Opossum(noop, { timeout: false }))
  }
]
