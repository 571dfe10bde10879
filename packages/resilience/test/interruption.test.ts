import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Deadline, Fallback, Policy, Retry, RetryBudget, Timeout } from "@holdfast/resilience"
import { Clock, Context, Effect, Fiber, Logger, Random, type Scope } from "effect"
import { CircuitBreaker as Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"

/** Worth another attempt, and nobody's fault: whatever is recorded as a failure comes from an interruption. */
class Busy extends Failure.Tagged<Busy>()(
  "InterruptionBusy",
  {},
  { code: "sys.interruption_test_busy", retry: "transient", health: "ignored" }
) {}

const Tenant = Context.Reference<string>("test/interruption/Tenant", { defaultValue: () => "none" })

interface Subject {
  /** One protected call. */
  readonly protect: <A, R>(self: Effect.Effect<A, Busy, R>, call: number) => Effect.Effect<unknown, unknown, R>
  /** What must hold when all calls are gone. */
  readonly after?: Effect.Effect<void, unknown>
}

type Make = Effect.Effect<Subject, unknown, Persistence.CircuitBreakerStore | Scope.Scope>

const first = { trip: CircuitBreaker.consecutive(1), openFor: 1 } as const
const three = { ...first, halfOpen: { concurrent: 3, outOf: 3, successes: 3 } } as const

/** The circuit of a call, opened and waited for. */
const halfOpened = <X>(guard: CircuitBreaker.Guard<X>) =>
  Effect.gen(function* () {
    yield* Effect.exit(CircuitBreaker.protect(Effect.fail(new Reasons.NetworkError({})), guard))
    yield* TestClock.adjust(1)
  })

/** As many probes as there are slots, and not one more. */
const hasSlots = <X>(guard: CircuitBreaker.Guard<X>, slots: number) =>
  Effect.gen(function* () {
    let probing = 0
    const probe = CircuitBreaker.protect(
      Effect.andThen(
        Effect.sync(() => probing++),
        Effect.never
      ),
      guard
    )
    const fibers = yield* Effect.replicateEffect(Effect.forkChild(probe, { startImmediately: true }), slots + 1)
    yield* TestClock.adjust(0)
    assert.strictEqual(probing, slots)
    assert.lengthOf(
      fibers.filter((fiber) => fiber.pollUnsafe() === undefined),
      slots
    )
    yield* Fiber.interruptAll(fibers)
  })

const isSpotless = ({ lateResults, rules, state }: CircuitBreaker.Health) => {
  assert.strictEqual(state, "closed")
  assert.strictEqual(lateResults, 0)
  for (const { failures } of rules) assert.strictEqual(failures, 0)
}

const budgeted = (kind: RetryBudget.Kind): Make =>
  Effect.gen(function* () {
    const budget = yield* RetryBudget.make(kind)
    const fresh = yield* budget.left
    const policy = Retry.make({ attempts: 5, backoff: Backoff.constant(3), budget })
    return {
      protect: Retry.retry(policy),
      after: Effect.gen(function* () {
        // What was earned or spent by results is gone by now, or was never more than the beginning.
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* budget.left, fresh)
      })
    }
  })

const policed = (make: Effect.Effect<Policy.Policy<unknown>, unknown>): Make =>
  Effect.map(make, (policy) => ({
    protect: Policy.protect(policy),
    after: Effect.flatMap(policy.circuitBreaker!.health, (health) => Effect.sync(() => isSpotless(health)))
  }))

/** The calls fail half of the time, succeed, or are interrupted, whichever is first. */
const busy: ReadonlyArray<readonly [string, Make]> = [
  [
    "CircuitBreaker",
    Effect.map(CircuitBreaker.make({ name: "one", ...first }), (breaker) => ({
      protect: CircuitBreaker.protect(breaker),
      after: Effect.map(breaker.health, isSpotless)
    }))
  ],
  [
    "CircuitBreaker, watching calls in flight",
    Effect.map(
      CircuitBreaker.make({ name: "slow", trip: CircuitBreaker.slowRate({ slowerThan: 100 }) }),
      (breaker) => ({
        protect: CircuitBreaker.protect(breaker),
        after: Effect.map(breaker.health, isSpotless)
      })
    )
  ],
  [
    "CircuitBreaker, keyed",
    Effect.map(CircuitBreaker.keyed({ name: "keyed", ...first }), (keyed) => ({
      protect: (self, call) => CircuitBreaker.protect(self, keyed.get(`key ${call % 7}`)),
      after: Effect.map(keyed.health, (all) => {
        assert.lengthOf(all, 7)
        all.forEach(isSpotless)
      })
    }))
  ],
  [
    "CircuitBreaker, of a fleet",
    Effect.map(CircuitBreaker.fleet({ name: "fleet", ...first }), (fleet) => ({
      protect: CircuitBreaker.protect(fleet.get("eu")),
      after: Effect.map(fleet.get("eu").state, (state) => assert.strictEqual(state, "closed"))
    }))
  ],
  ["Retry", Effect.succeed({ protect: Retry.retry(Retry.make({ attempts: 5, backoff: Backoff.constant(3) })) })],
  ["Retry, with a budget of deposits", budgeted(RetryBudget.window())],
  ["Retry, with a budget of what is in flight", budgeted(RetryBudget.inFlight())],
  ["Timeout", Effect.succeed({ protect: Timeout.timeout(7) })],
  ["Timeout, disconnected", Effect.succeed({ protect: Timeout.timeout({ after: 7, disconnect: true }) })],
  ["Deadline", Effect.succeed({ protect: Deadline.within(7) })],
  [
    "Fallback",
    Effect.succeed({ protect: (self) => Fallback.effect(self, () => Effect.andThen(Effect.sleep(5), self)) })
  ],
  [
    "Fallback.chain",
    Effect.succeed({
      protect: (self) =>
        Fallback.chain([
          { name: "first", effect: self },
          { name: "second", effect: self }
        ])
    })
  ],
  [
    "Policy, the usual stack",
    policed(
      Policy.make("usual", {
        timeout: 200,
        retry: { attempts: 5, backoff: Backoff.constant(3) },
        circuitBreaker: first,
        attemptTimeout: 50
      })
    )
  ],
  [
    "Policy, with a fallback and a budget of its own",
    Effect.gen(function* () {
      const policy = yield* Policy.make("fallback", {
        fallback: { orElse: () => Effect.sleep(5), when: ["InterruptionBusy"] },
        timeout: 200,
        retry: { attempts: 5, backoff: Backoff.constant(3) },
        retryBudget: RetryBudget.inFlight(),
        circuitBreaker: first,
        attemptTimeout: 50
      })
      return {
        protect: Policy.protect(policy),
        after: Effect.map(policy.health, ({ circuitBreaker, retryBudget }) => {
          isSpotless(circuitBreaker!)
          assert.strictEqual(retryBudget!.left, 3)
        })
      }
    })
  ],
  [
    "Policy, another order",
    policed(
      Policy.ordered("other", [
        Policy.circuitBreaker(first),
        Policy.retry({ attempts: 5, backoff: Backoff.constant(3) }),
        Policy.timeout(50)
      ])
    )
  ]
]

/** The calls never end by themselves, so nothing but an interruption can free the slot of a probe. */
const endless: ReadonlyArray<readonly [string, Make]> = [
  [
    "CircuitBreaker, half-open",
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "probed", ...three })
      yield* halfOpened(breaker)
      return { protect: CircuitBreaker.protect(breaker), after: hasSlots(breaker, 3) }
    })
  ],
  [
    "CircuitBreaker, keyed, half-open",
    Effect.gen(function* () {
      const breaker = (yield* CircuitBreaker.keyed({ name: "probed", ...three })).get("eu")
      yield* halfOpened(breaker)
      return { protect: CircuitBreaker.protect(breaker), after: hasSlots(breaker, 3) }
    })
  ],
  [
    "CircuitBreaker, of a fleet, half-open",
    Effect.gen(function* () {
      const member = (yield* CircuitBreaker.fleet({ name: "probed", ...first })).get("eu")
      yield* halfOpened(member)
      return { protect: CircuitBreaker.protect(member), after: hasSlots(member, 1) }
    })
  ],
  [
    "Retry, with a budget of tokens",
    Effect.map(RetryBudget.make(RetryBudget.tokens()), (budget) => ({
      protect: Retry.retry(Retry.make({ budget })),
      after: Effect.map(budget.left, (left) => assert.strictEqual(left, 5))
    }))
  ],
  [
    "Policy, half-open",
    Effect.gen(function* () {
      const policy = yield* Policy.make("probed", {
        timeout: 200,
        retry: {},
        circuitBreaker: three,
        attemptTimeout: 50
      })
      yield* halfOpened(policy.circuitBreaker!)
      return { protect: Policy.protect(policy), after: hasSlots(policy.circuitBreaker!, 3) }
    })
  ]
]

/** The clock, and how many fibers sleep on it. */
const counted = (clock: Clock.Clock, add: (by: 1 | -1) => void): Clock.Clock => ({
  ...clock,
  sleep: (duration) =>
    Effect.suspend(() => {
      add(1)
      return Effect.ensuring(
        clock.sleep(duration),
        Effect.sync(() => add(-1))
      )
    })
})

const interrupted = (make: Make, isEndless: boolean) =>
  Effect.gen(function* () {
    const subject = yield* make
    const clock = yield* Clock.Clock
    let [running, sleeping, slept, attempts, strangers] = [0, 0, 0, 0, 0]
    const attempt = (tenant: string) =>
      Effect.gen(function* () {
        running++
        attempts++
        if ((yield* Tenant) !== tenant) strangers++
        if (isEndless) return yield* Effect.never
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 10))
        if (yield* Random.nextBoolean) return yield* new Busy({})
      }).pipe(Effect.ensuring(Effect.sync(() => void running--)))
    let call = 0
    const started = Effect.suspend(() => {
      const tenant = `tenant ${call++}`
      return Effect.forkChild(Effect.provideService(subject.protect(attempt(tenant), call), Tenant, tenant))
    })
    yield* Effect.gen(function* () {
      for (let round = 0; round < 200; round++) {
        const fibers = yield* Effect.replicateEffect(started, 50)
        // Some are never run, some run, some wait.
        for (let moment = 0; moment < 5; moment++) {
          yield* Fiber.interruptAll(fibers.slice(moment * 10, (moment + 1) * 10))
          yield* TestClock.adjust(yield* Random.nextIntBetween(0, 8))
        }
        assert.deepStrictEqual([running, sleeping], [0, 0])
      }
    }).pipe(
      Effect.provideService(
        Clock.Clock,
        counted(clock, (by) => {
          sleeping += by
          if (by === 1) slept++
        })
      )
    )
    assert.strictEqual(call, 10_000)
    assert.isAbove(attempts, 100)
    if (!isEndless) assert.isAbove(slept, 1000)
    assert.strictEqual(strangers, 0)
    yield* subject.after ?? Effect.void
  }).pipe(
    Random.withSeed("ten thousand interruptions"),
    Effect.provide([Persistence.layerStoreMemory(), Logger.layer([])])
  )

describe("ten thousand random interruptions leave no slot, token, fiber or failure behind, and every attempt sees its references", () => {
  for (const [name, make] of busy) it.effect(name, () => interrupted(make, false))
  for (const [name, make] of endless) it.effect(name, () => interrupted(make, true))
})
