import { assert, describe, it } from "@effect/vitest"
import { Backoff, CircuitBreaker, Deadline, Fallback, Policy, Retry, RetryBudget, Timeout } from "@holdfast/resilience"
import { ConfigProvider, Duration, Effect, Layer, Schedule } from "effect"
import { db, makers } from "./makers.ts"
import { breaker, refusalOf, secret, type Wrong } from "./wrong.ts"

const print = (value: unknown) => (typeof value === "symbol" ? "a symbol" : (JSON.stringify(value) ?? String(value)))

/** What a refusal may say of a value. */
const shown = (value: unknown): string => {
  if (typeof value === "string" && value !== "") {
    return /^-?\d+ \w+$|^Infinity$/.test(value)
      ? JSON.stringify(value)
      : `a text of ${value.length} character${value.length === 1 ? "" : "s"}`
  }
  if (Array.isArray(value)) {
    const elements = value.length === 1 ? "1 element" : `${value.length} elements`
    return value.length === 0 ? "an empty list" : `a list of ${elements}`
  }
  if (typeof value === "object" && value !== null) return "an object"
  if (typeof value === "symbol") return "a symbol"
  return value === "" ? "an empty text" : value === undefined ? "not given" : String(value)
}

describe("every option of every policy is refused when it is wrong, by its path and by what it must be", () => {
  for (const { base, make, misspelt, options, place } of makers) {
    for (const [key, wrong] of Object.entries(options) as ReadonlyArray<[string, Wrong | undefined]>) {
      if (wrong === undefined || wrong[0].length === 0) continue
      const [values, says] = wrong
      it.effect(`${place}.${key} ${says}`, () =>
        Effect.gen(function* () {
          for (const value of values) {
            const error = yield* refusalOf(() => make({ ...base, [key]: value } as never))
            assert.deepStrictEqual(
              [error.path, error.expected, error.actual],
              [`${place}.${key}`, says, shown(value)],
              `for ${print(value)}`
            )
            assert.strictEqual(error.message, `invalid value: ${place}.${key}: ${says}, but is ${shown(value)}`)
            assert.notInclude(error.message, secret)
          }
        })
      )
    }
    if (misspelt === undefined) continue
    const [key, meant] = misspelt
    it.effect(`${place}.${key} is no option, and ${meant} is meant`, () =>
      Effect.gen(function* () {
        const error = yield* refusalOf(() => make({ ...base, [key]: secret } as never))
        assert.strictEqual(error.path, `${place}.${key}`)
        assert.include(error.expected, `is no option, did you mean ${meant}? (there `)
        assert.isUndefined(error.actual)
        assert.notInclude(error.message, secret)
      })
    )
  }

  it.effect.each([
    [() => Retry.make({ times: 3 } as never), "Retry.times", "is no option; there are name, attempts, backoff"],
    [() => Retry.make({ discard: () => Effect.void }), "Retry.discard", "must be left out without unwanted"],
    [() => Retry.retry(Effect.void, null as never), "Retry", "must be an object of options"],
    [() => Retry.retry("3" as never), "Retry", "must be an object of options"],
    [() => Timeout.timeout({ duration: "1 second" } as never), "Timeout.duration", "is no option; there are after"],
    [() => Timeout.timeout(Effect.void, 0), "Timeout", "must be a duration greater than 0 ms"],
    [() => Timeout.timeout(Number.NaN), "Timeout", "must be a duration greater than 0 ms"],
    [() => Deadline.within(Effect.void, 0), "Deadline.within", "must be a finite duration greater than 0 ms"],
    [() => Deadline.within("Infinity"), "Deadline.within", "must be a finite duration greater than 0 ms"],
    [() => Layer.build(Deadline.layer(-1)).pipe(Effect.scoped), "Deadline.layer", "must be a finite duration"],
    [
      () => breaker(undefined as never).pipe(Effect.andThen(CircuitBreaker.make(null as never))),
      "CircuitBreaker",
      "must be"
    ],
    [
      () => breaker({ trip: CircuitBreaker.consecutive(0) }),
      `${db}.trip.consecutive`,
      "must be a whole number, 1 or more"
    ],
    [() => breaker({ trip: CircuitBreaker.anyOf() }), `${db}.trip`, "must be at least one rule"],
    [
      () => breaker({ trip: CircuitBreaker.anyOf(CircuitBreaker.consecutive(1), CircuitBreaker.consecutive(0)) }),
      `${db}.trip.1.consecutive`,
      "must be a whole number, 1 or more"
    ],
    [() => RetryBudget.make(null as never), "RetryBudget", "must be a kind such as RetryBudget.tokens()"],
    [() => Backoff.listed([1, -1]), "Backoff.listed.delays.1", "must be a finite duration, zero or more"],
    [() => Fallback.chain([]), "Fallback.chain.sources", "must be at least one source"],
    [() => Fallback.make({} as never), "Fallback", "must have either a value or an orElse"],
    [
      () => Fallback.make({ value: 1, orElse: () => Effect.void } as never),
      "Fallback",
      "must have either a value or an orElse"
    ],
    [() => Policy.make("", { retry: {} }), "Policy.name", "must be a text that is not empty"],
    [() => Policy.make("p", null as never), `Policy "p"`, "must be an object of options"]
  ] as ReadonlyArray<readonly [() => unknown, string, string]>)("%s", ([make, path, says]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(make)
      assert.strictEqual(error.path, path)
      assert.include(error.expected, says)
    })
  )
})

describe("of an option with several entries the wrong one is named:", () => {
  const oneName = "a tag (Timeout) or a whole code (sys.timeout)"
  const outcome = `must be "success", "failure" or "ignored"`

  it.effect.each(["", 1, null, "sys.*", "sys", "sys.Timeout", "sys timeout", "shop.*", "shop."].map((name) => [name]))(
    "the name %j",
    ([name]) =>
      Effect.gen(function* () {
        for (const [make, path] of [
          [(when: never) => Retry.make({ when }), "Retry"],
          [(when: never) => Fallback.make({ value: 0, when }), "Fallback"]
        ] as const) {
          const error = yield* refusalOf(() => make(["Timeout", name] as never))
          assert.deepStrictEqual(
            [error.path, error.expected, error.actual],
            [`${path}.when.1`, `must be ${oneName}`, shown(name)]
          )
        }
      })
  )

  it.effect.each([
    [{ Timeout: "ignored", A: "fail" }, "A", outcome, "a text of 4 characters"],
    [{ A: 1 }, "A", outcome, "1"],
    [{ "sys.*": "ignored" }, "sys.*", `is not ${oneName}`, undefined]
  ] as const)("the outcome %j", ([outcomes, key, says, actual]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(() => breaker({ outcomes }))
      assert.deepStrictEqual([error.path, error.expected, error.actual], [`${db}.outcomes.${key}`, says, actual])
    })
  )
})

describe("a refusal shows the value as far as it can be no secret:", () => {
  it.effect.each([
    [() => Retry.make({ attempts: 0 }), "0"],
    [() => Retry.make({ maxElapsed: "-5 seconds" }), '"-5 seconds"'],
    [() => Retry.make({ maxElapsed: Duration.seconds(0) }), "0"],
    [() => Timeout.make(`-${"9".repeat(50)} seconds` as never), "a text of 59 characters"],
    [() => Retry.make({ exhausted: secret as never }), "a text of 12 characters"],
    [() => Retry.make({ onRetry: "x" as never }), "a text of 1 character"],
    [() => Retry.make({ attempts: (() => secret) as never }), "a function"],
    [() => Retry.make({ attempts: 10n as never }), "10"],
    [() => Retry.make({ attempts: [secret] as never }), "a list of 1 element"],
    [() => Retry.make({ attempts: { secret } as never }), "an object"],
    [() => Backoff.exponential("10 seconds", { cap: "1 second" }), "1s"],
    [() => breaker({ halfOpen: { outOf: 1 } }), "1"],
    [() => breaker({ trip: CircuitBreaker.failureRate({ window: { calls: 10 }, minimumCalls: 11 }) }), "11"],
    [() => breaker({ openFor: "2 minutes", maxHint: "1 minute" }), "1m"],
    [() => Policy.make("p", { timeout: "1 second", attemptTimeout: "90 seconds" }), "1m 30s"],
    [() => Policy.make("p", { timeout: "1 second", retry: { maxElapsed: "5 seconds" } }), "5s"],
    [() => Policy.make("p", { timeout: "1 second", retry: { backoff: Backoff.constant("2 seconds") } }), "2s"],
    [() => configured({ retry: { attempts: "0" } }), "0"],
    [() => configured({ retry: { attempts: secret } }), "a text of 12 characters"],
    [() => configured({ timeout: "5 fortnights" }), "a text of 12 characters"],
    [() => configured({ timeout: "0s" }), '"0 seconds"'],
    [() => configured({ measure: "yes" }), "a text of 3 characters"],
    [() => configured({ retry: secret }), "a text of 12 characters"]
  ] as ReadonlyArray<readonly [() => unknown, string]>)("%s is %s", ([make, says]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(make)
      assert.strictEqual(error.actual, says)
      assert.isTrue(error.message.endsWith(`, but is ${says}`))
    })
  )
})

const configured = (p: object) =>
  Effect.provideService(Policy.fromConfig("p"), ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ p }))

describe("options that cannot be together are refused, by the one to change", () => {
  it.effect.each([
    [
      () => Backoff.exponential("10 seconds", { cap: "1 second" }),
      "Backoff.exponential.cap",
      "no less than the 10000 ms"
    ],
    [() => Backoff.constant(2, { cap: 1 }), "Backoff.constant.cap", "no less than the 2 ms"],
    [() => Backoff.linear(2, { cap: 1 }), "Backoff.linear.cap", "no less than the 2 ms"],
    [() => Backoff.decorrelated(2, { cap: 1 }), "Backoff.decorrelated.cap", "no less than the 2 ms"],
    [() => Backoff.listed([2], { cap: 1 }), "Backoff.listed.cap", "no less than the 2 ms"],
    [
      () => breaker({ halfOpen: { successes: 3, outOf: 2 } }),
      `${db}.halfOpen.outOf`,
      "must be no less than the 3 of halfOpen.successes"
    ],
    [() => breaker({ halfOpen: { outOf: 1 } }), `${db}.halfOpen.outOf`, "must be no less than the 2"],
    [
      () => breaker({ trip: CircuitBreaker.failureRate({ window: { calls: 10 }, minimumCalls: 11 }) }),
      `${db}.trip.failureRate.minimumCalls`,
      "must be no more than the 10 calls of its window"
    ],
    [
      () => breaker({ trip: CircuitBreaker.failureRate({ window: { calls: 10, time: "1 minute" } as never }) }),
      `${db}.trip.failureRate.window`,
      "must have calls or time, not both"
    ],
    [
      () =>
        configured({
          circuitBreaker: { trip: { slowRate: { slowerThan: "1s", window: { calls: "10", time: "1m" } } } }
        }),
      "p.circuitBreaker.trip.slowRate.window",
      "must have calls or time, not both"
    ],
    [
      () => breaker({ openFor: "2 minutes", maxHint: "1 minute" }),
      `${db}.maxHint`,
      "must be 0, or no less than openFor, or it can never matter"
    ],
    [() => breaker({ openFor: Backoff.none }), `${db}.openFor`, "must be a finite duration greater than 0 ms"],
    [() => breaker({ openFor: Schedule.cron("0 4 * * *") }), `${db}.openFor`, "does not depend on the date"],
    [() => breaker({ openFor: Schedule.recurs(3) }), `${db}.openFor`, "of finite delays greater than 0 ms"],
    [
      () => Policy.make("p", { timeout: 10, retryBudget: RetryBudget.tokens() }),
      `Policy "p".retryBudget`,
      "must be left out without retry"
    ],
    [
      () =>
        Effect.flatMap(RetryBudget.make(RetryBudget.tokens()), (budget) =>
          Policy.make("p", { retry: { budget }, retryBudget: RetryBudget.tokens() })
        ),
      `Policy "p".retryBudget`,
      "must be left out beside retry.budget"
    ],
    [
      () => Policy.make("p", { circuitBreaker: { openFor: Schedule.cron("0 4 * * *") as never } }),
      `Policy "p".circuitBreaker.openFor`,
      "does not depend on the date"
    ],
    [
      () => Policy.ordered("p", [Policy.retry({}), Policy.fallback({ value: 1 })]),
      `Policy "p".steps.1`,
      "must be outermost"
    ],
    [
      () => Policy.ordered("p", [Policy.fallback({ value: 1 }), Policy.fallback({ value: 2 })]),
      `Policy "p".steps.1`,
      "must be the only fallback"
    ]
  ] as ReadonlyArray<readonly [() => unknown, string, string]>)("%s", ([make, path, says]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(make)
      assert.strictEqual(error.path, path)
      assert.include(error.expected, says)
    })
  )
})

describe("options that are left out, or given as undefined, have their defaults", () => {
  it.effect("in every policy", () =>
    Effect.gen(function* () {
      const nothing = (...keys: ReadonlyArray<string>) => Object.fromEntries(keys.map((key) => [key, undefined])) as {}
      Retry.make(
        nothing("attempts", "backoff", "maxElapsed", "when", "budget", "nested", "maxHint", "exhausted", "onRetry")
      )
      Timeout.make({ after: 1, ...nothing("operation", "disconnect") })
      Fallback.value(Effect.void, 1, nothing("when", "name"))
      Backoff.exponential(1, nothing("jitter", "cap", "factor"))
      const { health } = yield* breaker(
        nothing("trip", "openFor", "halfOpen", "maxHint", "classify", "outcomes", "mode")
      )
      assert.strictEqual((yield* health).rules[0]?.rule, "5 failures in a row")
      const budget = yield* RetryBudget.make(RetryBudget.tokens(nothing("max", "ratio")), nothing("name"))
      assert.strictEqual(yield* budget.left, 5)
      yield* Policy.make("p", {
        retry: {},
        ...nothing("fallback", "timeout", "retryBudget", "circuitBreaker", "measure")
      })
    })
  )

  it.effect("and numbers at the edges of their ranges are taken", () =>
    Effect.gen(function* () {
      Retry.make({ attempts: 1, maxElapsed: 0.001, maxHint: 0 })
      Retry.make({ attempts: Infinity, maxHint: "Infinity" })
      Timeout.make("Infinity")
      Timeout.make({ seconds: 1 })
      Backoff.constant("2 days")
      yield* breaker({ openFor: "2 hours" })
      yield* breaker({ maxHint: 0, halfOpen: { concurrent: 1, successes: 1, outOf: 1 } })
      yield* breaker({ trip: CircuitBreaker.failureRate({ threshold: 0, window: { calls: 1 }, minimumCalls: 1 }) })
      yield* RetryBudget.make(RetryBudget.tokens({ max: 1000, ratio: 1 }))
      yield* RetryBudget.make(RetryBudget.tokens({ max: 0.001, ratio: 0.001 }))
      yield* RetryBudget.make(RetryBudget.window({ minPerSecond: 0 }))
    })
  )
})
