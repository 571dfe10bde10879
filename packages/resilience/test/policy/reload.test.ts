import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Policy, RetryBudget } from "@holdfast/resilience"
import {
  Cause,
  ConfigProvider,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Metric,
  Queue,
  Schedule,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { watch } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const down = Effect.suspend(() => Effect.fail(new Reasons.NetworkError({})))

const from = (value: unknown) => ConfigProvider.fromUnknown(value)

/** Collects warnings as their message, the failure that is attached, and the policy. */
const warnings = () => {
  const seen: Array<string> = []
  const layer = Logger.layer([
    Logger.make(({ cause, logLevel, message }) => {
      const failure = cause.reasons.find(Cause.isFailReason)?.error
      if (logLevel === "Warn") seen.push(`${String(message)}: ${failure instanceof Error ? failure.message : failure}`)
    })
  ])
  return { seen, layer }
}

const file = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "holdfast-reload-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true }))
).pipe(Effect.map((directory) => join(directory, "policies.json")))

const put = (path: string, value: unknown) => Effect.promise(() => writeFile(path, JSON.stringify(value)))

const read = (path: string) =>
  Effect.tryPromise(() => readFile(path, "utf8")).pipe(
    Effect.flatMap((text) => Effect.try(() => JSON.parse(text) as unknown)),
    Effect.map(from)
  )

/** Waits for what a watcher of the operating system brings about. */
const until = (condition: () => boolean) =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.retry(Schedule.spaced("5 millis").pipe(Schedule.upTo({ duration: "20 seconds" })))
  )

describe("a policy that is reloaded on every element of a stream", () => {
  it.live("follows a real file, keeps its open circuit, and keeps its options while the file is wrong", () =>
    Effect.gen(function* () {
      const path = yield* file
      const { layer, seen } = warnings()
      yield* put(path, { db: { circuitBreaker: { trip: { consecutive: 1 }, openFor: "1 hour" } } })
      const policy = yield* Policy.fromConfig("db").pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, yield* read(path))
      )
      const changes = Stream.callback<string>((queue) =>
        Effect.acquireRelease(
          Effect.sync(() => watch(path, (event) => Queue.offerUnsafe(queue, event))),
          (watcher) => Effect.sync(() => watcher.close())
        )
      )
      yield* Policy.reloadOn(policy, changes, { provider: read(path) }).pipe(Effect.provide(layer))
      yield* Effect.exit(Policy.protect(down, policy))

      yield* put(path, { db: { timeout: "1 second", circuitBreaker: { trip: { consecutive: 1 } } } })
      yield* until(() => String(policy).startsWith("db: Timeout(1s)"))
      const rejection = yield* Effect.flip(Policy.protect(Effect.void, policy))
      assert.strictEqual(rejection._tag, "CircuitOpen")

      yield* put(path, { db: { timeout: "never" } })
      yield* until(() => seen.some((line) => line.includes("db.timeout: must be a duration")))
      assert.isTrue(String(policy).startsWith("db: Timeout(1s)"))
    }).pipe(Effect.scoped)
  )

  it.effect("follows the environment, in capitals too, on a schedule", () =>
    Effect.gen(function* () {
      const env: Record<string, string> = { DB_ATTEMPT_TIMEOUT: "1 second" }
      const provider = Effect.sync(() => ConfigProvider.fromEnv({ env }).pipe(ConfigProvider.constantCase))
      const policy = yield* Effect.flatMap(provider, (now) =>
        Effect.provideService(Policy.fromConfig("db"), ConfigProvider.ConfigProvider, now)
      )
      yield* Policy.reloadOn(policy, Stream.tick("1 minute").pipe(Stream.drop(1)), { provider })
      env["DB_RETRY_MAX_ELAPSED"] = "5 seconds"
      env["DB_RETRY_BACKOFF_KIND"] = "constant"
      env["DB_CIRCUIT_BREAKER_HALF_OPEN_SUCCESSES"] = "4"
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(String(policy), "db: Timeout(1s)")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(
        String(policy),
        "db: Retry(3 attempts, constant 100ms up to 1d, within 5s) → CircuitBreaker(5 failures in a row, open 1m) → Timeout(1s)"
      )
    }).pipe(Effect.scoped)
  )

  it.effect(
    "logs a typed warning and stays as it is when the options are wrong, the source is gone, or the stream ends badly",
    () =>
      Effect.gen(function* () {
        const { layer, seen } = warnings()
        const policy = yield* Policy.make("p", { timeout: "1 second" })
        const sources = [
          Effect.succeed(from({ p: { timeout: "0" } })),
          Effect.fail("no file"),
          Effect.succeed(from({}))
        ]
        const provider = Effect.suspend(() => sources.shift()!)
        const changes = Stream.make(1, 2, 3).pipe(Stream.concat(Stream.fail("watcher gone")))
        yield* Policy.reloadOn(policy, changes, { provider }).pipe(Effect.provide(layer))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(seen, [
          "the new options are refused, the old ones stay: invalid value: configuration: p.timeout: must be a duration greater than 0 ms, but is 0",
          "the new options are refused, the old ones stay: no file",
          "nobody says any more when the options change: watcher gone"
        ])
        // What is not configured is as it was written.
        assert.strictEqual(String(policy), "p: Timeout(1s)")
      }).pipe(Effect.scoped)
  )

  it.effect("is let alone when the scope is closed", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", { timeout: "1 second" })
      const provider = Effect.succeed(from({ p: { timeout: "2 seconds" } }))
      const layer = Layer.effectDiscard(
        Policy.reloadOn(policy, Stream.tick("1 second").pipe(Stream.drop(1)), { provider })
      )
      const running = yield* Effect.forkChild(Effect.provide(Effect.never, layer), { startImmediately: true })
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(running)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(String(policy), "p: Timeout(1s)")
    })
  )
})

describe("a reload", () => {
  it.effect("reads from where the options were read, unless another provider is given", () =>
    Effect.gen(function* () {
      let timeout = "1s"
      // A provider that follows its source, as the one of the environment does.
      const living = ConfigProvider.make((path) => from({ db: { timeout } }).load(path))
      const policy = yield* Policy.fromConfig("db").pipe(Effect.provideService(ConfigProvider.ConfigProvider, living))
      timeout = "1500ms"
      yield* policy.reload()
      assert.strictEqual(String(policy), "db: Timeout(1s 500ms)")
      yield* Effect.provideService(
        policy.reload(),
        ConfigProvider.ConfigProvider,
        from({ db: { timeout: "2 minutes" } })
      )
      assert.strictEqual(String(policy), "db: Timeout(2m)")
    })
  )

  it.effect("keeps the budget while its rule is the same", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", { retry: { attempts: 1 }, retryBudget: RetryBudget.tokens({ max: 4 }) })
      yield* Effect.exit(Policy.protect(down, policy))
      const before = yield* policy.retryBudget!.left
      assert.strictEqual(before, 1)
      yield* policy.reconfigure({ retry: { attempts: 2 }, retryBudget: RetryBudget.tokens({ max: 4 }) })
      assert.strictEqual(yield* policy.retryBudget!.left, 1)
      yield* policy.reconfigure({ retry: { attempts: 2 }, retryBudget: RetryBudget.tokens({ max: 6 }) })
      assert.strictEqual(yield* policy.retryBudget!.left, 3)
      yield* policy.reconfigure({ retry: {} })
      assert.isUndefined(policy.retryBudget)
    })
  )

  it.effect("L8 that drops the breaker and brings it back finds the circuit open as it was", () =>
    Effect.gen(function* () {
      const circuitBreaker = { trip: CircuitBreaker.consecutive(1), openFor: "1 hour" } as const
      const policy = yield* Policy.make("p", { circuitBreaker })
      yield* Effect.exit(Policy.protect(down, policy))
      yield* policy.reconfigure({ timeout: "1 second" })
      assert.isUndefined(policy.circuitBreaker)
      assert.deepStrictEqual(yield* policy.health, { policy: "p" })
      assert.strictEqual(yield* Policy.protect(Effect.succeed("through"), policy), "through")
      yield* TestClock.adjust("10 minutes")
      yield* policy.reconfigure({ timeout: "1 second", circuitBreaker })
      const rejection = yield* Effect.flip(
        Policy.protect(Effect.void, policy) as Effect.Effect<void, Reasons.CircuitOpen>
      )
      assert.deepStrictEqual(
        [rejection._tag, rejection.retryAfter && Duration.toMinutes(rejection.retryAfter)],
        ["CircuitOpen", 50]
      )
    })
  )

  it.effect("that drops the budget and brings it back finds what is left of it", () =>
    Effect.gen(function* () {
      const options = { retry: { attempts: 1 }, retryBudget: RetryBudget.tokens({ max: 4 }) }
      const policy = yield* Policy.make("p", options)
      yield* Effect.exit(Policy.protect(down, policy))
      yield* policy.reconfigure({ retry: { attempts: 1 } })
      assert.isUndefined(policy.retryBudget)
      yield* policy.reconfigure(options)
      assert.strictEqual(yield* policy.retryBudget!.left, 1)
    })
  )

  it.effect("takes another budget even where it prints like the old one", () =>
    Effect.gen(function* () {
      const window = (timeToLive: number) => ({
        retry: {},
        retryBudget: RetryBudget.window({ percent: 1, minPerSecond: 1000, timeToLive })
      })
      const policy = yield* Policy.make("p", window(1000.0001))
      const before = policy.retryBudget
      yield* policy.reconfigure(window(1000.0002))
      assert.notStrictEqual(policy.retryBudget, before)
    })
  )

  it.effect("that takes its time is not overtaken by a later one", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", { timeout: "1 minute" })
      const slow = ConfigProvider.make((path) =>
        Effect.andThen(Effect.sleep("1 second"), from({ p: { timeout: "2 minutes" } }).load(path))
      )
      const first = yield* Effect.forkChild(
        Effect.provideService(policy.reload(), ConfigProvider.ConfigProvider, slow),
        { startImmediately: true }
      )
      const second = yield* Effect.forkChild(policy.reconfigure({ timeout: "3 minutes" }), { startImmediately: true })
      // Every option is a question of its own.
      yield* TestClock.adjust("1 hour")
      yield* Fiber.joinAll([first, second])
      assert.strictEqual(String(policy), "p: Timeout(3m)")
    })
  )

  it.effect("that hangs can be stopped, and stops no other", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", { timeout: "1 minute" })
      const hung = ConfigProvider.make(() => Effect.never)
      const reload = yield* Effect.forkChild(
        Effect.provideService(policy.reload(), ConfigProvider.ConfigProvider, hung),
        { startImmediately: true }
      )
      const next = yield* Effect.forkChild(policy.reconfigure({ timeout: "3 minutes" }), { startImmediately: true })
      yield* Fiber.interrupt(reload)
      yield* Fiber.join(next)
      assert.strictEqual(String(policy), "p: Timeout(3m)")
    })
  )

  it.effect("that is refused changes nothing, the living circuit included", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("p", {
        circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: "1 hour" }
      })
      const before = String(policy)
      const exit = yield* Effect.exit(
        policy.reconfigure({ circuitBreaker: { trip: CircuitBreaker.consecutive(9) }, timeout: 5, attemptTimeout: 9 })
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(String(policy), before)
      yield* Effect.exit(Policy.protect(down, policy))
      assert.strictEqual(yield* policy.circuitBreaker!.state, "open")
    })
  )

  it.effect("that is refused leaves its metrics to the living budget", () =>
    Effect.gen(function* () {
      const name = "refused reload"
      const retry = { attempts: 9, backoff: Backoff.none }
      const policy = yield* Policy.make(name, { retry, retryBudget: RetryBudget.tokens({ max: 10 }) })
      yield* Effect.exit(Policy.protect(down, policy))
      const seen = Effect.map(Metric.snapshot, (all) =>
        all
          .filter(({ attributes, id }) => attributes?.["name"] === name && id.startsWith("resilience.retry_budget."))
          .map(({ id, state }) => [id, "count" in state ? state.count : "value" in state && state.value])
      )
      const before = [
        ["resilience.retry_budget.left", 0],
        ["resilience.retry_budget.refusals", 1]
      ]
      assert.deepStrictEqual((yield* seen).toSorted(), before)
      const wrong = { retry: { attempts: 0 }, retryBudget: RetryBudget.tokens({ max: 20 }) }
      yield* Effect.flip(policy.reconfigure(wrong))
      assert.deepStrictEqual((yield* seen).toSorted(), before)
    })
  )

  it.effect("that does not say measure records as it is written in code", () =>
    Effect.gen(function* () {
      const name = "measured reload"
      const recorded = Effect.map(Metric.snapshot, (all) => {
        const found = all.find(
          ({ attributes, id }) => id === "resilience.policy.duration" && attributes?.["name"] === name
        )
        return found?.type === "Histogram" ? found.state.count : 0
      })
      const counts = (policy: Policy.Policy<unknown>) =>
        Effect.gen(function* () {
          const before = yield* recorded
          yield* Policy.protect(Effect.void, policy)
          return (yield* recorded) - before
        })
      const measured = from({ p: { timeout: "1s", measure: "true" } })
      const plain = Effect.provideService(ConfigProvider.ConfigProvider, from({ p: { timeout: "1s" } }))
      const read = (defaults: Policy.Options) =>
        Policy.fromConfig(name, { path: "p", defaults }).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, measured)
        )
      for (const [measure, after] of [
        [undefined, 0],
        [true, 1]
      ] as const) {
        const policy = yield* read({ measure })
        assert.strictEqual(yield* counts(policy), 1)
        yield* plain(policy.reload())
        assert.strictEqual(yield* counts(policy), after)
      }
    })
  )
})
