/** What the policies cost in a fiber, beside Effect's own. */
import { Backoff, CircuitBreaker, Policy, Retry, Timeout } from "@holdfast/resilience"
import { timeout, TimeoutStrategy, wrap } from "cockatiel"
import { Effect, Schedule } from "effect"
import { CircuitBreaker as EffectBreaker } from "effect/persistence"
import type { Case } from "./harness.ts"
import {
  breaker,
  cockatiel,
  cockatielStack,
  effects,
  effectsOpen,
  fails,
  failingTwice,
  inFiber,
  inSpan,
  never,
  open,
  plainly,
  policy,
  promised,
  runner,
  thousand,
  trivial,
  twice,
  usual
} from "./subjects.ts"

const fiber = "One fiber, success"
const fiberOpen = "One fiber, rejected by an open circuit"
const fiberFail = "One fiber, failure"
const fiberTwice = "One fiber, two failures without a wait, then success"
const pipeline = "Retry, breaker and timeout together, success"
const total = "Total timeout, retry, breaker and attempt timeout together, success"
const concurrent = "A thousand at once, success"
const concurrentOpen = "A thousand at once, rejected by an open circuit"
const concurrentFail = "A thousand at once, failure"
const concurrentTwice = "A thousand at once, two failures without a wait, then success"
const telemetry = "All four together, success, without and with telemetry"
const telemetryTwice = "Retry, two failures without a wait, then success, without and with telemetry"

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
    make: async () => inFiber(await effectsOpen())
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

  { group: concurrent, name: "nothing", make: () => thousand(trivial) },
  { group: concurrent, name: "`CircuitBreaker`", make: () => thousand(CircuitBreaker.protect(trivial, breaker())) },
  { group: concurrent, name: "Effect's own breaker", make: async () => thousand(await effects(trivial)) },
  { group: concurrent, name: "`Policy`, all four", make: () => thousand(Policy.protect(trivial, policy(usual))) },

  { group: concurrentOpen, name: "`CircuitBreaker`", make: () => thousand(Effect.exit(open())) },
  {
    group: concurrentOpen,
    name: "Effect's own breaker",
    make: async () => thousand(Effect.exit(await effectsOpen()))
  },

  {
    group: concurrentFail,
    name: "`CircuitBreaker`",
    make: () =>
      thousand(
        Effect.exit(CircuitBreaker.protect(fails, breaker({ trip: CircuitBreaker.consecutive(never.failures) })))
      )
  },
  {
    group: concurrentFail,
    name: "Effect's own breaker",
    make: async () => thousand(Effect.exit(await effects(fails, EffectBreaker.consecutive(never.failures))))
  },

  {
    group: concurrentTwice,
    name: "`Retry`",
    make: () => thousand(failingTwice((effect) => Retry.retry(effect, Retry.make({ backoff: Backoff.none }))))
  },
  {
    group: concurrentTwice,
    name: "`Effect.retry` with a schedule",
    make: () => thousand(failingTwice((effect) => Effect.retry(effect, Schedule.recurs(3))))
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
  }
]
