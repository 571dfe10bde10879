/** What the policies cost, beside cockatiel, opossum and Effect's own. */
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Policy, Retry, Timeout } from "@holdfast/resilience"
import {
  ConsecutiveBreaker,
  circuitBreaker,
  CountBreaker,
  handleAll,
  type IPolicy,
  NoopPolicy,
  retry,
  timeout,
  TimeoutStrategy,
  wrap
} from "cockatiel"
import { Effect, Exit, Layer, Logger, ManagedRuntime, Schedule } from "effect"
import { CircuitBreaker as EffectBreaker } from "effect/persistence"
import Opossum from "opossum"
import type { Case, Run } from "./harness.ts"

/** Runs an effect `n` times in one fiber. */
const inFiber = (effect: Effect.Effect<unknown, unknown>): Run => {
  const each = Effect.exit(effect)
  return (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* each
      }).pipe(Effect.provide(quiet))
    )
}

/** As {@link inFiber} for effects that cannot fail, without the price of the exit. */
const plainly = (effect: Effect.Effect<unknown, unknown>): Run => {
  const each = effect as Effect.Effect<unknown>
  return (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* each
      })
    )
}

/** Runs a promise `n` times, one after the other. */
const awaited =
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
const thousand = (effect: Effect.Effect<unknown, unknown>): Run => {
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
const thousandAwaited =
  (call: () => Promise<unknown>): Run =>
  async (n) => {
    for (let left = n; left > 0; left -= 1000) await Promise.all(Array.from({ length: Math.min(1000, left) }, call))
  }

/** As {@link plainly}, inside of a span that remembers what it is told, as one that is exported does. */
const inSpan = (effect: Effect.Effect<unknown, unknown>): Run => plainly(Effect.withSpan(effect, "charge"))

const quiet = Logger.layer([])
const trivial = Effect.suspend(() => Effect.succeed(1))
const noop = async () => 1
const promised = Effect.promise(noop)
const down = new Reasons.NetworkError({})
const fails = Effect.suspend(() => Effect.fail(down))
const broken = async (): Promise<number> => {
  throw down
}

const breaker = (options: Partial<CircuitBreaker.Options> = {}) =>
  Effect.runSync(CircuitBreaker.make({ name: "bench", ...options }))

const open = () => {
  const made = breaker({ trip: CircuitBreaker.consecutive(1), openFor: "1 hour" })
  Effect.runSync(Effect.exit(CircuitBreaker.protect(fails, made)).pipe(Effect.provide(quiet)))
  return CircuitBreaker.protect(trivial, made)
}

/** Effect's own breaker around an effect, with a store of its own. */
const effects = async (
  self: Effect.Effect<unknown, unknown>,
  tripPolicy = EffectBreaker.consecutive(5)
): Promise<Effect.Effect<unknown, unknown>> => {
  const runtime = ManagedRuntime.make(
    EffectBreaker.layer({ tripPolicy, openDuration: "1 hour" }).pipe(Layer.provide(EffectBreaker.layerStoreMemory()))
  )
  const made = await runtime.runPromise(EffectBreaker.CircuitBreaker)
  return self.pipe(made.execute({ key: "bench" }))
}

const never = { failures: 1_000_000_000 }

const cockatiel = (policy: IPolicy, call: () => Promise<number> = noop): Run => awaited(() => policy.execute(call))

const cockatielBreaker = (failures = 1_000_000_000) =>
  circuitBreaker(handleAll, { halfOpenAfter: 3_600_000, breaker: new ConsecutiveBreaker(failures) })

const cockatielStack = (breaker = cockatielBreaker()) =>
  wrap(retry(handleAll, { maxAttempts: 3 }), breaker, timeout(10_000, TimeoutStrategy.Cooperative))

const usual = {
  timeout: "30 seconds",
  retry: { attempts: 4 },
  circuitBreaker: { trip: CircuitBreaker.consecutive(5) },
  attemptTimeout: "10 seconds"
} as const

const policy = (options: Policy.Options) => Effect.runSync(Policy.make("bench", options))

const runner = (self: Effect.Effect<unknown, unknown>) =>
  awaited(() => Effect.runPromise(self as Effect.Effect<unknown>))

/** Fails twice, then succeeds, again and again. */
const twice = () => {
  let calls = 0
  return Effect.suspend((): Effect.Effect<number, Reasons.NetworkError> =>
    ++calls % 3 === 0 ? Effect.succeed(1) : Effect.fail(down)
  )
}

const twiceAsync = () => {
  let calls = 0
  return async () => {
    if (++calls % 3 !== 0) throw down
    return 1
  }
}

/** Makes `n` circuits that have seen one call each; the bytes of this row are what an idle key holds. */
const keys = (call: (key: string) => unknown): Run => {
  let made = 0
  return async (n) => {
    for (let i = 0; i < n; i++) await call(`tenant-${made++}`)
  }
}

const fiber = "One fiber, success"
const fiberOpen = "One fiber, rejected by an open circuit"
const fiberFail = "One fiber, failure"
const fiberTwice = "One fiber, two failures without a wait, then success"
const pipeline = "Retry, breaker and timeout together, success"
const total = "Total timeout, retry, breaker and attempt timeout together, success"
const promise = "Promise in, promise out, success"
const promiseOpen = "Promise in, promise out, rejected by an open circuit"
const promiseFail = "Promise in, promise out, failure"
const promiseTwice = "Promise in, promise out, two failures without a wait, then success"
const concurrent = "A thousand at once, success"
const concurrentPromise = "A thousand at once, promise in, promise out, success"
const telemetry = "All four together, success, without and with telemetry"
const telemetryTwice = "Retry, two failures without a wait, then success, without and with telemetry"
const byKey = "One of 10 000 keys, success"
const create = "Making one"
const idle = "A first call for a new key; the bytes include what the key keeps"

export const cases: ReadonlyArray<Case> = [
  { group: fiber, name: "nothing", make: () => plainly(trivial) },
  {
    group: fiber,
    name: "`CircuitBreaker`, consecutive",
    make: () => plainly(CircuitBreaker.protect(trivial, breaker()))
  },
  {
    group: fiber,
    name: "`CircuitBreaker`, rate of 100 calls",
    make: () => plainly(CircuitBreaker.protect(trivial, breaker({ trip: CircuitBreaker.failureRate() })))
  },
  {
    group: fiber,
    name: "`CircuitBreaker`, rate of 10 s",
    make: () =>
      plainly(
        CircuitBreaker.protect(
          trivial,
          breaker({ trip: CircuitBreaker.failureRate({ window: { time: "10 seconds" } }) })
        )
      )
  },
  {
    group: fiber,
    name: "`CircuitBreaker`, slow calls, in flight too",
    make: () =>
      plainly(CircuitBreaker.protect(trivial, breaker({ trip: CircuitBreaker.slowRate({ slowerThan: "1 second" }) })))
  },
  { group: fiber, name: "Effect's own breaker, consecutive", make: async () => plainly(await effects(trivial)) },
  {
    group: fiber,
    name: "Effect's own breaker, rate of 100 calls",
    make: async () => plainly(await effects(trivial, EffectBreaker.rate({})))
  },
  { group: fiber, name: "`Retry`", make: () => plainly(Retry.retry(trivial, Retry.make())) },
  {
    group: fiber,
    name: "`Effect.retry` with a schedule",
    make: () => plainly(Effect.retry(trivial, { schedule: Schedule.exponential("100 millis"), times: 3 }))
  },
  { group: fiber, name: "`Timeout`", make: () => plainly(Timeout.timeout(trivial, "10 seconds")) },
  { group: fiber, name: "`Effect.timeout`", make: () => plainly(Effect.timeout(trivial, "10 seconds")) },

  { group: fiberOpen, name: "`CircuitBreaker`", make: () => inFiber(open()) },
  {
    group: fiberOpen,
    name: "Effect's own breaker",
    make: async () => {
      const made = await effects(fails, EffectBreaker.consecutive(1))
      await Effect.runPromise(Effect.exit(made))
      return inFiber(made)
    }
  },

  {
    group: fiberFail,
    name: "`CircuitBreaker`",
    make: () => inFiber(CircuitBreaker.protect(fails, breaker({ trip: CircuitBreaker.consecutive(never.failures) })))
  },
  {
    group: fiberFail,
    name: "Effect's own breaker",
    make: async () => inFiber(await effects(fails, EffectBreaker.consecutive(never.failures)))
  },

  {
    group: fiberTwice,
    name: "`Retry`",
    make: () => inFiber(Retry.retry(twice(), Retry.make({ backoff: Backoff.none })))
  },
  {
    group: fiberTwice,
    name: "`Effect.retry` with a schedule",
    make: () => inFiber(Effect.retry(twice(), Schedule.recurs(3)))
  },
  { group: fiberTwice, name: "`Effect.retry` with `times`", make: () => inFiber(Effect.retry(twice(), { times: 3 })) },

  {
    group: pipeline,
    name: "`Policy`",
    make: () => plainly(Policy.protect(trivial, policy({ ...usual, timeout: undefined })))
  },
  {
    group: pipeline,
    name: "`Retry`, `CircuitBreaker`, `Timeout` around each other",
    make: () =>
      plainly(
        trivial.pipe(
          Timeout.timeout("10 seconds"),
          CircuitBreaker.protect(breaker()),
          Retry.retry(Retry.make({ attempts: 4 }))
        )
      )
  },
  {
    group: pipeline,
    name: "Effect's own three",
    make: async () =>
      plainly(
        (await effects(Effect.timeout(trivial, "10 seconds"))).pipe(
          Effect.retry({ schedule: Schedule.exponential("100 millis"), times: 3 })
        )
      )
  },
  { group: pipeline, name: "cockatiel `wrap`, a promise", make: () => cockatiel(cockatielStack()) },
  {
    group: pipeline,
    name: "`Policy`, a promise",
    make: () => runner(Policy.protect(promised, policy({ ...usual, timeout: undefined })))
  },

  { group: total, name: "`Policy`", make: () => plainly(Policy.protect(trivial, policy(usual))) },
  {
    group: total,
    name: "Effect's own four",
    make: async () =>
      plainly(
        (await effects(Effect.timeout(trivial, "10 seconds"))).pipe(
          Effect.retry({ schedule: Schedule.exponential("100 millis"), times: 3 }),
          Effect.timeout("30 seconds")
        )
      )
  },
  {
    group: total,
    name: "cockatiel `wrap`, a promise",
    make: () => cockatiel(wrap(timeout(30_000, TimeoutStrategy.Cooperative), cockatielStack()))
  },

  { group: promise, name: "nothing", make: () => awaited(noop) },
  { group: promise, name: "`Effect.runPromise` of it", make: () => runner(promised) },
  { group: promise, name: "`CircuitBreaker`", make: () => runner(CircuitBreaker.protect(promised, breaker())) },
  { group: promise, name: "Effect's own breaker", make: async () => runner(await effects(promised)) },
  { group: promise, name: "cockatiel breaker, consecutive", make: () => cockatiel(cockatielBreaker()) },
  {
    group: promise,
    name: "cockatiel breaker, 100 calls",
    make: () =>
      cockatiel(
        circuitBreaker(handleAll, { halfOpenAfter: 1000, breaker: new CountBreaker({ threshold: 0.5, size: 100 }) })
      )
  },
  {
    group: promise,
    name: "opossum, `timeout: false`",
    make: () => {
      const circuit = new Opossum(noop, { timeout: false })
      return awaited(() => circuit.fire())
    }
  },
  {
    group: promise,
    name: "opossum, its default timeout",
    make: () => {
      const circuit = new Opossum(noop)
      return awaited(() => circuit.fire())
    }
  },
  { group: promise, name: "`Retry`", make: () => runner(Retry.retry(promised, Retry.make())) },
  { group: promise, name: "cockatiel retry", make: () => cockatiel(retry(handleAll, { maxAttempts: 3 })) },
  { group: promise, name: "cockatiel no policy", make: () => cockatiel(new NoopPolicy()) },

  { group: promiseOpen, name: "`CircuitBreaker`, `runPromise`", make: () => runner(open()) },
  {
    group: promiseOpen,
    name: "`CircuitBreaker`, `runPromiseExit`",
    make: () => {
      const rejected = open()
      return awaited(() => Effect.runPromiseExit(rejected).then(Exit.isFailure))
    }
  },
  {
    group: promiseOpen,
    name: "cockatiel",
    make: async () => {
      const policy = cockatielBreaker(1)
      await policy.execute(broken).catch(() => {})
      return cockatiel(policy)
    }
  },
  {
    group: promiseOpen,
    name: "opossum",
    make: async () => {
      const circuit = new Opossum(broken, { timeout: false, resetTimeout: 3_600_000, errorThresholdPercentage: 1 })
      await circuit.fire().catch(() => {})
      return awaited(() => circuit.fire())
    }
  },

  {
    group: promiseFail,
    name: "`CircuitBreaker`",
    make: () => {
      const made = breaker({ trip: CircuitBreaker.consecutive(never.failures) })
      const call = CircuitBreaker.protect(Effect.tryPromise({ try: broken, catch: () => down }), made)
      return awaited(() => Effect.runPromiseExit(call))
    }
  },
  { group: promiseFail, name: "cockatiel", make: () => cockatiel(cockatielBreaker(), broken) },
  {
    group: promiseFail,
    name: "opossum, `timeout: false`",
    make: () => {
      const circuit = new Opossum(broken, { timeout: false, volumeThreshold: never.failures })
      return awaited(() => circuit.fire())
    }
  },

  {
    group: promiseTwice,
    name: "`Retry`",
    make: () => {
      const call = twiceAsync()
      const effect = Effect.tryPromise({ try: call, catch: () => down })
      return runner(Retry.retry(effect, Retry.make({ backoff: Backoff.none })))
    }
  },
  {
    group: promiseTwice,
    name: "cockatiel, no backoff",
    make: () => {
      const call = twiceAsync()
      const policy = retry(handleAll, { maxAttempts: 3 })
      return awaited(() => policy.execute(call))
    }
  },

  { group: concurrent, name: "nothing", make: () => thousand(trivial) },
  { group: concurrent, name: "`CircuitBreaker`", make: () => thousand(CircuitBreaker.protect(trivial, breaker())) },
  { group: concurrent, name: "Effect's own breaker", make: async () => thousand(await effects(trivial)) },
  { group: concurrent, name: "`Policy`, all four", make: () => thousand(Policy.protect(trivial, policy(usual))) },

  {
    group: concurrentPromise,
    name: "nothing",
    make: () => thousandAwaited(noop)
  },
  {
    group: concurrentPromise,
    name: "`CircuitBreaker`",
    make: () => {
      const call = CircuitBreaker.protect(promised, breaker())
      return thousandAwaited(() => Effect.runPromise(call))
    }
  },
  {
    group: concurrentPromise,
    name: "`CircuitBreaker`, the thousand in one `runPromise`",
    make: () => thousand(CircuitBreaker.protect(promised, breaker()))
  },
  {
    group: concurrentPromise,
    name: "cockatiel breaker, consecutive",
    make: () => {
      const made = cockatielBreaker()
      return thousandAwaited(() => made.execute(noop))
    }
  },
  {
    group: concurrentPromise,
    name: "opossum, `timeout: false`",
    make: () => {
      const circuit = new Opossum(noop, { timeout: false })
      return thousandAwaited(() => circuit.fire())
    }
  },

  { group: telemetry, name: "`Policy`", make: () => plainly(Policy.protect(trivial, policy(usual))) },
  {
    group: telemetry,
    name: "`Policy` that measures",
    make: () => plainly(Policy.protect(trivial, policy({ ...usual, measure: true })))
  },
  { group: telemetry, name: "a span around nothing", make: () => inSpan(trivial) },
  {
    group: telemetry,
    name: "a span around `Policy`",
    make: () => inSpan(Policy.protect(trivial, policy(usual)))
  },
  {
    group: telemetry,
    name: "a span around `Policy` that measures",
    make: () => inSpan(Policy.protect(trivial, policy({ ...usual, measure: true })))
  },

  {
    group: telemetryTwice,
    name: "`Retry`",
    make: () => plainly(Retry.retry(twice(), Retry.make({ backoff: Backoff.none })))
  },
  {
    group: telemetryTwice,
    name: "a span around `Retry`: two events and the number of attempts",
    make: () => inSpan(Retry.retry(twice(), Retry.make({ backoff: Backoff.none })))
  },

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
    make: () => (n) => {
      for (let i = 0; i < n; i++) cockatielStack()
    }
  },
  {
    group: create,
    name: "cockatiel breaker",
    make: () => (n) => {
      for (let i = 0; i < n; i++) cockatielBreaker()
    }
  }
]
