import { assert, describe, it } from "@effect/vitest"
import { Backoff, CircuitBreaker } from "@holdfast/resilience"
import { recordTransitions } from "@holdfast/resilience/testing"
import { Duration, Effect, Exit, Metric, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { make, rejectionOf, trip, works } from "./circuit.ts"

const seconds = (duration: Duration.Duration | undefined) => duration && Duration.toSeconds(duration)

const seriesOf = (name: string, id: string) =>
  Effect.map(Metric.snapshot, (all) =>
    Object.fromEntries(
      all
        .filter((metric) => metric.id === `resilience.circuit_breaker.${id}` && metric.attributes?.["name"] === name)
        .map((metric) => [metric.attributes?.["state"] ?? "", (metric.state as Metric.GaugeState<number>).value])
    )
  )

describe("the mode of a circuit", () => {
  it.effect("D3 disabled lets everything through and looks at nothing", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ trip: CircuitBreaker.consecutive(1) })
      yield* trip(breaker, 1)
      yield* breaker.setMode("disabled")
      yield* trip(breaker, 100)
      assert.strictEqual(yield* breaker.state, "disabled")
      yield* breaker.setMode("automatic")
      assert.strictEqual(yield* breaker.state, "closed")
      assert.strictEqual((yield* breaker.health).rules[0]?.calls, 0)
    })
  )

  it.effect("D4 metrics_only lets everything through, counts, and never opens", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ mode: "metrics_only", trip: CircuitBreaker.failureRate({ window: { calls: 4 } }) })
      yield* trip(breaker, 10)
      assert.strictEqual(yield* breaker.state, "metrics_only")
      assert.deepInclude((yield* breaker.health).rules[0], { calls: 4, failures: 4 })
    })
  )

  it.effect("D5 isolated at first stays until the mode changes, and an isolation goes before every mode", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ mode: "isolated" })
      assert.strictEqual((yield* rejectionOf(breaker)).state, "isolated")
      yield* breaker.reset
      assert.strictEqual(yield* breaker.state, "isolated")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* breaker.isolate
          yield* breaker.setMode("disabled")
          assert.strictEqual((yield* rejectionOf(breaker)).state, "isolated")
        })
      )
      assert.strictEqual(yield* CircuitBreaker.protect(works, breaker), "ok")
      assert.strictEqual(yield* breaker.state, "disabled")
    })
  )

  it.effect.each(["opn", undefined, null, "closed"])("that is none is refused, and changes nothing: %s", (mode) =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const error = yield* Effect.flip(breaker.setMode(mode as CircuitBreaker.Mode))
      assert.strictEqual(error.path, 'CircuitBreaker "db".setMode')
      assert.include(error.expected, 'must be "automatic" or "isolated"')
      assert.strictEqual(yield* breaker.state, "closed")
    })
  )

  it.effect("setting the mode it has changes nothing", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 4)
      yield* breaker.setMode("automatic")
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )
})

describe("what there is to see", () => {
  it.effect("L15 the state gauge is one series per state whose sum is always 1, and agrees with the state", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ name: "gauged" })
      const check = (state: CircuitBreaker.State) =>
        Effect.gen(function* () {
          const series = yield* seriesOf("gauged", "state")
          assert.deepStrictEqual(
            Object.entries(series).filter(([, value]) => value !== 0),
            [[state, 1]]
          )
          assert.strictEqual(yield* breaker.state, state)
        })
      yield* check("closed")
      yield* trip(breaker, 5)
      yield* check("open")
      yield* TestClock.adjust("60 seconds")
      yield* check("half_open")
      yield* Effect.scoped(Effect.andThen(breaker.isolate, check("isolated")))
      yield* check("closed")
    })
  )

  it.effect(
    "L15 the state gauge agrees with the state when calls or probes hang, and what it saw is told by the next call",
    () =>
      Effect.gen(function* () {
        const hang = (breaker: CircuitBreaker.CircuitBreaker) =>
          Effect.forkScoped(CircuitBreaker.protect(Effect.never, breaker), { startImmediately: true })
        const check = (breaker: CircuitBreaker.CircuitBreaker, state: CircuitBreaker.State) =>
          Effect.gen(function* () {
            const series = yield* seriesOf(breaker.name, "state")
            assert.deepStrictEqual(
              Object.keys(series).filter((name) => series[name] === 1),
              [state]
            )
          })
        const slow = yield* make({
          name: "slow",
          trip: CircuitBreaker.slowRate({ slowerThan: "1 second", window: { calls: 10 } })
        })
        const seen = yield* recordTransitions(slow)
        yield* Effect.replicateEffect(hang(slow), 10)
        yield* TestClock.adjust("1001 millis")
        yield* check(slow, "open")
        assert.strictEqual((yield* rejectionOf(slow)).state, "open")
        yield* Effect.yieldNow
        assert.deepStrictEqual(
          seen.map(({ at, to }) => [to, at]),
          [["open", 1000]]
        )
        const probed = yield* make({ name: "probed", openFor: "1 second", halfOpen: { maxWait: "10 seconds" } })
        yield* trip(probed, 5)
        yield* TestClock.adjust("1 second")
        yield* hang(probed)
        yield* TestClock.adjust("20 seconds")
        yield* check(probed, "half_open")
        assert.strictEqual(yield* probed.state, "half_open")
        yield* check(probed, "half_open")
      })
  )

  it.effect("health says the state, the counts, and when to come back", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ openFor: "30 seconds" })
      yield* trip(breaker, 3)
      assert.deepStrictEqual((yield* breaker.health).rules, [
        { rule: "5 failures in a row", calls: 3, failures: 3, slow: 0 }
      ])
      yield* trip(breaker, 4)
      yield* TestClock.adjust("10 seconds")
      const health = yield* breaker.health
      assert.deepInclude(health, { circuit: "db", state: "open", openings: 1, rejections: 2, lateResults: 0 })
      assert.strictEqual(seconds(health.retryAfter), 20)
    })
  )
})

describe("a snapshot", () => {
  const wire = Schema.fromJsonString(CircuitBreaker.Snapshot)
  const moved = (from: CircuitBreaker.CircuitBreaker, to: CircuitBreaker.CircuitBreaker, pause: number) =>
    Effect.gen(function* () {
      const text = yield* Schema.encodeEffect(wire)(yield* from.snapshot)
      yield* TestClock.adjust(pause)
      yield* to.restore(yield* Schema.decodeEffect(wire)(text))
    })

  it.effect("of an open circuit goes on being open for what is left", () =>
    Effect.gen(function* () {
      const [before, after, late] = [yield* make(), yield* make(), yield* make()]
      yield* trip(before, 5)
      yield* moved(before, after, 20_000)
      assert.strictEqual(seconds((yield* rejectionOf(after)).retryAfter), 40)
      yield* moved(after, late, 40_000)
      assert.strictEqual(yield* late.state, "half_open")
    })
  )

  it.effect(
    "is taken up by a circuit in the hands of an operator when it is given back, the time until then included",
    () =>
      Effect.gen(function* () {
        const before = yield* make()
        yield* trip(before, 5)
        const put = yield* before.snapshot
        const leftAfter = (breaker: CircuitBreaker.CircuitBreaker, hold: Effect.Effect<unknown, unknown>) =>
          Effect.gen(function* () {
            yield* breaker.restore({ ...put, at: (yield* before.snapshot).at })
            assert.notStrictEqual(yield* breaker.state, "open")
            yield* hold
            const rejection = yield* rejectionOf(breaker)
            return [rejection.state, seconds(rejection.retryAfter)]
          })
        const isolated = yield* make({ mode: "isolated" })
        const given = Effect.gen(function* () {
          yield* TestClock.adjust("10 seconds")
          yield* isolated.setMode("disabled")
          yield* TestClock.adjust("10 seconds")
          yield* isolated.setMode("automatic")
        })
        assert.deepStrictEqual(yield* leftAfter(isolated, given), ["open", 40])
        const held = yield* make()
        const scope = yield* Scope.make()
        yield* Scope.provide(held.isolate, scope)
        assert.deepStrictEqual(yield* leftAfter(held, Scope.close(scope, Exit.void)), ["open", 60])
        const again = yield* make({ mode: "metrics_only" })
        yield* again.restore({ ...put, at: (yield* before.snapshot).at })
        yield* TestClock.adjust("15 seconds")
        const other = yield* make()
        yield* other.restore(yield* again.snapshot)
        assert.strictEqual(seconds((yield* rejectionOf(other)).retryAfter), 45)
        yield* again.reset
        yield* again.setMode("automatic")
        assert.strictEqual(yield* again.state, "closed")
      })
  )

  it.effect("of a closed circuit keeps its counts and forgets what has left the window meanwhile", () =>
    Effect.gen(function* () {
      const rule = { trip: CircuitBreaker.failureRate({ window: { time: "10 seconds" }, minimumCalls: 4 }) }
      const [before, soon, later, other] = [
        yield* make(rule),
        yield* make(rule),
        yield* make(rule),
        yield* make({ trip: CircuitBreaker.consecutive(2) })
      ]
      yield* trip(before, 3)
      yield* moved(before, soon, 1000)
      yield* trip(soon, 1)
      assert.strictEqual(yield* soon.state, "open")
      yield* moved(before, other, 0)
      yield* trip(other, 1)
      assert.strictEqual(yield* other.state, "closed")
      yield* moved(before, later, 10_000)
      yield* trip(later, 1)
      assert.strictEqual(yield* later.state, "closed")
    })
  )

  it.effect("keeps the growth of the open time", () =>
    Effect.gen(function* () {
      const options = { trip: CircuitBreaker.consecutive(1), openFor: Backoff.exponential("1 second") }
      const [before, after] = [yield* make(options), yield* make(options)]
      yield* trip(before, 1)
      yield* TestClock.adjust("1 second")
      yield* trip(before, 1)
      yield* TestClock.adjust("2 seconds")
      yield* moved(before, after, 0)
      yield* trip(after, 1)
      assert.strictEqual(seconds((yield* rejectionOf(after)).retryAfter), 4)
    })
  )

  it.effect("can be taken up under the options of the moment, whatever they were when it opened", () =>
    Effect.gen(function* () {
      const before = yield* make({ trip: CircuitBreaker.consecutive(1), openFor: "2 hours" })
      yield* trip(before, 1)
      const options = { trip: CircuitBreaker.consecutive(1), openFor: "1 minute", maxHint: "5 minutes" } as const
      yield* before.reconfigure(options)
      const after = yield* make(options)
      yield* moved(before, after, 0)
      assert.strictEqual(seconds((yield* rejectionOf(after)).retryAfter), 300)
    })
  )

  it.effect("of one that only counted opens at the next failure of a row that was long enough", () =>
    Effect.gen(function* () {
      const [before, after] = [yield* make({ mode: "metrics_only" }), yield* make()]
      yield* trip(before, 10)
      yield* moved(before, after, 0)
      assert.strictEqual(yield* after.state, "closed")
      yield* trip(after, 1)
      assert.strictEqual(yield* after.state, "open")
    })
  )

  it.effect("counts the time it was put away for a recovery, too", () =>
    Effect.gen(function* () {
      const options = {
        trip: CircuitBreaker.consecutive(1),
        openFor: Backoff.exponential("10 seconds"),
        halfOpen: { successes: 1 }
      }
      const [before, soon, later] = [yield* make(options), yield* make(options), yield* make(options)]
      yield* trip(before, 1)
      yield* TestClock.adjust("10 seconds")
      yield* CircuitBreaker.protect(works, before)
      const put = yield* before.snapshot
      yield* TestClock.adjust("9 seconds")
      yield* soon.restore(put)
      yield* trip(soon, 1)
      assert.strictEqual(seconds((yield* rejectionOf(soon)).retryAfter), 20)
      yield* TestClock.adjust("1 second")
      yield* later.restore(put)
      yield* trip(later, 1)
      assert.strictEqual(seconds((yield* rejectionOf(later)).retryAfter), 10)
    })
  )

  it.effect("takes no counts from a rule that only prints like its own", () =>
    Effect.gen(function* () {
      const rate = (threshold: number) => ({
        trip: CircuitBreaker.failureRate({ threshold, window: { calls: 4 }, minimumCalls: 1 })
      })
      const [before, after] = [yield* make(rate(0.9996)), yield* make(rate(0.9994))]
      yield* before.restore({ ...(yield* before.snapshot), counted: [[1, 1, 0]] })
      yield* moved(before, after, 0)
      assert.strictEqual((yield* after.health).rules[0]?.calls, 0)
    })
  )

  const hour = 3_600_000
  const open = { state: "open", openings: 1, lastOpenFor: 60_000, opensFor: 30_000 } as const

  it.effect.each([
    [{ version: 2 }, "version", "must be 1"],
    [{ circuit: "other" }, "circuit", 'must be "db"'],
    [{ key: "eu" }, "key", "must be left out"],
    [{ at: Number.NaN }, "at", "must be a finite number"],
    [{ state: "isolated" }, "state", 'must be "closed"'],
    [{ openings: -1 }, "openings", "must be a whole number, 0 or more"],
    [{ openings: 0.5 }, "openings", "must be a whole number, 0 or more"],
    [{ ...open, openings: 0 }, "openings", "must be 1 or more"],
    [{ lastOpenFor: -1 }, "lastOpenFor", "must be milliseconds, 0 or more"],
    [{ ...open, lastOpenFor: hour + 1 }, "lastOpenFor", "must be no more than the 3600000 ms"],
    [{ ...open, opensFor: -1 }, "opensFor", "must be milliseconds, 0 or more"],
    [{ ...open, opensFor: 60_001 }, "opensFor", "must be no more than lastOpenFor"],
    [{ ...open, opensFor: Infinity }, "opensFor", "must be milliseconds, 0 or more"],
    [{ closedFor: -1 }, "closedFor", "must be milliseconds, 0 or more"],
    [{ rule: 1 }, "rule", "must be a text"],
    [{ counted: [[-1]] }, "counted", "must be lists of whole numbers, 0 or more"],
    [{ counted: [[1.5]] }, "counted", "must be lists of whole numbers, 0 or more"],
    [{ counted: [[5]] }, "counted", "must be what its rule can have counted"],
    [{ counted: [[1, 1]] }, "counted", "must be what its rule can have counted"],
    [{ counted: [] }, "counted", "must be what its rule can have counted"],
    [{ counted: [[0], [0]] }, "counted", "must be what its rule can have counted"],
    [{ rest: 1 }, "rest", "is no option"]
  ] as ReadonlyArray<readonly [object, string, string]>)(
    "that cannot be one of this circuit is refused by its member: %j",
    ([change, member, says]) =>
      Effect.gen(function* () {
        const breaker = yield* make()
        const snapshot = { ...(yield* breaker.snapshot), ...change } as CircuitBreaker.Snapshot
        const error = yield* Effect.flip(breaker.restore(snapshot))
        assert.strictEqual(error.path, `CircuitBreaker "db".restore.${member}`)
        assert.include(error.expected, says)
        assert.strictEqual(yield* breaker.state, "closed")
      })
  )

  it.effect.each([
    [CircuitBreaker.failureRate({ window: { calls: 3 } }), [[0, 0, 0, 0]]],
    [CircuitBreaker.failureRate({ window: { calls: 3 } }), [[4]]],
    [CircuitBreaker.failureRate({ window: { time: "1 minute" } }), [[1, 0, 0]]],
    [CircuitBreaker.failureRate({ window: { time: "1 minute" } }), [[1, 2, 0, ...Array.from({ length: 27 }, () => 0)]]],
    [
      CircuitBreaker.slowRate({ slowerThan: 1, window: { time: "1 minute" } }),
      [[1, 0, 2, ...Array.from({ length: 27 }, () => 0)]]
    ],
    [CircuitBreaker.anyOf(CircuitBreaker.consecutive(2), CircuitBreaker.consecutive(3)), [[1], [3]]]
  ] as ReadonlyArray<readonly [CircuitBreaker.Trip, ReadonlyArray<ReadonlyArray<number>>]>)(
    "that counts what no window can hold is refused: %j",
    ([trip, counted]) =>
      Effect.gen(function* () {
        const breaker = yield* make({ trip })
        const snapshot = { ...(yield* breaker.snapshot), counted }
        const error = yield* Effect.flip(breaker.restore(snapshot))
        assert.strictEqual(error.path, `CircuitBreaker "db".restore.counted`)
      })
  )

  it.effect("of one key is none of another", () =>
    Effect.gen(function* () {
      const hosts = yield* CircuitBreaker.keyed({ name: "hosts", trip: CircuitBreaker.consecutive(1) })
      yield* trip(hosts.get("a"), 1)
      const snapshot = yield* hosts.get("a").snapshot
      assert.strictEqual(snapshot.key, "a")
      const error = yield* Effect.flip(hosts.get("b").restore(snapshot))
      assert.strictEqual(error.path, 'CircuitBreaker "hosts".restore.key')
      yield* hosts.get("a").reset
      yield* hosts.get("a").restore(snapshot)
      assert.strictEqual(yield* hosts.get("a").state, "open")
    })
  )
})

describe("other options for a living circuit", () => {
  it.effect("keep the state and the open time", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 5)
      yield* breaker.reconfigure({ openFor: "1 second", trip: CircuitBreaker.consecutive(1) })
      assert.strictEqual(seconds((yield* rejectionOf(breaker)).retryAfter), 60)
      yield* TestClock.adjust("1 minute")
      yield* trip(breaker, 1)
      assert.strictEqual(seconds((yield* rejectionOf(breaker)).retryAfter), 1)
    })
  )

  it.effect("keep the counts under the same rule, and are refused when they are wrong", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* trip(breaker, 4)
      yield* breaker.reconfigure({ openFor: "1 second" })
      const error = yield* Effect.flip(breaker.reconfigure({ openFor: 0 }))
      assert.strictEqual(error.path, 'CircuitBreaker "db".openFor')
      yield* trip(breaker, 1)
      assert.strictEqual(yield* breaker.state, "open")
    })
  )
})
