/** What stays in the heap after very many calls, as JSON. Needs a collector that can be called: `node --expose-gc`. */
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Fallback, Policy, Retry, RetryBudget, Timeout } from "@holdfast/resilience"
import { Effect, Logger } from "effect"

const heap = Effect.sync(() => {
  globalThis.gc!()
  globalThis.gc!()
  return process.memoryUsage().heapUsed
})

const times = (n: number, effect: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    for (let i = 0; i < n; i++) yield* effect
  })

/** What `n` more of it add to the heap, while the fiber that runs them is alive. */
const grows = (n: number, effect: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    yield* times(10_000, effect)
    const before = yield* heap
    yield* times(n, effect)
    return (yield* heap) - before
  })

/** What 100 000 failed attempts of one call add to the heap, seen from inside of the attempt that succeeds. */
const retrying = (protect: (self: Effect.Effect<number, Reasons.NetworkError>) => Effect.Effect<number, unknown>) =>
  Effect.gen(function* () {
    const once = (failures: number) => {
      let calls = 0
      return protect(
        Effect.suspend(() =>
          calls++ < failures ? Effect.fail(Failure.stackless(Reasons.NetworkError, {})) : heap
        ) as Effect.Effect<number, Reasons.NetworkError>
      )
    }
    yield* once(10_000)
    const before = yield* heap
    return (yield* once(100_000)) - before
  })

const trivial = Effect.suspend(() => Effect.succeed(1))

const endlessly = { attempts: Infinity, backoff: Backoff.none } as const

const program = Effect.gen(function* () {
  const breaker = yield* CircuitBreaker.make({ name: "heap" })
  const keyed = yield* CircuitBreaker.keyed({ name: "keyed" })
  const budget = yield* RetryBudget.make(RetryBudget.window())
  const policy = yield* Policy.make("heap", {
    timeout: "1 hour",
    retry: endlessly,
    circuitBreaker: { trip: CircuitBreaker.consecutive(1_000_000) },
    attemptTimeout: "1 minute"
  })
  const million = 1_000_000
  const successes = {
    CircuitBreaker: yield* grows(million, CircuitBreaker.protect(trivial, breaker)),
    "CircuitBreaker, keyed": yield* grows(million, CircuitBreaker.protect(trivial, keyed.get("a"))),
    Retry: yield* grows(million, Retry.retry(trivial, Retry.make())),
    "Retry, with a budget": yield* grows(million, Retry.retry(trivial, Retry.make({ budget }))),
    Timeout: yield* grows(million, Timeout.timeout(trivial, "1 minute")),
    Fallback: yield* grows(million, Fallback.value(trivial, 2)),
    Policy: yield* grows(million, Policy.protect(trivial, policy))
  }
  const failures = {
    Retry: yield* retrying(Retry.retry(Retry.make(endlessly))),
    "Retry, with a budget": yield* retrying(
      Retry.retry(Retry.make({ ...endlessly, budget: yield* RetryBudget.make(RetryBudget.inFlight()) }))
    ),
    Policy: yield* retrying(Policy.protect(policy))
  }
  const first = { trip: CircuitBreaker.consecutive(1), openFor: "1 day" } as const
  const many = yield* CircuitBreaker.keyed({ name: "many", capacity: 10_000, ...first })
  const down = Array.from({ length: 100 }, (_, i) => many.get(`down ${i}`))
  for (const circuit of down) yield* Effect.exit(CircuitBreaker.protect(new Reasons.NetworkError({}), circuit))
  let key = 0
  const call = Effect.suspend(() => CircuitBreaker.protect(trivial, many.get(`key ${key++}`)))
  const empty = yield* heap
  const room = 10_000 - down.length
  yield* times(room, call)
  const full = yield* heap
  yield* times(million - room, call)
  const growth = (yield* heap) - full
  const seen = key
  const states = yield* Effect.forEach(down, ({ state }) => state)
  const open = states.filter((state) => state === "open").length
  const bytesOf = (name: string, trip: CircuitBreaker.Trip) =>
    Effect.gen(function* () {
      const rates = yield* CircuitBreaker.keyed({ name, trip })
      const rated = Effect.suspend(() => CircuitBreaker.protect(trivial, rates.get(`key ${key++}`)))
      yield* times(100, rated)
      const few = yield* heap
      yield* times(room, rated)
      return ((yield* heap) - few) / room
    })
  const time = { time: "30 seconds" } as const
  const keys = {
    bytesEach: {
      consecutive: (full - empty) / room,
      "rate of 100 calls": yield* bytesOf("calls", CircuitBreaker.failureRate()),
      "rate of 30 seconds": yield* bytesOf("time", CircuitBreaker.failureRate({ window: time })),
      "slow rate of 100 calls": yield* bytesOf("slow", CircuitBreaker.slowRate({ slowerThan: "1 second" })),
      "slow rate of 30 seconds": yield* bytesOf("both", CircuitBreaker.slowRate({ slowerThan: 1000, window: time }))
    },
    growth,
    kept: yield* many.size,
    seen,
    open
  }
  return { successes, failures, keys }
})

process.stdout.write(JSON.stringify(await Effect.runPromise(program.pipe(Effect.provide(Logger.layer([]))))))
