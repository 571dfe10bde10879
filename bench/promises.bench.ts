/** What the policies cost across the boundary of promises, beside cockatiel and opossum. */
import { Backoff, CircuitBreaker, Policy, Retry } from "@holdfast/resilience"
import { circuitBreaker, CountBreaker, handleAll, NoopPolicy, retry, timeout, TimeoutStrategy, wrap } from "cockatiel"
import { Effect, Exit } from "effect"
import Opossum from "opossum"
import type { Case } from "./harness.ts"
import {
  awaited,
  breaker,
  broken,
  cockatiel,
  cockatielBreaker,
  cockatielStack,
  down,
  effects,
  hopping,
  never,
  noop,
  open,
  opossumOpen,
  policy,
  promised,
  runner,
  thousand,
  thousandAwaited,
  twiceAsync,
  usual
} from "./subjects.ts"

const promise = "Promise in, promise out, success"
const hop = "Promise in, promise out, one turn of the event loop in between, success"
const promiseOpen = "Promise in, promise out, rejected by an open circuit"
const promiseFail = "Promise in, promise out, failure"
const promiseTwice = "Promise in, promise out, two failures without a wait, then success"
const concurrentPromise = "A thousand at once, promise in, promise out, success"
const concurrentPromiseOpen = "A thousand at once, promise in, promise out, rejected by an open circuit"
const concurrentPromiseFail = "A thousand at once, promise in, promise out, failure"

export const cases: ReadonlyArray<Case> = [
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

  { group: hop, name: "nothing", make: () => awaited(hopping) },
  {
    group: hop,
    name: "`CircuitBreaker`",
    make: () => runner(CircuitBreaker.protect(Effect.promise(hopping), breaker()))
  },
  { group: hop, name: "cockatiel breaker, consecutive", make: () => cockatiel(cockatielBreaker(), hopping) },
  {
    group: hop,
    name: "opossum, `timeout: false`",
    make: () => {
      const circuit = new Opossum(hopping, { timeout: false })
      return awaited(() => circuit.fire())
    }
  },
  {
    group: hop,
    name: "`Policy`, all four",
    make: () => runner(Policy.protect(Effect.promise(hopping), policy(usual)))
  },
  {
    group: hop,
    name: "cockatiel `wrap` of four",
    make: () => cockatiel(wrap(timeout(30_000, TimeoutStrategy.Cooperative), cockatielStack()), hopping)
  },

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
    name: "`Effect.runPromiseExit` of a failure without a policy",
    make: () => awaited(() => Effect.runPromiseExit(Effect.fail(down)))
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
      const circuit = await opossumOpen()
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

  {
    group: concurrentPromiseOpen,
    name: "`CircuitBreaker`, `runPromiseExit`",
    make: () => {
      const rejected = open()
      return thousandAwaited(() => Effect.runPromiseExit(rejected))
    }
  },
  {
    group: concurrentPromiseOpen,
    name: "cockatiel",
    make: async () => {
      const policy = cockatielBreaker(1)
      await policy.execute(broken).catch(() => {})
      return thousandAwaited(() => policy.execute(noop).catch(() => {}))
    }
  },
  {
    group: concurrentPromiseOpen,
    name: "opossum",
    make: async () => {
      const circuit = await opossumOpen()
      return thousandAwaited(() => circuit.fire().catch(() => {}))
    }
  },

  {
    group: concurrentPromiseFail,
    name: "`CircuitBreaker`",
    make: () => {
      const made = breaker({ trip: CircuitBreaker.consecutive(never.failures) })
      const call = CircuitBreaker.protect(Effect.tryPromise({ try: broken, catch: () => down }), made)
      return thousandAwaited(() => Effect.runPromiseExit(call))
    }
  },
  {
    group: concurrentPromiseFail,
    name: "cockatiel",
    make: () => {
      const policy = cockatielBreaker()
      return thousandAwaited(() => policy.execute(broken).catch(() => {}))
    }
  }
]
