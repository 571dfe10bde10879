import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Failure, type Reasons } from "@holdfast/core"
import {
  Backoff,
  CircuitBreaker,
  Deadline,
  Events,
  Fallback,
  Policy,
  Retry,
  RetryBudget,
  Timeout
} from "@holdfast/resilience"
import { Cause, Context, Deferred, Effect, Exit, Fiber, type Layer, Schedule } from "effect"
import { CircuitBreaker as Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"

/** A failure that no policy does anything about by default. */
class Refused extends Failure.Tagged<Refused>()("ContractRefused", {}, { code: "biz.contract_test_refused" }) {}

class Database extends Context.Service<Database, string>()("test/contract/Database") {}

const Tenant = Context.Reference<string>("test/contract/Tenant", { defaultValue: () => "none" })

class Retries extends Retry.Service<Retries>()("contract/Retries") {}
class Limited extends Timeout.Service<Limited>()("contract/Limited", "1 minute") {}
class Answered extends Fallback.Service<Answered>()("contract/Answered", { value: "never used" }) {}
class Guarded extends CircuitBreaker.Service<Guarded>()("contract/Guarded") {}

class Bounded extends RetryBudget.Service<Bounded>()("contract/Bounded", RetryBudget.tokens()) {}
class Whole extends Policy.Service<Whole>()("contract/Whole", { timeout: "1 minute", retry: {}, circuitBreaker: {} }) {}

type Protect = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, unknown, R>

const policies: ReadonlyArray<readonly [string, Effect.Effect<Protect, unknown>]> = [
  ["Retry", Effect.succeed(Retry.retry(Retry.make({ backoff: Backoff.none })))],
  ["Retry with a time limit", Effect.succeed(Retry.retry(Retry.make({ maxElapsed: "1 minute", exhausted: "wrap" })))],
  [
    "CircuitBreaker",
    Effect.map(CircuitBreaker.make({ name: "contract" }), (breaker) => CircuitBreaker.protect(breaker))
  ],
  [
    "CircuitBreaker, half-open",
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        name: "contract",
        trip: CircuitBreaker.consecutive(1),
        openFor: 1,
        halfOpen: { successes: 1000, concurrent: 1000 }
      })
      yield* Effect.exit(CircuitBreaker.protect(Effect.die("trip"), breaker))
      yield* TestClock.adjust(1)
      return CircuitBreaker.protect(breaker)
    })
  ],
  ["Timeout", Effect.succeed(Timeout.timeout("1 minute"))],
  ["Timeout, disconnected", Effect.succeed(Timeout.timeout({ after: "1 minute", disconnect: true }))],
  ["Timeout, with a deadline", Effect.succeed(Deadline.within("1 minute"))],
  [
    "Retry, with a budget",
    Effect.map(RetryBudget.make(RetryBudget.inFlight()), (budget) => Retry.retry(Retry.make({ budget })))
  ],
  [
    "CircuitBreaker, watching calls in flight",
    Effect.map(
      CircuitBreaker.make({ name: "contract", trip: CircuitBreaker.slowRate({ slowerThan: "1 minute" }) }),
      (breaker) => CircuitBreaker.protect(breaker)
    )
  ],
  [
    "CircuitBreaker, keyed",
    Effect.map(CircuitBreaker.keyed({ name: "contract" }), (keyed) => CircuitBreaker.protect(keyed.get("a")))
  ],
  [
    "CircuitBreaker, of a fleet",
    Effect.succeed((self) =>
      Effect.flatMap(CircuitBreaker.fleet({ name: "contract" }), (fleet) =>
        CircuitBreaker.protect(self, fleet.get("a"))
      ).pipe(Effect.scoped, Effect.provide(Persistence.layerStoreMemory()))
    )
  ],
  [
    "Policy, the usual stack",
    Effect.map(
      Policy.make("contract", { timeout: "1 minute", retry: {}, circuitBreaker: {}, attemptTimeout: "30 seconds" }),
      (policy) => Policy.protect(policy)
    )
  ],
  [
    "Policy, with a fallback and a budget of its own",
    Effect.map(
      Policy.make("contract", {
        fallback: { value: "never used", when: ["sys.timeout"] },
        timeout: "1 minute",
        retry: {},
        retryBudget: RetryBudget.inFlight(),
        circuitBreaker: { openFor: Schedule.exponential("1 second") },
        attemptTimeout: "30 seconds"
      }),
      (policy): Protect => Policy.protect(policy) as Protect
    )
  ],
  ["Policy, retry alone", Effect.map(Policy.make("contract", { retry: {} }), (policy) => Policy.protect(policy))],
  [
    "Policy, another order",
    Effect.map(
      Policy.ordered("contract", [Policy.circuitBreaker({}), Policy.retry({}), Policy.timeout("1 minute")]),
      (policy) => Policy.protect(policy)
    )
  ],
  ...[Retries, Bounded, Limited, Answered, Guarded, Whole].map((Service): readonly [string, Effect.Effect<Protect>] => [
    `a service: ${Service.key}`,
    Effect.succeed((self) =>
      (Service.protect as Protect)(self).pipe(Effect.provide(Service.layer as unknown as Layer.Layer<never>))
    )
  ]),
  ["told to a listener that throws", Effect.succeed(Events.listen(() => assert.fail("nobody asked")))],
  ["Fallback", Effect.succeed((self) => Fallback.value(self, "never used") as typeof self)],
  [
    "Fallback.chain",
    Effect.succeed((self) => Effect.map(Fallback.chain([{ name: "only", effect: self }]), ({ value }) => value))
  ]
]

describe.each(policies)("every policy keeps the contract: %s", (_name, make) => {
  const waits = [Effect.void, Effect.sleep("10 millis")]

  const exitOf = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      yield* TestClock.adjust("10 millis")
      return fiber.pollUnsafe() as Exit.Exit<A, E>
    })

  it.effect("passes the value, and runs the effect once", () =>
    Effect.gen(function* () {
      const protect = yield* make
      for (const wait of waits) {
        let runs = 0
        const effect = Effect.andThen(
          wait,
          Effect.sync(() => ++runs)
        )
        assert.deepStrictEqual<unknown>(yield* exitOf(protect(effect)), Exit.succeed(1))
      }
    })
  )

  it.effect("passes a failure that is none of its business, as the same instance", () =>
    Effect.gen(function* () {
      const protect = yield* make
      const refused = new Refused({})
      for (const wait of waits) {
        const exit = yield* exitOf(protect(Effect.andThen(wait, Effect.fail(refused))))
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === refused && exit.cause.reasons.length === 1)
      }
    })
  )

  it.effect("passes a defect, as the same one", () =>
    Effect.gen(function* () {
      const protect = yield* make
      const defect = { oops: true }
      for (const wait of waits) {
        const exit = yield* exitOf(protect(Effect.andThen(wait, Effect.die(defect))))
        assert.isTrue(Exit.isFailure(exit))
        const [reason, ...rest] = (exit as Exit.Failure<unknown, unknown>).cause.reasons
        assert.isTrue(reason !== undefined && Cause.isDieReason(reason) && reason.defect === defect)
        assert.lengthOf(rest, 0)
      }
    })
  )

  it.effect("does not start the effect when it is interrupted before", () =>
    Effect.gen(function* () {
      const protect = yield* make
      let runs = 0
      const fiber = yield* Effect.forkChild(protect(Effect.sync(() => ++runs)))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(runs, 0)
    })
  )

  it.effect("interrupts the effect with itself, waits for its finalizer, and ends interrupted", () =>
    Effect.gen(function* () {
      const protect = yield* make
      const started = yield* Deferred.make<void>()
      let finalized = 0
      const effect = Deferred.succeed(started, undefined).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Effect.sync(() => void finalized++))
      )
      const fiber = yield* Effect.forkChild(protect(effect))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      const exit = fiber.pollUnsafe()!
      assert.strictEqual(finalized, 1)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    })
  )

  it.effect("is not touched by an interruption after it has ended", () =>
    Effect.gen(function* () {
      const protect = yield* make
      const ended = yield* Deferred.make<number>()
      const fiber = yield* protect(Effect.succeed(1)).pipe(
        Effect.tap((value) => Deferred.succeed(ended, value)),
        Effect.andThen(Effect.never),
        Effect.forkChild
      )
      assert.strictEqual(yield* Deferred.await(ended), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* protect(Effect.succeed(2)), 2)
    })
  )

  it.effect("L20 shows the effect the context, the references and the span of its caller", () =>
    Effect.gen(function* () {
      const protect = yield* make
      const effect = Effect.gen(function* () {
        const span = yield* Effect.currentSpan
        return [yield* Database, yield* Tenant, span.name]
      })
      const seen = yield* protect(effect).pipe(
        Effect.provideService(Database, "orders"),
        Effect.provideService(Tenant, "acme"),
        Effect.withSpan("outer")
      )
      assert.deepStrictEqual(seen, ["orders", "acme", "outer"])
    })
  )
})

describe("types", () => {
  class Needs extends Context.Service<Needs, number>()("test/contract/Needs") {}
  const self = Effect.succeed("a") as Effect.Effect<string, Refused | Reasons.NetworkError, Needs>

  it("of Retry: failures and needs are kept, and the wrapper appears when it is asked for", () => {
    type Kept = Effect.Effect<string, Refused | Reasons.NetworkError, Needs>
    type Wrapped = Effect.Effect<string, Refused | Reasons.NetworkError | Reasons.RetriesExhausted, Needs>
    expectTypeOf(Retry.retry(self, Retry.make())).toEqualTypeOf<Kept>()
    expectTypeOf(self.pipe(Retry.retry(Retry.make({ attempts: 5 })))).toEqualTypeOf<Kept>()
    expectTypeOf(Retry.retry(self, Retry.make({ exhausted: "wrap" }))).toEqualTypeOf<Wrapped>()
    // Beside the effect, the options know what it fails with.
    expectTypeOf(Retry.retry(self, { when: (failure) => failure._tag.length > 0 })).toEqualTypeOf<Kept>()
    expectTypeOf(self.pipe(Retry.retry(Retry.make({ exhausted: "wrap" })))).toEqualTypeOf<Wrapped>()
  })

  it("of Retry: hooks add what they need, and a predicate is only for failures it knows", () => {
    const policy = Retry.make({
      when: (e: Refused | Reasons.NetworkError) => e._tag === "NetworkError",
      onRetry: () => Effect.asVoid(Effect.service(Database))
    })
    expectTypeOf(self.pipe(Retry.retry(policy))).toEqualTypeOf<
      Effect.Effect<string, Refused | Reasons.NetworkError, Needs | Database>
    >()
    const narrow = Retry.make({ when: (e: Refused) => e._tag === "ContractRefused" })
    // @ts-expect-error a NetworkError is not what this predicate can judge
    assert.isTrue(Effect.isEffect(Retry.retry(self, narrow)))
  })

  it("of CircuitBreaker: the rejection joins the failures", () => {
    const breaker = Effect.runSync(CircuitBreaker.make({ name: "types" }))
    type Protected = Effect.Effect<string, Refused | Reasons.NetworkError | Reasons.CircuitOpen, Needs>
    expectTypeOf(CircuitBreaker.protect(self, breaker)).toEqualTypeOf<Protected>()
    expectTypeOf(self.pipe(CircuitBreaker.protect(breaker))).toEqualTypeOf<Protected>()
  })

  it("of a CircuitBreaker service: it joins the needs", () => {
    class Payments extends CircuitBreaker.Service<Payments>()("test/contract/Payments") {}
    expectTypeOf(self.pipe(Payments.protect)).toEqualTypeOf<
      Effect.Effect<string, Refused | Reasons.NetworkError | Reasons.CircuitOpen, Needs | Payments>
    >()
    expectTypeOf(Effect.service(Payments)).toEqualTypeOf<
      Effect.Effect<CircuitBreaker.CircuitBreaker, never, Payments>
    >()
  })

  it("of Timeout and Deadline: the timeout joins the failures, and what a deadline around it cuts", () => {
    type Timed = Effect.Effect<
      string,
      Refused | Reasons.NetworkError | Reasons.Timeout | Reasons.DeadlineExceeded,
      Needs
    >
    expectTypeOf(Timeout.timeout(self, "1 second")).toEqualTypeOf<Timed>()
    expectTypeOf(self.pipe(Timeout.timeout({ after: 1 }))).toEqualTypeOf<Timed>()
    expectTypeOf(Deadline.within(self, "1 second")).toEqualTypeOf<Timed>()
    expectTypeOf(self.pipe(Deadline.within(1))).toEqualTypeOf<Timed>()
  })

  it("of Fallback: values, failures and needs of both sides are united", () => {
    const other = Effect.succeed(1) as Effect.Effect<number, Reasons.Timeout, Database>
    type Either = Effect.Effect<string | number, Refused | Reasons.NetworkError | Reasons.Timeout, Needs | Database>
    expectTypeOf(Fallback.effect(self, () => other)).toEqualTypeOf<Either>()
    expectTypeOf(self.pipe(Fallback.effect(() => other))).toEqualTypeOf<Either>()
    expectTypeOf(
      self.pipe(
        Fallback.effect((failure) => {
          expectTypeOf(failure).toEqualTypeOf<Refused | Reasons.NetworkError>()
          return other
        })
      )
    ).toEqualTypeOf<Either>()
    expectTypeOf(Fallback.value(self, 1)).toEqualTypeOf<
      Effect.Effect<string | number, Refused | Reasons.NetworkError, Needs>
    >()
    expectTypeOf(self.pipe(Fallback.value(1))).toEqualTypeOf<
      Effect.Effect<string | number, Refused | Reasons.NetworkError, Needs>
    >()
    expectTypeOf(
      Fallback.chain([
        { name: "a", effect: self },
        { name: "b", effect: other }
      ])
    ).toEqualTypeOf<
      Effect.Effect<
        Fallback.Served<string | number, Refused | Reasons.NetworkError | Reasons.Timeout>,
        Refused | Reasons.NetworkError | Reasons.Timeout | Fallback.SourcesExhausted,
        Needs | Database
      >
    >()
  })
})
