import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { type ConfigError, Failure, Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Deadline, Fallback, Policy, Retry, RetryBudget, Timeout } from "@holdfast/resilience"
import { ConfigProvider, Context, Effect, Layer, Logger } from "effect"

class Refused extends Failure.Tagged<Refused>()("ServiceRefused", {}, { code: "biz.service_test_refused" }) {}

class Database extends Context.Service<Database, string>()("test/services/Database") {}

class Retries extends Retry.Service<Retries>()("Retries", { attempts: 2, backoff: Backoff.none, exhausted: "wrap" }) {}
class Time extends Timeout.Service<Time>()("Time", { after: "1 minute", operation: "charge" }) {}
class Stock extends Fallback.Service<Stock>()("Stock", {
  orElse: (failure: Refused | Reasons.NetworkError) =>
    Effect.map(Effect.service(Database), (name) => `${failure._tag} from ${name}`)
}) {}
class Breaker extends CircuitBreaker.Service<Breaker>()("Breaker", { trip: CircuitBreaker.consecutive(1) }) {}
class Budget extends RetryBudget.Service<Budget>()("Budget", RetryBudget.tokens({ max: 4 })) {}
class Whole extends Policy.Service<Whole>()("Whole", {
  fallback: { orElse: () => Effect.as(Effect.service(Database), 7) },
  timeout: "1 minute",
  retry: { attempts: 2, backoff: Backoff.none }
}) {}

const self = Effect.suspend(() => Effect.fail(new Reasons.NetworkError({}))) as Effect.Effect<
  string,
  Refused | Reasons.NetworkError,
  Database
>

const endless = self.pipe(Retry.retry({ attempts: 99, backoff: Backoff.none, exhausted: "wrap" }))

const configured = (value: unknown) => Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(value)))

const described = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, {
    onFailure: (error) => (error instanceof Error ? error.message : String(error)),
    onSuccess: String
  })

describe("every policy is a service in a line, with the same names", () => {
  it.effect("from code", () =>
    Effect.gen(function* () {
      const seen = [
        yield* described(self.pipe(Retries.protect, Effect.provide(Retries.layer))),
        yield* described(Effect.succeed("ok").pipe(Time.protect, Effect.provide(Time.layer))),
        yield* described(self.pipe(Stock.protect, Effect.provide(Stock.layer))),
        yield* described(
          Effect.exit(self.pipe(Breaker.protect)).pipe(
            Effect.andThen(self.pipe(Breaker.protect)),
            Effect.provide(Breaker.layer)
          )
        ),
        yield* described(endless.pipe(Budget.protect, Effect.provide(Budget.layer))),
        yield* described(self.pipe(Whole.protect, Effect.provide(Whole.layer)))
      ]
      assert.deepStrictEqual(seen, [
        "retries exhausted: failed after 2 attempts",
        "ok",
        "NetworkError from orders",
        "circuit open: Breaker is open",
        "retries exhausted: failed after 2 attempts (budget)",
        "7"
      ])
    }).pipe(Effect.provideService(Database, "orders"))
  )

  it.effect("from configuration, under its own name or another path, before what is written in code", () =>
    Effect.gen(function* () {
      const retries = Retries.layerConfig().pipe(configured({ Retries: { attempts: 4 } }))
      assert.include(yield* described(self.pipe(Retries.protect, Effect.provide(retries))), "4 attempts")
      const unwrapped = Retries.layerConfig("elsewhere").pipe(configured({ elsewhere: { exhausted: "original" } }))
      assert.strictEqual(yield* described(self.pipe(Retries.protect, Effect.provide(unwrapped))), "network error")
      const stock = Stock.layerConfig().pipe(configured({ Stock: { when: "sys.timeout, ServiceRefused" } }))
      assert.strictEqual(yield* described(self.pipe(Stock.protect, Effect.provide(stock))), "network error")
      const breaker = Breaker.layerConfig().pipe(configured({ Breaker: { mode: "isolated" } }))
      assert.include(yield* described(self.pipe(Breaker.protect, Effect.provide(breaker))), "Breaker is isolated")
      const budget = Budget.layerConfig().pipe(configured({ Budget: { tokens: { max: 8 } } }))
      assert.include(yield* described(endless.pipe(Budget.protect, Effect.provide(budget))), "4 attempts")
      const whole = Whole.layerConfig().pipe(configured({ Whole: { fallback: { when: ["sys.timeout"] } } }))
      assert.strictEqual(yield* described(self.pipe(Whole.protect, Effect.provide(whole))), "network error")
    }).pipe(Effect.provideService(Database, "orders"))
  )

  it.live("of Timeout: a time, or a section", () =>
    Effect.gen(function* () {
      const short = Time.layerConfig().pipe(configured({ Time: "1 millis" }))
      const never = Effect.never.pipe(Time.protect)
      assert.strictEqual(yield* described(Effect.provide(never, short)), "timeout error: charge after 1ms")
      const named = Time.layerConfig().pipe(configured({ Time: { after: "1 millis", operation: "pay" } }))
      assert.strictEqual(yield* described(Effect.provide(never, named)), "timeout error: pay after 1ms")
    })
  )

  it.effect.each([
    [Retries.layerConfig(), { Retries: { attempts: 0 } }, "Retries.attempts"],
    [Time.layerConfig(), { Time: "0" }, "Time"],
    [Stock.layerConfig(), { Stock: { orElse: "x" } }, "Stock.orElse"],
    [Breaker.layerConfig(), { Breaker: { openFor: "0" } }, "Breaker.openFor"],
    [Budget.layerConfig(), { Budget: { tokens: { max: 0 } } }, "Budget.tokens.max"],
    [Whole.layerConfig("w"), { w: { fallback: { value: 1 } } }, "w.fallback.value"]
  ] as ReadonlyArray<
    readonly [Layer.Layer<never, { readonly path: string; readonly source?: string }>, object, string]
  >)("that is configured wrongly fails its layer with the path and the source: %s", ([layer, value, path]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer.pipe(configured(value)))))
      assert.deepStrictEqual([error.path, error.source], [path, "configuration"])
    })
  )
})

describe("a service", () => {
  it.effect("whose options are none fails its layer, configured or not", () =>
    Effect.gen(function* () {
      const wrong = null as never
      class R extends Retry.Service<R>()("wrong", wrong) {}
      class F extends Fallback.Service<F>()("wrong", wrong) {}
      class T extends Timeout.Service<T>()("wrong", wrong) {}
      class B extends RetryBudget.Service<B>()("wrong", wrong) {}
      class P extends Policy.Service<P>()("wrong", wrong) {}
      type Any = Layer.Layer<never, ConfigError.InvalidValue>
      const services = [R, F, T, B, P] as unknown as ReadonlyArray<{ layer: Any; layerConfig: () => Any }>
      for (const { layer, layerConfig } of services) {
        for (const any of [layer, layerConfig().pipe(configured({ another: {} }))]) {
          const error = yield* Effect.flip(Effect.scoped(Layer.build(any)))
          assert.match(`${error.path}: ${error.expected}`, /wrong.*: must be (an object of options|a duration|a kind)/)
        }
      }
    })
  )
})

describe("a path of configuration under which there is nothing", () => {
  it.effect("is legal, and said once where the policy is built", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void seen.push(String(message)))])
      const layers: ReadonlyArray<Layer.Layer<never, unknown>> = [
        Retries.layerConfig("retires"),
        Time.layerConfig("tiem"),
        Stock.layerConfig("stcok"),
        Breaker.layerConfig("braeker"),
        Budget.layerConfig("bugdet"),
        Whole.layerConfig("whoel")
      ] as never
      for (const layer of layers) {
        yield* Effect.scoped(Layer.build(layer.pipe(configured({ Retries: { attempts: 4 } })))).pipe(
          Effect.provide(logger)
        )
      }
      assert.deepStrictEqual(
        seen,
        ["retires", "tiem", "stcok", "braeker", "bugdet", "whoel"].map(
          (path) => `nothing is configured under ${path}, the options in code hold`
        )
      )
      seen.length = 0
      // Where nothing is in code either, the failure says it.
      const missing: ReadonlyArray<Layer.Layer<never, ConfigError.InvalidValue>> = [
        Deadline.layerConfig("daedline"),
        RetryBudget.layerConfig("bugdet")
      ]
      for (const layer of missing) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer))).pipe(Effect.provide(logger))
        assert.strictEqual(error.actual, "not given")
      }
      assert.deepStrictEqual(seen, [])
      const policy = yield* Policy.make("there", { retry: {} })
      yield* Effect.provide(policy.reload("nowhere"), logger)
      yield* Effect.scoped(Layer.build(Retries.layerConfig().pipe(configured({ Retries: {} })))).pipe(
        Effect.provide(logger)
      )
      assert.deepStrictEqual(seen, [])
    })
  )
})

describe("types", () => {
  type Failures = Refused | Reasons.NetworkError
  type Timed = Reasons.Timeout | Reasons.DeadlineExceeded

  it("of the services", () => {
    expectTypeOf(self.pipe(Retries.protect)).toEqualTypeOf<
      Effect.Effect<string, Failures | Reasons.RetriesExhausted, Database | Retries>
    >()
    expectTypeOf(Time.protect(self)).toEqualTypeOf<Effect.Effect<string, Failures | Timed, Database | Time>>()
    expectTypeOf(self.pipe(Stock.protect)).toEqualTypeOf<Effect.Effect<string, Failures, Database | Stock>>()
    expectTypeOf(self.pipe(Breaker.protect)).toEqualTypeOf<
      Effect.Effect<string, Failures | Reasons.CircuitOpen, Database | Breaker>
    >()
    expectTypeOf(self.pipe(Budget.protect)).toEqualTypeOf<Effect.Effect<string, Failures, Database | Budget>>()
    expectTypeOf(self.pipe(Whole.protect)).toEqualTypeOf<
      Effect.Effect<string | number, Failures | Timed, Database | Whole>
    >()
  })

  it("of plain options in place of a policy, data first and data last", () => {
    type Wrapped = Effect.Effect<string, Failures | Reasons.RetriesExhausted, Database>
    expectTypeOf(Retry.retry(self, { attempts: 2, exhausted: "wrap" })).toEqualTypeOf<Wrapped>()
    expectTypeOf(self.pipe(Retry.retry({ attempts: 2, exhausted: "wrap" }))).toEqualTypeOf<Wrapped>()
    expectTypeOf(self.pipe(Retry.retry({ attempts: 2 }))).toEqualTypeOf<typeof self>()
    expectTypeOf(self.pipe(Timeout.timeout(Timeout.make(1)))).toEqualTypeOf<
      Effect.Effect<string, Failures | Timed, Database>
    >()
  })

  it("of a fallback as a value and as a stage: values, failures and needs are united", () => {
    const timeout = Effect.fail(new Reasons.Timeout({})) as Effect.Effect<number, Reasons.Timeout, Whole>
    const other = Fallback.make({ orElse: () => timeout })
    type Either = Effect.Effect<string | number, Failures | Reasons.Timeout, Database | Whole>
    expectTypeOf(Fallback.protect(self, other)).toEqualTypeOf<Either>()
    expectTypeOf(self.pipe(Fallback.protect(other))).toEqualTypeOf<Either>()
    const policy = Effect.runSync(Policy.make("types", { fallback: { orElse: () => timeout } }))
    expectTypeOf(Policy.protect(self, policy)).toEqualTypeOf<Either>()
    expectTypeOf(self.pipe(Policy.protect(policy))).toEqualTypeOf<Either>()
    const ordered = Effect.runSync(
      Policy.ordered("types", [Policy.fallback({ value: 0 as number }), Policy.circuitBreaker({})])
    )
    expectTypeOf(self.pipe(Policy.protect(ordered))).toEqualTypeOf<
      Effect.Effect<string | number, Failures | Reasons.CircuitOpen, Database>
    >()
    expectTypeOf(self.pipe(Policy.protect(Effect.runSync(Policy.make("types", { retry: {} }))))).toEqualTypeOf<
      typeof self
    >()
  })

  it("of a fallback: it judges only failures it knows", () => {
    const narrow = Fallback.make({ value: 1, when: (failure: Refused) => failure._tag === "ServiceRefused" })
    // @ts-expect-error a NetworkError is not what this predicate can judge
    assert.isTrue(Effect.isEffect(Fallback.protect(self, narrow)))
  })
})

describe("services of one name", () => {
  class Own extends Context.Service<Own, string>()("payments") {}
  class Pipeline extends Policy.Service<Pipeline>()("payments", { timeout: "1 second" }) {}
  class Breaker extends CircuitBreaker.Service<Breaker>()("payments") {}

  it.effect("do not take each other's place", () =>
    Effect.gen(function* () {
      const answer = yield* Effect.succeed("paid").pipe(Breaker.protect, Pipeline.protect)
      assert.deepStrictEqual([answer, yield* Own], ["paid", "mine"])
    }).pipe(Effect.provide(Layer.mergeAll(Pipeline.layer, Breaker.layer, Layer.succeed(Own)("mine"))))
  )
})
