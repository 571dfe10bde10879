import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
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
import { dependency, recorded } from "@holdfast/resilience/testing"
import { Duration, Effect, Exit, Fiber, Logger, Metric, Stream, type Tracer } from "effect"
import { CircuitBreaker as Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"

const failure = () => new Reasons.NetworkError({})
const down = Effect.suspend(() => Effect.fail(failure()))

/** The exits and events of an effect that takes its time. */
const observed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(recorded(effect))
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.join(fiber)
  })

const tags = (events: ReadonlyArray<Events.Event>) => events.map(({ _tag }) => _tag)

const counters = (name: string) =>
  Effect.map(Metric.snapshot, (all) =>
    Object.fromEntries(
      all
        .filter(({ attributes }) => attributes?.["name"] === name || attributes?.["operation"] === name)
        .map(({ attributes, id, state }) => [
          [id, attributes?.["limit"], attributes?.["from"], attributes?.["to"]].filter(Boolean).join(" "),
          "count" in state ? Number(state.count) : (state as Metric.GaugeState<number>).value
        ])
    )
  )

describe("what policies do is told", () => {
  it.effect("E13 by Retry: each attempt that is scheduled and started, and a success with their number", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: 2, failure })
      const { events } = yield* observed(
        dep.call.pipe(Retry.retry({ name: "dep", attempts: 5, backoff: Backoff.linear("1 second") }))
      )
      const name = "dep"
      const code = "sys.network_error"
      assert.deepStrictEqual(events, [
        { _tag: "RetryScheduled", at: 0, name, attempt: 1, delay: Duration.millis(1000), code },
        { _tag: "RetryStarted", at: 1000, name, attempt: 2 },
        { _tag: "RetryScheduled", at: 1000, name, attempt: 2, delay: Duration.millis(2000), code },
        { _tag: "RetryStarted", at: 3000, name, attempt: 3 },
        { _tag: "RetrySucceeded", at: 3000, name, attempts: 3 }
      ])
      assert.deepStrictEqual(yield* counters("dep"), { "resilience.retry.retries": 2 })
    })
  )

  it.effect("by Retry: that it gave up, and what forbade another attempt", () =>
    Effect.gen(function* () {
      const limited = (
        options: object,
        around = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, unknown> => self
      ) =>
        Effect.map(
          observed(around(down.pipe(Retry.retry({ name: "limited", backoff: Backoff.constant(600), ...options })))),
          ({ of }) => of("RetryGaveUp").map(({ attempts, limit }) => [limit, attempts])
        )
      assert.deepStrictEqual(yield* limited({ attempts: 2 }), [["attempts", 2]])
      assert.deepStrictEqual(yield* limited({ maxElapsed: "1 second", attempts: 9 }), [["elapsed", 2]])
      assert.deepStrictEqual(yield* limited({ attempts: 9 }, Deadline.within("1 second") as never), [["deadline", 2]])
      const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 4 }), { name: "limited" })
      assert.deepStrictEqual(yield* limited({ budget, attempts: 9 }), [["budget", 2]])
      assert.deepStrictEqual(yield* counters("limited"), {
        "resilience.retry.retries": 4,
        "resilience.retry.given_up attempts": 1,
        "resilience.retry.given_up elapsed": 1,
        "resilience.retry.given_up deadline": 1,
        "resilience.retry.given_up budget": 1,
        "resilience.retry_budget.refusals": 1,
        "resilience.retry_budget.left": 0
      })
      assert.deepStrictEqual(yield* budget.health, {
        budget: "limited",
        rule: "4 tokens, 0.1 per success",
        left: 0,
        refusals: 1
      })
    })
  )

  it.effect("by Retry: an unwanted result that is handed on is no success", () =>
    Effect.gen(function* () {
      const { events, exit } = yield* observed(
        Effect.succeed(503).pipe(Retry.retry({ attempts: 2, backoff: Backoff.none, unwanted: (n) => n === 503 }))
      )
      assert.deepStrictEqual(exit, Exit.succeed(503))
      assert.deepStrictEqual(tags(events), ["RetryScheduled", "RetryStarted", "RetryGaveUp"])
    })
  )

  it.effect("by RetryBudget: a refusal, with its name", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 2 }), { name: "shared" })
      const { events } = yield* observed(down.pipe(Retry.retry({ budget })))
      assert.deepStrictEqual(events[0], { _tag: "RetryRefused", at: 0, budget: "shared" })
    })
  )

  it.effect("by CircuitBreaker: transitions and rejections, of one, of many and of a fleet", () =>
    Effect.gen(function* () {
      const options = { trip: CircuitBreaker.consecutive(1) }
      const one = yield* CircuitBreaker.make({ name: "one", ...options })
      const many = (yield* CircuitBreaker.keyed({ name: "many", ...options })).get("eu")
      const fleet = (yield* CircuitBreaker.fleet({ name: "fleet", ...options })).get("eu")
      const seen: Array<unknown> = []
      for (const guard of [one, many, fleet]) {
        const { events } = yield* recorded(
          Effect.andThen(
            Effect.exit(CircuitBreaker.protect(down, guard)),
            Effect.exit(CircuitBreaker.protect(down, guard))
          )
        )
        for (const event of events) {
          if (event._tag === "CircuitTransition") seen.push([event.circuit, event.key, event.from, event.to])
          if (event._tag === "CallRejected") {
            const minutes = event.retryAfter && Duration.toMinutes(event.retryAfter)
            seen.push([event.circuit, event.key, event.state, minutes])
          }
        }
      }
      assert.deepStrictEqual(seen, [
        ["one", undefined, "closed", "open"],
        ["one", undefined, "open", 1],
        ["many", "eu", "closed", "open"],
        ["many", "eu", "open", 1],
        ["fleet", "eu", "closed", "open"],
        ["fleet", "eu", "open", 1]
      ])
    }).pipe(Effect.scoped, Effect.provide([Persistence.layerStoreMemory(), Logger.layer([])]))
  )

  it.effect("by Timeout: how long it was, and whose limit", () =>
    Effect.gen(function* () {
      const slow = Effect.never.pipe(Timeout.timeout({ after: "2 seconds", operation: "told" }))
      const { events } = yield* observed(Effect.exit(slow).pipe(Effect.andThen(slow.pipe(Deadline.within("1 second")))))
      assert.deepStrictEqual(events.slice(0, 2), [
        { _tag: "TimedOut", at: 2000, operation: "told", after: Duration.millis(2000), limit: "timeout" },
        { _tag: "TimedOut", at: 3000, operation: "told", after: Duration.millis(1000), limit: "deadline" }
      ])
      assert.deepStrictEqual(yield* counters("told"), {
        "resilience.timeout.timeouts timeout": 1,
        "resilience.timeout.timeouts deadline": 1
      })
    })
  )

  it.effect("by Fallback: which source failed, with what, and which is asked", () =>
    Effect.gen(function* () {
      const { events } = yield* observed(down.pipe(Fallback.value(0, { name: "stock" })))
      assert.deepStrictEqual(events, [
        { _tag: "FellBack", at: 0, name: "stock", from: "primary", to: "fallback", code: "sys.network_error" }
      ])
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("by a whole Policy, in order and under its name", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("payments", {
        fallback: { value: "later" },
        timeout: "10 seconds",
        retry: { attempts: 3, backoff: Backoff.constant("1 second") },
        retryBudget: RetryBudget.tokens({ max: 3 }),
        circuitBreaker: { trip: CircuitBreaker.consecutive(2) },
        attemptTimeout: "2 seconds"
      })
      const { events, exit } = yield* observed(Policy.protect(Effect.andThen(Effect.sleep("3 seconds"), down), policy))
      assert.deepStrictEqual(exit, Exit.succeed("later"))
      assert.deepStrictEqual(
        events.map((event) => `${event.at} ${event._tag} ${"name" in event ? event.name : ""}`.trim()),
        [
          "2000 TimedOut",
          "2000 RetryScheduled payments",
          "3000 RetryStarted payments",
          "5000 TimedOut",
          "5000 CircuitTransition",
          "5000 RetryRefused",
          "5000 RetryGaveUp payments",
          "5000 FellBack payments"
        ]
      )
      const { circuitBreaker, retryBudget } = yield* policy.health
      assert.deepStrictEqual([circuitBreaker?.state, retryBudget?.refusals], ["half_open", 1])
    }).pipe(Effect.provide(Logger.layer([])))
  )
})

describe("a listener", () => {
  it.effect("is a stream for any number of subscribers where the layer is provided", () =>
    Effect.gen(function* () {
      const { stream } = yield* Events.Events
      const take = stream.pipe(Stream.take(2), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      const [one, two] = [yield* take, yield* take]
      yield* Effect.exit(down.pipe(Retry.retry({ attempts: 2, backoff: Backoff.none })))
      for (const fiber of [one, two])
        assert.deepStrictEqual(tags(yield* Fiber.join(fiber)), ["RetryScheduled", "RetryStarted"])
    }).pipe(Effect.provide(Events.layer))
  )

  it.effect("L16 that throws changes no result, and the ones around it are still told", () =>
    Effect.gen(function* () {
      const call = Effect.succeed("ok").pipe(Timeout.timeout("1 second"))
      const program = Effect.exit(down.pipe(Retry.retry({ attempts: 2, backoff: Backoff.none }))).pipe(
        Effect.andThen(call),
        Events.listen(() => {
          throw new Error("exporter died")
        })
      )
      const { events, exit } = yield* recorded(program)
      assert.deepStrictEqual(exit, Exit.succeed("ok"))
      assert.deepStrictEqual(tags(events), ["RetryScheduled", "RetryStarted", "RetryGaveUp"])
    })
  )

  it.effect("L13 hears of a trip exactly once, as do the metric, the span, the log and the stream of the breaker", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const breaker = yield* CircuitBreaker.make({ name: "once", trip: CircuitBreaker.consecutive(3) })
      const stream: Array<string> = []
      yield* breaker.transitions.pipe(
        Stream.runForEach(({ to }) => Effect.sync(() => stream.push(to))),
        Effect.forkScoped({ startImmediately: true })
      )
      let span: Tracer.Span | undefined
      const storm = Effect.gen(function* () {
        span = yield* Effect.currentSpan
        yield* Effect.forEach(
          Array.from({ length: 50 }),
          () => Effect.exit(CircuitBreaker.protect(Effect.andThen(Effect.sleep(1), down), breaker)),
          { concurrency: "unbounded" }
        )
      }).pipe(
        Effect.withSpan("storm"),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))]))
      )
      const { of } = yield* observed(storm)
      yield* Effect.yieldNow
      assert.deepStrictEqual(
        of("CircuitTransition").map(({ to }) => to),
        ["open"]
      )
      assert.deepStrictEqual(stream, ["open"])
      assert.deepStrictEqual(logged, ["circuit once opened"])
      const events = (span as unknown as { readonly events: ReadonlyArray<readonly [string]> }).events
      assert.lengthOf(
        events.filter(([name]) => name === "resilience.circuit_breaker.transition"),
        1
      )
      assert.strictEqual((yield* counters("once"))["resilience.circuit_breaker.transitions closed open"], 1)
    }).pipe(Effect.scoped)
  )
})
