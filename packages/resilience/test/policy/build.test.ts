import { assert, describe, it } from "@effect/vitest"
import type { ConfigError } from "@holdfast/core"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Policy, Retry } from "@holdfast/resilience"
import { ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"

const problem = <A>(make: Effect.Effect<A, ConfigError.InvalidValue>) =>
  Effect.map(Effect.flip(make), ({ expected, path }) => `${path}: ${expected}`)

const down = Effect.suspend(() => Effect.fail(new Reasons.NetworkError({})))

describe("a pipeline is refused", () => {
  it.effect.each([
    [{}, 'Policy "p": must have at least one of fallback, timeout, retry, circuitBreaker, attemptTimeout'],
    [{ timeout: 0 }, 'Policy "p".timeout: must be a duration greater than 0 ms'],
    [{ attemptTimeout: -1 }, 'Policy "p".attemptTimeout: must be a duration greater than 0 ms'],
    [{ retry: { attempts: 0 } }, 'Policy "p".retry.attempts: must be a whole number, 1 or more, or Infinity'],
    [
      { retry: { attempts: 2, unwanted: (value: unknown) => value === undefined } },
      'Policy "p".retry.unwanted: must be left out: a pipeline knows the results of no effect'
    ],
    [
      { circuitBreaker: { openFor: 0 } },
      'Policy "p".circuitBreaker.openFor: must be a finite duration greater than 0 ms, a Backoff or a Schedule'
    ],
    [
      { timeout: "1 second", attemptTimeout: "1 second" },
      'Policy "p".attemptTimeout: must be less than the 1s of the timeout around it, or it can never be reached'
    ],
    [
      { timeout: "1 second", retry: { maxElapsed: "5 seconds" } },
      'Policy "p".retry.maxElapsed: must be less than the 1s of the timeout around it, or it can never be reached'
    ],
    [
      { timeout: "1 second", retry: { backoff: Backoff.constant("1 second") } },
      'Policy "p".retry.backoff: must have a first wait shorter than the 1s of the timeout around it'
    ]
  ] as ReadonlyArray<readonly [Policy.Options, string]>)("with the place and the reason: %j", ([options, message]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* problem(Policy.make("p", options)), message)
    })
  )

  it.effect.each([
    [() => Policy.ordered("p", null as never), 'Policy "p".steps: must be a list of stages'],
    [() => Policy.ordered("p", [null] as never), 'Policy "p".steps.0: must be a stage such as Policy.retry({})'],
    [() => Policy.ordered("p", [Policy.retry({}), {}] as never), 'Policy "p".steps.1: must be a stage such as'],
    [() => Policy.ordered("p", [Policy.retry(null as never)]), 'Policy "p".steps.0: must be an object of options'],
    [
      () => Policy.ordered("p", [Policy.circuitBreaker(3 as never)]),
      'Policy "p".steps.0: must be an object of options'
    ],
    [() => Policy.ordered("p", [Policy.timeout(null as never)]), 'Policy "p".steps.0: must be a duration greater than'],
    [
      () => Policy.make("p", { circuitBreaker: { name: "zz" } } as never),
      'Policy "p".circuitBreaker.name: must be left out'
    ],
    [() => Policy.fromConfig("p", null as never), 'Policy "p": must be an object of options'],
    [() => Policy.fromConfig("p", { defaults: null } as never), 'Policy "p".defaults: must be an object of options'],
    [() => Policy.fromConfig("p", { path: "" }), 'Policy "p".path: must be a text that is not empty']
  ] as ReadonlyArray<readonly [() => Effect.Effect<unknown, ConfigError.InvalidValue>, string]>)(
    "when what it is made of is none: %#",
    ([make, message]) =>
      Effect.gen(function* () {
        assert.include(yield* problem(Effect.suspend(make)), message)
      })
  )

  it.effect("when its order cannot mean what it says", () =>
    Effect.gen(function* () {
      const order = (...steps: ReadonlyArray<Policy.AnyStep>) => problem(Policy.ordered("p", steps))
      const { circuitBreaker, retry, timeout } = Policy
      assert.match(yield* order(retry({}), retry({})), /^Policy "p"\.steps\.1: must be the only retry/)
      assert.match(
        yield* order(circuitBreaker({}), circuitBreaker({})),
        /^Policy "p"\.steps\.1: must be the only circuit/
      )
      assert.match(
        yield* order(timeout("Infinity"), timeout("Infinity")),
        /^Policy "p"\.steps\.1: must be finite: around it there is no limit, either/
      )
      assert.match(yield* order(timeout(100), timeout(100)), /^Policy "p"\.steps\.1: must be less than the 100ms/)
      assert.match(
        yield* order(timeout(1000), retry({}), timeout(100), circuitBreaker({})),
        /^Policy "p"\.steps\.2: must be inside of the circuit breaker/
      )
      assert.match(
        yield* order(retry({}), timeout("1 second"), circuitBreaker({})),
        /^Policy "p"\.steps\.1: must be inside of the circuit breaker/
      )
      // The time of everything together is no time of an attempt.
      yield* Policy.ordered("p", [Policy.fallback({ value: 0 }), timeout(1000), circuitBreaker({})])
      assert.match(yield* order(), /^Policy "p": must have at least one/)
      assert.match(yield* problem(Policy.make("", { timeout: 1 })), /^Policy\.name/)
    })
  )
})

describe("an order of one's own", () => {
  it.effect("has the breaker count one failure per exhausted retry when it stands outside", () =>
    Effect.gen(function* () {
      const trip = CircuitBreaker.consecutive(10)
      const again = { attempts: 3, backoff: Backoff.none }
      const outside = yield* Policy.ordered("p", [Policy.circuitBreaker({ trip }), Policy.retry(again)])
      const inside = yield* Policy.make("p", { retry: again, circuitBreaker: { trip } })
      for (const policy of [outside, inside]) yield* Effect.exit(Policy.protect(down, policy))
      assert.strictEqual((yield* outside.circuitBreaker!.health).rules[0]?.failures, 1)
      assert.strictEqual((yield* inside.circuitBreaker!.health).rules[0]?.failures, 3)
    })
  )
})

const from = (value: unknown) => ConfigProvider.layer(ConfigProvider.fromUnknown(value))

describe("a pipeline from configuration", () => {
  it.effect("reads every option, from a file or from the environment", () =>
    Effect.gen(function* () {
      const file = from({
        payments: {
          timeout: "10 seconds",
          attemptTimeout: "1500",
          retry: {
            attempts: 4,
            backoff: { base: "50 millis", cap: "1 second", jitter: "equal" },
            maxElapsed: "8 seconds"
          },
          circuitBreaker: {
            trip: { failureRate: { threshold: 0.2, window: { time: "30 seconds" }, minimumCalls: 20 } },
            openFor: "5 seconds"
          }
        }
      })
      const text =
        "payments: Timeout(10s) → Retry(4 attempts, exponential 50ms equal jitter up to 1s, within 8s) → CircuitBreaker(20% failures of 30s, at least 20, open 5s) → Timeout(1s 500ms)"
      assert.strictEqual(String(yield* Policy.fromConfig("payments").pipe(Effect.provide(file))), text)
      const environment = ConfigProvider.layer(
        ConfigProvider.fromEnv({ env: { payments_timeout: "3 seconds", payments_retry_attempts: "2" } })
      )
      const read = yield* Policy.fromConfig("payments").pipe(Effect.provide(environment))
      assert.strictEqual(
        String(read),
        "payments: Timeout(3s) → Retry(2 attempts, exponential 100ms full jitter up to 20s)"
      )
    })
  )

  it.effect("says whatever code can say with values: each stage has the options that it would have from code", () =>
    Effect.gen(function* () {
      const file = from({
        all: {
          timeout: { after: "20 seconds", operation: "pay" },
          retry: {
            attempts: "Infinity",
            maxElapsed: "8 seconds",
            maxHint: "0",
            when: "NetworkError, sys.timeout",
            nested: "give_up",
            exhausted: "wrap",
            backoff: {
              kind: "listed",
              delays: ["1 second", "2 seconds"],
              jitter: { upTo: "99 millis" },
              cap: "3 seconds"
            }
          },
          retryBudget: { window: { percent: 0.5, minPerSecond: 1, timeToLive: "5 seconds" } },
          circuitBreaker: {
            trip: {
              consecutive: 4,
              failureRate: { threshold: 0.25, window: { calls: 40 }, minimumCalls: 20 },
              slowRate: { slowerThan: "1 second", window: { time: "1 minute" }, minimumCalls: 5, inFlight: "false" }
            },
            openFor: { kind: "decorrelated", base: "1 second", version: 1, cap: "1 minute" },
            halfOpen: { concurrent: 2, successes: 3, outOf: 4, maxWait: "9 seconds" },
            maxHint: "5 minutes",
            outcomes: { NotFound: "ignored", "sys.timeout": "success" },
            mode: "metrics_only"
          },
          attemptTimeout: { after: "2 seconds", disconnect: "true" },
          measure: "true"
        }
      })
      const { consecutive, failureRate, slowRate } = CircuitBreaker
      const policy = yield* Policy.fromConfig("all").pipe(Effect.provide(file))
      const options = {
        timeout: { after: "20 seconds", operation: "pay" },
        retry: {
          attempts: Infinity,
          maxElapsed: "8 seconds",
          maxHint: 0,
          when: ["NetworkError", "sys.timeout"],
          nested: "give_up",
          exhausted: "wrap",
          backoff: Backoff.listed(["1 second", "2 seconds"], { jitter: { upTo: "99 millis" }, cap: "3 seconds" })
        },
        circuitBreaker: {
          trip: CircuitBreaker.anyOf(
            consecutive(4),
            failureRate({ threshold: 0.25, window: { calls: 40 }, minimumCalls: 20 }),
            slowRate({ slowerThan: "1 second", window: { time: "1 minute" }, minimumCalls: 5, inFlight: false })
          ),
          openFor: Backoff.decorrelated("1 second", { version: 1, cap: "1 minute" }),
          halfOpen: { concurrent: 2, successes: 3, outOf: 4, maxWait: "9 seconds" },
          maxHint: "5 minutes",
          outcomes: { NotFound: "ignored", "sys.timeout": "success" },
          mode: "metrics_only"
        },
        attemptTimeout: { after: "2 seconds", disconnect: true }
      } as const
      for (const { kind, options: read, place } of policy.stages) {
        const { backoff, openFor, ...rest } = options[place as keyof typeof options] as Record<string, unknown>
        const { backoff: readBackoff, openFor: readOpenFor, ...readRest } = read as unknown as Record<string, unknown>
        assert.deepStrictEqual(readRest, rest, kind)
        for (const [one, other] of [
          [readBackoff, backoff],
          [readOpenFor, openFor]
        ]) {
          assert.deepStrictEqual(
            (one as Backoff.Backoff | undefined)?.formula,
            (other as Backoff.Backoff | undefined)?.formula
          )
        }
      }
      assert.strictEqual((yield* policy.health).retryBudget?.rule, "50% of 5s, 1 per second")
      assert.strictEqual(yield* policy.circuitBreaker!.state, "metrics_only")
    })
  )

  it.effect("goes before the defaults option by option, inside of sections, too", () =>
    Effect.gen(function* () {
      const halfOpen = { successes: 3, outOf: 4 }
      const defaults = { circuitBreaker: { halfOpen, outcomes: { NotFound: "ignored" } } } as const
      const { stages } = yield* Policy.fromConfig("p", { defaults }).pipe(
        Effect.provide(from({ p: { circuitBreaker: { halfOpen: { outOf: 5 }, outcomes: { Timeout: "success" } } } }))
      )
      assert.deepStrictEqual<unknown>(stages[0]?.options, {
        halfOpen: { successes: 3, outOf: 5 },
        outcomes: { NotFound: "ignored", Timeout: "success" }
      })
    })
  )

  it.effect("has defaults for what is not configured", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.fromConfig("p", { path: "db", defaults: Policy.database }).pipe(
        Effect.provide(from({ db: { timeout: "9 seconds", retry: { attempts: 5 } } }))
      )
      assert.deepStrictEqual(
        policy.stages.map(({ text }) => text),
        [
          "Timeout(9s)",
          "Retry(5 attempts, exponential 20ms full jitter up to 500ms)",
          "CircuitBreaker(5 failures in a row, open 10s)",
          "Timeout(2s)"
        ]
      )
    })
  )

  it.effect.each([
    [{ timeout: "soon" }, "p.timeout: must be a duration: a number of milliseconds, or one with a unit such as 500ms"],
    [{ timeout: "0" }, "p.timeout: must be a duration greater than 0 ms"],
    [
      { timeout: { after: "0" } },
      "p.timeout.after: must be a duration greater than 0 ms, or a function that gives one"
    ],
    [{ timeuot: "1" }, "p.timeuot: is no option, did you mean timeout?"],
    [{ retry: { attempts: "many" } }, "p.retry.attempts: must be a number"],
    ...["1e400", "-1e400", "9".repeat(400), "0x10", "0b11", "-Infinity", "infinity", "1_000", " "].map(
      (attempts) => [{ retry: { attempts } }, "p.retry.attempts: must be a number"] as const
    ),
    ...["1e400", "9".repeat(400), `${"9".repeat(400)}s`, `${"9".repeat(400)} seconds`, "0x10"].map(
      (timeout) => [{ timeout }, "p.timeout: must be a duration: a number of milliseconds"] as const
    ),
    [{ retry: { attempts: 0 } }, "p.retry.attempts: must be a whole number, 1 or more, or Infinity"],
    [{ retry: { times: 3 } }, "p.retry.times: is no option (there are name, attempts"],
    [{ retry: "yes" }, "p.retry: must be an object of options"],
    [{ retry: { onRetry: "x" } }, "p.retry.onRetry: must be given in code: it is a function"],
    [{ retry: { backoff: { cap: "0 millis" } } }, "p.retry.backoff.cap: must be a finite duration greater than 0 ms"],
    [{ retry: { backoff: { kind: "linear", factor: 2 } } }, "p.retry.backoff.factor: is no option of the kind linear"],
    [{ retry: { backoff: { kind: "quick" } } }, 'p.retry.backoff.kind: must be "exponential" or'],
    [{ retryBudget: { tokens: { max: 0 } }, retry: {} }, "p.retryBudget.tokens.max: must be a number from 0.001"],
    [
      { retryBudget: { tokens: {}, window: {} }, retry: {} },
      "p.retryBudget: must be one of tokens, window or inFlight"
    ],
    [
      { circuitBreaker: { trip: { failureRate: { threshold: 2 } } } },
      "p.circuitBreaker.trip.failureRate.threshold: must be a number from 0 to 1"
    ],
    [
      { circuitBreaker: { trip: { consecutive: 3, slowRate: { slowerThan: "0" } } } },
      "p.circuitBreaker.trip.slowRate.slowerThan: must be a finite duration greater than 0 ms"
    ],
    [{ circuitBreaker: { trip: {} } }, "p.circuitBreaker.trip: must be consecutive, failureRate or slowRate"],
    [{ circuitBreaker: { mode: "on" } }, 'p.circuitBreaker.mode: must be "automatic" or'],
    [
      { circuitBreaker: { outcomes: "NotFound" } },
      "p.circuitBreaker.outcomes: must be a text such as NotFound=ignored"
    ],
    [{ circuitBreaker: { outcomes: ["NotFound"] } }, "p.circuitBreaker.outcomes: must be a section, or a text such as"],
    [{ circuitBreaker: { outcomes: "A=ignored,A=success" } }, "p.circuitBreaker.outcomes.A: must be said once"],
    [
      { circuitBreaker: { outcomes: "A=quiet" } },
      'p.circuitBreaker.outcomes.A: must be "success", "failure" or "ignored"'
    ],
    [{ circuitBreaker: { classify: "x" } }, "p.circuitBreaker.classify: must be given in code"],
    [{ circuitBreaker: { halfOpen: { outOf: 1 } } }, "p.circuitBreaker.halfOpen.outOf: must be no less than the 2"],
    [{ fallback: { when: "sys.timeout" } }, "p.fallback: must have its value or its effect given in code"],
    [{ measure: "yes" }, "p.measure: must be true or false"]
  ] as ReadonlyArray<readonly [object, string]>)("is refused with the path: %j", ([config, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Policy.fromConfig("p").pipe(Effect.provide(from({ p: config }))))
      assert.include(`${error.path}: ${error.expected}`, message)
      assert.strictEqual(error.source, "configuration")
    })
  )

  it.effect("says outcomes in one text where its keys have no case, as in an environment in capitals", () =>
    Effect.gen(function* () {
      const policy = (env: Record<string, string>) =>
        Policy.fromConfig("p").pipe(
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }).pipe(ConfigProvider.constantCase)))
        )
      const opening = { P_CIRCUIT_BREAKER_TRIP_CONSECUTIVE: "1" }
      const said = yield* policy({
        ...opening,
        P_CIRCUIT_BREAKER_OUTCOMES: "NetworkError=ignored, sys.timeout=success"
      })
      yield* Effect.exit(Policy.protect(down, said))
      assert.strictEqual(yield* said.circuitBreaker!.state, "closed")
      const lost = yield* Effect.flip(policy({ ...opening, P_CIRCUIT_BREAKER_OUTCOMES_NETWORKERROR: "ignored" }))
      assert.strictEqual(lost.path, "p.circuitBreaker.outcomes.NETWORKERROR")
      assert.include(lost.expected, "must be said in a text such as NotFound=ignored")
    })
  )

  it.effect("finds a slip of the pen in an environment in capitals, below a key of several words, too", () =>
    Effect.gen(function* () {
      const error = (env: Record<string, string>) =>
        problem(
          Policy.fromConfig("p").pipe(
            Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }).pipe(ConfigProvider.constantCase)))
          )
        )
      const found = yield* error({ P_CIRCUIT_BREAKER_OPENFOR: "5s", P_TIMEOUT: "1s" })
      assert.include(found, "p.circuitBreaker.OPENFOR: is no option")
      assert.include(yield* error({ P_TIMEOUT: "1s", P_RETRY_MAXELAPSED: "5s" }), "p.retry.MAXELAPSED: is no option")
    })
  )

  it.effect(
    "takes a budget of its own from an environment in capitals, which cannot tell it from that of the retry",
    () =>
      Effect.gen(function* () {
        const provider = ConfigProvider.fromEnv({ env: { P_RETRY_ATTEMPTS: "4", P_RETRY_BUDGET_TOKENS_MAX: "5" } })
        const policy = yield* Policy.fromConfig("p").pipe(
          Effect.provide(ConfigProvider.layer(ConfigProvider.constantCase(provider)))
        )
        assert.strictEqual((yield* policy.health).retryBudget?.rule, "5 tokens, 0.1 per success")
        const both = from({ p: { retry: { budget: { tokens: {} } }, retryBudget: { tokens: {} } } })
        assert.include(
          yield* problem(Policy.fromConfig("p").pipe(Effect.provide(both))),
          "p.retry.budget: must be given in code"
        )
      })
  )

  it.effect.each([
    ["breaker", "circuitBreaker"],
    ["budget", "retryBudget"],
    ["retries", "retry"],
    ["timeoutPerAttempt", "attemptTimeout"],
    ["timeouts_per_attempt", "attemptTimeout"]
  ])(
    "refuses %s on a path of its own, for %s is meant; beside what others keep under its name it is told",
    ([key, meant]) =>
      Effect.gen(function* () {
        const seen: Array<unknown> = []
        const logger = Logger.layer([Logger.make(({ logLevel, message }) => void seen.push(`${logLevel} ${message}`))])
        const file = from({ p: { timeout: "1s", retry: {}, [key!]: 1000 } })
        const found = yield* problem(Policy.fromConfig("other", { path: "p" }).pipe(Effect.provide(file)))
        assert.include(found, `p.${key}: is no option, did you mean ${meant}?`)
        const policy = yield* Policy.fromConfig("p").pipe(Effect.provide([file, logger]))
        assert.strictEqual(policy.stages.length, 2)
        assert.deepStrictEqual(seen, [`Info left to others under p: ${key} (did you mean ${meant}?)`])
      })
  )

  it.effect("leaves to others what is no option under its name, and says so; a path of its own has no others", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void seen.push(String(message)))])
      const file = from({ p: { timeout: "1s", url: "http://peer", connectTimeout: "2s" } })
      const policy = yield* Policy.fromConfig("p").pipe(Effect.provide([file, logger]))
      assert.deepStrictEqual(
        [String(policy), seen],
        ["p: Timeout(1s)", ["left to others under p: url, connectTimeout"]]
      )
      const own = yield* problem(Policy.fromConfig("other", { path: "p" }).pipe(Effect.provide([file, logger])))
      assert.include(own, "p.url: is no option (there are fallback, timeout")
      class Again extends Retry.Service<Again>()("test/build/Again", {}) {}
      const layer = Again.layerConfig("again").pipe(Layer.provide(from({ again: { retries: "5" } })))
      assert.include(yield* problem(Effect.scoped(Layer.build(layer))), "again.retries: is no option (there are name")
    })
  )

  it.effect("starts beside the variables that a platform sets for everybody, on a path of its own, too", () =>
    Effect.gen(function* () {
      const env = { PAYMENTS_TIMEOUT: "1s", PAYMENTS_PORT: "tcp://10.0.0.1:80", PAYMENTS_SERVICE_HOST: "10.0.0.1" }
      const provider = ConfigProvider.constantCase(ConfigProvider.fromEnv({ env }))
      for (const name of ["payments", "other"]) {
        const policy = yield* Policy.fromConfig(name, { path: "payments" }).pipe(
          Effect.provide(ConfigProvider.layer(provider))
        )
        assert.strictEqual(String(policy), `${name}: Timeout(1s)`)
      }
    })
  )

  it.effect("goes down a path with dots, unless they are part of a key", () =>
    Effect.gen(function* () {
      const nested = from({ services: { p: { timeout: "1s" } } })
      const flat = from({ "services.p": { timeout: "2s" }, services: { p: { timeout: "1s" } } })
      const env = ConfigProvider.constantCase(ConfigProvider.fromEnv({ env: { SERVICES_P_TIMEOUT: "3s" } }))
      const read = Policy.fromConfig("p", { path: "services.p", defaults: { retry: {} } })
      const timeouts: Array<unknown> = []
      for (const layer of [nested, flat, ConfigProvider.layer(env)]) {
        timeouts.push((yield* Effect.provide(read, layer)).stages[0]?.text)
      }
      assert.deepStrictEqual(timeouts, ["Timeout(1s)", "Timeout(2s)", "Timeout(3s)"])
      const wrong = from({ services: { p: { timeout: "soon" } } })
      assert.include(yield* problem(Effect.provide(read, wrong)), "services.p.timeout: must be a duration")
    })
  )

  it.effect("of a breaker alone names the path, too", () =>
    Effect.gen(function* () {
      const layer = (config: object) =>
        Layer.build(CircuitBreaker.layerConfig("db").pipe(Layer.provide(from({ db: config })))).pipe(Effect.scoped)
      assert.strictEqual(
        yield* problem(layer({ openFor: "0" })),
        "db.openFor: must be a finite duration greater than 0 ms, a Backoff or a Schedule"
      )
      assert.strictEqual(
        yield* problem(layer({ trip: { consecutive: "few" } })),
        "db.trip.consecutive: must be a number"
      )
    })
  )

  it.effect("of a breaker alone has others under its name, and none under a path of its own", () =>
    Effect.gen(function* () {
      const file = from({ db: { openFor: "5s", url: "postgres://peer" } })
      const built = (layer: ReturnType<typeof CircuitBreaker.layerConfig>) =>
        Effect.scoped(Layer.build(layer.pipe(Layer.provide([file, Logger.layer([])]))))
      yield* built(CircuitBreaker.layerConfig("db"))
      const own = yield* problem(built(CircuitBreaker.layerConfig("stock", "db")))
      assert.include(own, "db.url: is no option (there are trip, openFor")
      class Stock extends CircuitBreaker.Service<Stock>()("test/build/Stock") {}
      const service = Stock.layerConfig("db").pipe(Layer.provide(file), Layer.build, Effect.scoped)
      assert.include(yield* problem(service), "db.url: is no option (there are trip, openFor")
    })
  )
})

describe("reloading", () => {
  it.effect("L8 keeps the circuit, its open time and its counts, and lets calls in flight finish as they began", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", {
        circuitBreaker: { trip: CircuitBreaker.consecutive(3), openFor: "30 seconds" }
      })
      const gate = yield* Deferred.make<string>()
      const slow = yield* Effect.forkChild(Policy.protect(Deferred.await(gate), policy), { startImmediately: true })
      yield* Effect.exit(Policy.protect(down, policy))
      yield* policy.reload().pipe(
        Effect.provide(
          from({
            p: { attemptTimeout: "1 second", circuitBreaker: { trip: { consecutive: 3 }, openFor: "5 seconds" } }
          })
        )
      )
      assert.strictEqual(String(policy), "p: CircuitBreaker(3 failures in a row, open 5s) → Timeout(1s)")
      assert.strictEqual((yield* policy.circuitBreaker!.health).rules[0]?.failures, 1)
      yield* TestClock.adjust("2 seconds")
      yield* Deferred.succeed(gate, "late")
      assert.strictEqual(yield* Fiber.join(slow), "late")
      yield* Effect.replicateEffect(Effect.exit(Policy.protect(down, policy)), 3)
      yield* policy.reconfigure({ circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: "1 hour" } })
      yield* TestClock.adjust(4_999)
      assert.strictEqual(yield* policy.circuitBreaker!.state, "open")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* policy.circuitBreaker!.state, "half_open")
    })
  )

  it.effect("changes nothing when the new options are wrong", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", { timeout: "1 second", circuitBreaker: {} })
      const before = String(policy)
      yield* Effect.flip(policy.reconfigure({ circuitBreaker: { openFor: 0 } }))
      const unknown = yield* Effect.flip(policy.reconfigure({ timeuot: "1 second", retry: {} } as Policy.Options))
      assert.strictEqual(unknown.path, 'Policy "p".timeuot')
      yield* Effect.flip(policy.reload().pipe(Effect.provide(from({ p: { timeout: "soon" } }))))
      assert.strictEqual(String(policy), before)
    })
  )

  it.effect("reaches effects that were protected before", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", { retry: { attempts: 2, backoff: Backoff.none } })
      let calls = 0
      const effect = Effect.suspend(() => (calls++, down)).pipe(Policy.protect(policy))
      yield* Effect.exit(effect)
      yield* policy.reconfigure({ retry: { attempts: 5, backoff: Backoff.none } })
      yield* Effect.exit(effect)
      assert.strictEqual(calls, 7)
    })
  )
})

describe("layers", () => {
  class Shared extends Policy.Service<Shared>()("test/policy/Shared", {
    circuitBreaker: { trip: CircuitBreaker.consecutive(1) }
  }) {}

  it.effect("L21 of one value share a circuit, and two of them do not", () =>
    Effect.gen(function* () {
      const state = Effect.flatMap(Effect.service(Shared), (policy) => policy.circuitBreaker!.state)
      const open = Effect.exit(down.pipe(Shared.protect)).pipe(Effect.andThen(state))
      assert.strictEqual(yield* open.pipe(Effect.provide(Shared.layer)), "open")
      assert.strictEqual(yield* state.pipe(Effect.provide(Shared.layer)), "closed")
      const both = Effect.all([open.pipe(Effect.provide(Shared.layer)), state.pipe(Effect.provide(Shared.layer))])
      assert.deepStrictEqual(yield* both, ["open", "closed"])
    })
  )

  it.effect("from configuration name the path when they cannot be built", () =>
    Effect.gen(function* () {
      const layer = Shared.layerConfig("shared").pipe(
        Layer.provide(from({ shared: { circuitBreaker: { trip: { consecutive: 0 } } } }))
      )
      const exit = yield* Effect.exit(Effect.void.pipe(Shared.protect, Effect.provide(layer)))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), "shared.circuitBreaker.trip")
    })
  )
})

describe("a backoff that is configured has, where it says nothing,", () => {
  const text = (retry: object) =>
    Policy.fromConfig("p").pipe(
      Effect.map((policy) => policy.stages[0]!.text),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ p: { retry } }))
    )

  it.effect.each([
    ["the jitter and the cap of the default, if it grows as that", {}, "exponential 100ms full jitter up to 20s"],
    ["a cap that its base fits under", { base: "1m" }, "exponential 1m full jitter up to 1m"],
    ["neither, if it is constant", { kind: "constant", base: "1m" }, "constant 1m up to 1d"],
    ["neither, if it is linear", { kind: "linear", base: "1m" }, "linear 1m up to 1d"],
    ["neither, if it is listed", { delays: "1m, 2m" }, "1m, 2m"],
    ["no cap, if it is decorrelated", { kind: "decorrelated", base: "1m" }, "decorrelated v2 1m up to 1d"],
    ["what it does say", { kind: "constant", base: 5, jitter: "full", cap: "1s" }, "constant 5ms full jitter up to 1s"]
  ] as const)("%s", ([, backoff, says]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* text({ backoff }), `Retry(3 attempts, ${says})`)
    })
  )
})
