import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { recordTransitions } from "@holdfast/resilience/testing"
import { Duration, Effect, Exit, Logger, Metric, Schema } from "effect"
import { TestClock } from "effect/testing"
import { failure, make, rejectionOf, trip, works } from "./circuit.ts"

describe("control", () => {
  it.effect("D1 isolates until the last of several isolations ends, then starts fresh", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 4)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* breaker.isolate
          yield* Effect.scoped(breaker.isolate)
          const rejection = yield* rejectionOf(breaker)
          assert.strictEqual(rejection.state, "isolated")
          assert.isUndefined(rejection.retryAfter)
          yield* breaker.reset
          assert.strictEqual(yield* breaker.state, "isolated")
        })
      )
      yield* trip(breaker, 4)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("D2 reset closes it and forgets the failures it saw", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 5)
      yield* breaker.reset
      assert.strictEqual(yield* breaker.state, "closed")
      yield* trip(breaker, 4)
      yield* breaker.reset
      yield* trip(breaker, 4)
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )
})

describe("what a circuit reports", () => {
  it.effect("one log line, one metric increment, one span event and one stream element per transition", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const events: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      const breaker = yield* make({ name: "observed", trip: CircuitBreaker.consecutive(1), halfOpen: { successes: 1 } })
      const seen = yield* recordTransitions(breaker)
      yield* Effect.gen(function* () {
        const span = yield* Effect.currentSpan
        span.event = (name, _time, attributes) => void events.push([name, attributes])
        yield* trip(breaker, 1)
        yield* rejectionOf(breaker)
        yield* TestClock.adjust("60 seconds")
        yield* CircuitBreaker.protect(works, breaker)
      }).pipe(Effect.withSpan("charge"), Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(lines, [
        "Warn circuit observed opened",
        "Info circuit observed half-opened",
        "Info circuit observed closed"
      ])
      const steps = ["closed open", "open half_open", "half_open closed"]
      assert.deepStrictEqual(
        events,
        steps.map((step) => {
          const [from, to] = step.split(" ")
          return [
            "resilience.circuit_breaker.transition",
            {
              "resilience.circuit_breaker.name": "observed",
              "resilience.circuit_breaker.previous_state": from,
              "resilience.circuit_breaker.state": to,
              ...(to === "open" ? { "resilience.circuit_breaker.reason": "consecutive" } : undefined)
            }
          ]
        })
      )
      assert.deepStrictEqual(
        seen.map(({ from, to }) => `${from} ${to}`),
        steps
      )
      assert.strictEqual(Duration.toSeconds(seen[0]!.openFor!), 60)
      const metrics = (yield* Metric.snapshot).filter(
        ({ attributes, type }) => type === "Counter" && attributes?.["name"] === "observed"
      )
      const counted = metrics.map(({ attributes, id, state }) => [
        id.replace("resilience.circuit_breaker.", ""),
        attributes?.["to"],
        (state as Metric.CounterState<number>).count
      ])
      assert.sameDeepMembers(counted, [
        ["transitions", "open", 1],
        ["transitions", "half_open", 1],
        ["transitions", "closed", 1],
        ["rejections", undefined, 1],
        ["late_results", undefined, 0]
      ])
    })
  )

  it.effect("L16 a logger that dies does not change the result of the call", () =>
    Effect.gen(function* () {
      const dying = Logger.make(() => {
        throw new Error("disk full")
      })
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      const error = failure()
      const exit = yield* Effect.fail(error).pipe(
        CircuitBreaker.protect(breaker),
        Effect.exit,
        Effect.provide(Logger.layer([dying]))
      )
      assert.deepStrictEqual(exit, Exit.fail(error))
      assert.strictEqual(yield* breaker.state, "open")
    })
  )

  it.effect("a rejection is a declared failure that survives encoding", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      yield* trip(breaker, 1)
      const rejection = yield* rejectionOf(breaker)
      assert.instanceOf(rejection, Reasons.CircuitOpen)
      assert.strictEqual(rejection.message, "circuit open: db is open")
      assert.deepStrictEqual(yield* Schema.encodeEffect(Reasons.CircuitOpen)(rejection), {
        _tag: "CircuitOpen",
        circuit: "db",
        state: "open",
        retryAfter: 60_000
      })
    })
  )
})
