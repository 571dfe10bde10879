import { Backoff, CircuitBreaker, Fallback, Policy, Retry, RetryBudget, Timeout } from "@holdfast/resilience"
import { Effect } from "effect"
import { CircuitBreaker as Persistence } from "effect/persistence"
import {
  between,
  breaker,
  choice,
  count,
  flag,
  func,
  type Make,
  name,
  notDurations,
  notNegative,
  notNumbers,
  positive,
  rule,
  secret,
  section,
  share,
  strangers,
  when,
  type Wrong
} from "./wrong.ts"

/** Every option of a maker: a key that is forgotten here does not compile. */
const every = <O extends object>(
  place: string,
  make: (options: O) => unknown,
  options: { readonly [K in keyof O]-?: Wrong },
  base: object = {},
  misspelt?: readonly [wrong: string, meant: keyof O & string]
) => ({ place, make: make as Make, options, base, misspelt })

export const db = `CircuitBreaker "db"`
const rate = {
  threshold: between(0, 1, "a number from 0 to 1"),
  window: [[null, 1, true, secret], "must be { calls } or { time }"] as Wrong,
  minimumCalls: count(1)
}
const effectOf: Wrong = [[...strangers, 1], "must be an effect"]

export const makers = [
  every<Retry.Options<unknown, never, "original">>(
    "Retry",
    (options) => Retry.make(options),
    {
      name,
      attempts: [count(1)[0].filter((value) => value !== Infinity), "must be a whole number, 1 or more, or Infinity"],
      backoff: [[...strangers, 1, "1 second"], "must be a Backoff or a Schedule"],
      maxElapsed: positive,
      when,
      openCircuit: choice("fail", "wait"),
      unwanted: func("of the result"),
      discard: func("from a result to an effect"),
      budget: [[...strangers, 1], "must be a RetryBudget"],
      nested: choice("retry", "give_up"),
      maxHint: [[-1, -Infinity, ...notDurations], "must be a duration, zero or more"],
      exhausted: choice("original", "wrap"),
      onRetry: func("from an attempt to an effect")
    },
    {},
    ["attemps", "attempts"]
  ),
  every<Retry.Options<unknown, never, "original">>(
    "Retry",
    (options) => Retry.retry(options),
    {
      ...({} as Record<keyof Retry.Options<unknown, never, "original">, Wrong>),
      exhausted: choice("original", "wrap")
    },
    {},
    ["atempts", "attempts"]
  ),
  every<Timeout.Options>(
    "Timeout",
    (options) => Timeout.make(options),
    {
      after: [
        [0, -1, undefined, ...notDurations],
        "must be a duration greater than 0 ms, or a function that gives one"
      ],
      operation: name,
      disconnect: flag
    },
    { after: 1 },
    ["opration", "operation"]
  ),
  every<Fallback.Options<unknown>>("Fallback", (options) => Fallback.value(1, options), { when, name }, {}, [
    "wen",
    "when"
  ]),
  every<Fallback.Whole<unknown, number>>(
    "Fallback",
    (options) => Fallback.make(options),
    { when, name, value: [[], ""], orElse: [[], ""] },
    { value: 1 },
    ["wehn", "when"]
  ),
  every<{ orElse: unknown }>("Fallback", (options) => Fallback.make(options as never), {
    orElse: func("from a failure to an effect")
  }),
  every<Fallback.Source<unknown>>(
    "Fallback.chain.sources.0",
    (source) => Fallback.chain([source]),
    { name: [[undefined, ...name[0]], name[1]], effect: [[undefined, ...effectOf[0]], effectOf[1]], degraded: flag },
    { name: "a", effect: Effect.void },
    ["degradedd", "degraded"]
  ),
  every<CircuitBreaker.Scheduled<CircuitBreaker.Options>>(
    db,
    breaker,
    {
      name: [[], ""],
      trip: rule,
      openFor: [positive[0], "must be a finite duration greater than 0 ms, a Backoff or a Schedule"],
      halfOpen: section,
      maxHint: notNegative,
      classify: func("from an exit to an outcome"),
      outcomes: [
        [null, 1, secret],
        'must be tags (Timeout) or whole codes (sys.timeout) with "success", "failure" or "ignored"'
      ],
      mode: choice("automatic", "isolated", "disabled", "metrics_only")
    },
    {},
    ["openfor", "openFor"]
  ),
  every<{ name: unknown }>("CircuitBreaker", (options) => CircuitBreaker.make(options as never), {
    name: [[undefined, ...name[0]], name[1]]
  }),
  every<CircuitBreaker.HalfOpenOptions>(
    `${db}.halfOpen`,
    (halfOpen) => breaker({ halfOpen }),
    { concurrent: count(1), successes: count(1), outOf: count(1), maxWait: positive },
    {},
    ["sucesses", "successes"]
  ),
  every<{ failures: unknown }>(
    `${db}.trip`,
    ({ failures }) => breaker({ trip: CircuitBreaker.consecutive(failures as number) }),
    {
      failures: [[], ""]
    }
  ),
  every<CircuitBreaker.RateOptions>(
    `${db}.trip.failureRate`,
    (options) => breaker({ trip: CircuitBreaker.failureRate(options) }),
    rate,
    {},
    ["treshold", "threshold"]
  ),
  every<CircuitBreaker.SlowRateOptions>(
    `${db}.trip.slowRate`,
    (options) => breaker({ trip: CircuitBreaker.slowRate(options) }),
    { ...rate, slowerThan: [[undefined, ...positive[0]], positive[1]], inFlight: flag },
    { slowerThan: 1 },
    ["slowerthan", "slowerThan"]
  ),
  every<{ calls: number }>(
    `${db}.trip.failureRate.window`,
    (window) => breaker({ trip: CircuitBreaker.failureRate({ window }) }),
    { calls: count(1) },
    { calls: 1 }
  ),
  every<{ time: number }>(
    `${db}.trip.failureRate.window`,
    (window) => breaker({ trip: CircuitBreaker.failureRate({ window }) }),
    { time: positive },
    { time: 1 }
  ),
  every<CircuitBreaker.CustomOptions>(
    `${db}.trip.custom`,
    (options) => breaker({ trip: CircuitBreaker.custom(options) }),
    {
      name: [[undefined, ...name[0]], name[1]],
      make: [[undefined, ...strangers], "must be a function that makes { record, clear }"]
    },
    { name: "own", make: () => ({ record: () => false, clear: () => {} }) },
    ["nmae", "name"]
  ),
  every<Pick<CircuitBreaker.KeyedOptions, "capacity" | "timeToLive">>(
    `CircuitBreaker "hosts"`,
    (options) => CircuitBreaker.keyed({ name: "hosts", ...options }),
    { capacity: count(1), timeToLive: positive },
    {},
    ["capcity", "capacity"]
  ),
  every<Pick<CircuitBreaker.FleetOptions, "onStoreError">>(
    `CircuitBreaker "fleet"`,
    (options) =>
      Effect.scoped(CircuitBreaker.fleet({ name: "fleet", ...options })).pipe(
        Effect.provide(Persistence.layerStoreMemory())
      ),
    { onStoreError: choice("allow", "fail") },
    {},
    ["onStoreEror", "onStoreError"]
  ),
  every<RetryBudget.TokensOptions>("RetryBudget.tokens", (options) => RetryBudget.make(RetryBudget.tokens(options)), {
    max: between(0.001, 1000, "a number from 0.001 to 1000"),
    ratio: between(0.001, 1, "a number from 0.001 to 1")
  }),
  every<RetryBudget.WindowOptions>(
    "RetryBudget.window",
    (options) => RetryBudget.make(RetryBudget.window(options)),
    { percent: share, minPerSecond: count(0), timeToLive: positive },
    {},
    ["percnt", "percent"]
  ),
  every<RetryBudget.InFlightOptions>(
    "RetryBudget.inFlight",
    (options) => RetryBudget.make(RetryBudget.inFlight(options)),
    {
      ratio: share,
      minimum: count(0)
    }
  ),
  every<RetryBudget.Options>("RetryBudget", (options) => RetryBudget.make(RetryBudget.tokens(), options), { name }),
  every<Backoff.ExponentialOptions>(
    "Backoff.exponential",
    (options) => Backoff.exponential(1, options),
    {
      jitter: [[null, 1, true, secret, {}], 'must be "none", "full", "equal", { plusMinus } or { upTo }'],
      cap: positive,
      factor: [[0, 0.999, -1, Infinity, ...notNumbers], "must be a finite number, 1 or more"]
    },
    {},
    ["fator", "factor"]
  ),
  every<{ plusMinus: number }>(
    "Backoff.constant.jitter",
    (jitter) => Backoff.constant(1, { jitter }),
    { plusMinus: between(0, 1, "a number from 0 to 1") },
    { plusMinus: 0.5 }
  ),
  every<{ upTo: number }>(
    "Backoff.linear.jitter",
    (jitter) => Backoff.linear(1, { jitter }),
    { upTo: notNegative },
    { upTo: 1 }
  ),
  every<Backoff.DecorrelatedOptions>("Backoff.decorrelated", (options) => Backoff.decorrelated(1, options), {
    cap: positive,
    version: [[0, 3, "2", null, secret], "must be 1 or 2"]
  }),
  every<{ base: never }>("Backoff.exponential", ({ base }) => Backoff.exponential(base), { base: notNegative }),
  every<{ base: never }>("Backoff.decorrelated", ({ base }) => Backoff.decorrelated(base), { base: notNegative }),
  every<{ delay: never }>("Backoff.constant", ({ delay }) => Backoff.constant(delay), { delay: notNegative }),
  every<{ step: never }>("Backoff.linear", ({ step }) => Backoff.linear(step), { step: notNegative }),
  every<{ delays: never }>("Backoff.listed", ({ delays }) => Backoff.listed(delays), {
    delays: [[[], null, 1, secret], "must be at least one delay"]
  }),
  every<Policy.Options>(
    `Policy "p"`,
    (options) => Policy.make("p", options),
    {
      fallback: section,
      timeout: [
        [0, -1, ...notDurations.filter((u) => u !== null && typeof u !== "object")],
        "must be a duration greater than 0 ms"
      ],
      retry: section,
      retryBudget: section,
      circuitBreaker: section,
      attemptTimeout: [[0, -1, true, secret, Number.NaN], "must be a duration greater than 0 ms"],
      measure: flag
    },
    { retry: {} },
    ["circutBreaker", "circuitBreaker"]
  )
]
