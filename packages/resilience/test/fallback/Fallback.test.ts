import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Fallback } from "@holdfast/resilience"
import { dependency } from "@holdfast/resilience/testing"
import { Cause, Effect, Exit, Fiber, Logger, Metric } from "effect"

class Refused extends Failure.Tagged<Refused>()("FallbackRefused", {}, { code: "biz.fallback_test_refused" }) {}

const failure = () => new Reasons.NetworkError({})
const works = <A>(value: A) => dependency<A, Reasons.NetworkError>({ value, failure })
const down = <A>(value: A) => dependency<A, Reasons.NetworkError>({ value, failures: Infinity, failure })

const linesOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    return effect.pipe(Effect.exit, Effect.as(lines), Effect.provide(Logger.layer([logger])))
  })

describe("Fallback.chain", () => {
  it.effect("asks strictly in order, stops at the first answer, and says who served it", () =>
    Effect.gen(function* () {
      const [primary, secondary, tertiary] = [yield* down(1), yield* works(2), yield* works(3)]
      const served = yield* Fallback.chain([
        { name: "primary", effect: primary.call },
        { name: "secondary", effect: secondary.call },
        { name: "tertiary", effect: tertiary.call }
      ])
      assert.deepStrictEqual([primary.calls, secondary.calls, tertiary.calls], [1, 1, 0])
      assert.deepStrictEqual([served.value, served.servedBy, served.degraded], [2, "secondary", true])
      assert.deepStrictEqual(
        served.failures.map(({ failure, source }) => [source, failure._tag]),
        [["primary", "NetworkError"]]
      )
    })
  )

  it.effect("is not degraded when the first source answers, or when the one that answers is as good", () =>
    Effect.gen(function* () {
      const first = yield* Fallback.chain([{ name: "a", effect: Effect.succeed(1) }])
      assert.deepStrictEqual([first.degraded, first.failures], [false, []])
      const twin = yield* Fallback.chain([
        { name: "a", effect: Effect.fail(failure()) },
        { name: "twin", effect: Effect.succeed(1), degraded: false }
      ])
      assert.isFalse(twin.degraded)
    })
  )

  it.effect("logs a warning per step and an error before the last source", () =>
    Effect.gen(function* () {
      const { call } = yield* down(1)
      const chain = Fallback.chain([
        { name: "primary", effect: call },
        { name: "secondary", effect: call },
        { name: "tertiary", effect: call },
        { name: "local cache", effect: Effect.succeed(0) }
      ])
      assert.deepStrictEqual(yield* linesOf(chain), [
        "Warn primary failed, falling back to secondary",
        "Warn secondary failed, falling back to tertiary",
        "Error tertiary failed, falling back to local cache"
      ])
    })
  )

  it.effect("fails once with every failure as a cause, in order, when all four sources fail", () =>
    Effect.gen(function* () {
      const errors = Array.from({ length: 4 }, failure)
      const names = ["primary", "secondary", "tertiary", "cache"]
      const calls = [0, 0, 0, 0]
      const chain = Fallback.chain(
        names.map((name, i) => ({ name, effect: Effect.suspend(() => (calls[i]!++, Effect.fail(errors[i]!))) }))
      )
      const error = yield* Effect.flip(chain)
      assert.instanceOf(error, Fallback.SourcesExhausted)
      assert.deepStrictEqual(error.sources, names)
      assert.strictEqual(error.message, "all sources failed: primary, secondary, tertiary, cache")
      assert.isTrue(error.cause instanceof AggregateError && error.cause.errors.every((one, i) => one === errors[i]))
      assert.deepStrictEqual(calls, [1, 1, 1, 1])
    })
  )

  it.effect("ends with a failure that is not the source's, and keeps the earlier ones attached", () =>
    Effect.gen(function* () {
      const [network, refused] = [failure(), new Refused({})]
      const backup = yield* works(3)
      const exit = yield* Effect.exit(
        Fallback.chain([
          { name: "a", effect: Effect.fail(network) },
          { name: "b", effect: Effect.fail(refused) },
          { name: "c", effect: backup.call }
        ])
      )
      assert.strictEqual(backup.calls, 0)
      assert.isTrue(Exit.isFailure(exit))
      const errors = (exit as Exit.Failure<unknown, unknown>).cause.reasons.filter(Cause.isFailReason)
      assert.deepStrictEqual(
        errors.map(({ error }) => error),
        [refused, network]
      )
    })
  )
})

describe("what falls back", () => {
  const used = <E>(effect: Effect.Effect<string, E>, options?: Fallback.Options<E>) =>
    Effect.map(Effect.exit(Fallback.value(effect, "default", options)), (exit) =>
      Exit.isSuccess(exit) && exit.value === "default" ? "default" : exit
    )

  it.effect("only failures of the system, unless told otherwise", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* used(Effect.fail(failure())), "default")
      for (const error of [new Refused({}), new Reasons.CoreConfigInvalid({}), new Reasons.LogicError({}), "unknown"]) {
        assert.deepStrictEqual<unknown>(yield* used(Effect.fail(error)), Exit.fail(error))
      }
    })
  )

  it.effect("named codes, or what a predicate says", () =>
    Effect.gen(function* () {
      const when = ["sys.timeout"]
      const error = failure()
      assert.strictEqual(yield* used(Effect.fail(new Reasons.Timeout({})), { when }), "default")
      assert.deepStrictEqual<unknown>(yield* used(Effect.fail(error), { when }), Exit.fail(error))
      assert.strictEqual(
        yield* used(Effect.fail(new Refused({})), { when: (e) => e._tag === "FallbackRefused" }),
        "default"
      )
    })
  )

  it.effect("L1 never a defect and never an interruption", () =>
    Effect.gen(function* () {
      const when = () => true
      const defect = { oops: true }
      assert.deepStrictEqual<unknown>(yield* used(Effect.die(defect), { when }), Exit.die(defect))
      const both = Cause.combine(Cause.fail(failure()), Cause.die(defect))
      const exit = yield* Effect.exit(Fallback.value(Effect.failCause(both), 1, { when }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      const stopped = Exit.failCause(Cause.combine(Cause.fail(failure()), Cause.interrupt(1)))
      assert.deepStrictEqual<unknown>(yield* Effect.exit(Fallback.value(stopped, 1, { when })), stopped)
      const chain = Fallback.chain([
        { name: "a", effect: stopped },
        { name: "b", effect: Effect.succeed(1) }
      ])
      assert.deepStrictEqual<unknown>(yield* Effect.exit(chain), stopped)
      const fiber = yield* Effect.forkChild(Fallback.value(Effect.never, 1, { when }), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
    })
  )
})

describe("Fallback.effect", () => {
  it.effect("L2 is given the failure, and its own failure comes first with the original attached", () =>
    Effect.gen(function* () {
      const [original, second] = [failure(), new Reasons.Timeout({})]
      const exit = yield* Effect.fail(original).pipe(
        Fallback.effect((given) => {
          assert.strictEqual(given, original)
          return Effect.fail(second)
        }),
        Effect.exit
      )
      assert.deepStrictEqual<unknown>(exit, Exit.failCause(Cause.combine(Cause.fail(second), Cause.fail(original))))
    })
  )

  it.effect("warns, counts and leaves a span event; a logger that dies changes nothing", () =>
    Effect.gen(function* () {
      const events: Array<unknown> = []
      const traced = Effect.gen(function* () {
        const span = yield* Effect.currentSpan
        span.event = (name, _time, attributes) => void events.push([name, attributes?.["error.type"]])
        return yield* Fallback.value(Effect.fail(failure()), 0, { name: "stock" })
      }).pipe(Effect.withSpan("read"))
      assert.deepStrictEqual(yield* linesOf(traced), ["Warn primary failed, falling back to fallback"])
      assert.deepStrictEqual(events, [["resilience.fallback", "sys.network_error"]])
      const metric = (yield* Metric.snapshot).find(({ attributes }) => attributes?.["name"] === "stock")
      assert.strictEqual((metric?.state as Metric.CounterState<number> | undefined)?.count, 1)
      const dying = Logger.make(() => {
        throw new Error("disk full")
      })
      assert.strictEqual(yield* traced.pipe(Effect.provide(Logger.layer([dying]))), 0)
    })
  )
})
