import { assert, describe, it } from "@effect/vitest"
import { Backoff, CircuitBreaker } from "@holdfast/resilience"
import { recordTransitions } from "@holdfast/resilience/testing"
import { Duration, Effect, Fiber, Logger, Metric, References } from "effect"
import { TestClock } from "effect/testing"
import { refusalOf } from "../options/wrong.ts"
import { rejectionOf, trip, works } from "./circuit.ts"

const make = (options: Partial<CircuitBreaker.KeyedOptions> = {}) =>
  CircuitBreaker.keyed({ name: "hosts", trip: CircuitBreaker.consecutive(2), ...options })

describe("a keyed breaker", () => {
  it.effect("L9 has one circuit per key, and one circuit for a thousand first uses at once", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ trip: CircuitBreaker.consecutive(1000) })
      yield* Effect.forEach(Array.from({ length: 1000 }), () => trip(hosts.get("a"), 1), { concurrency: "unbounded" })
      assert.strictEqual(yield* hosts.size, 1)
      assert.strictEqual(yield* hosts.get("a").state, "open")
      assert.strictEqual(yield* CircuitBreaker.protect(works, hosts.get("b")), "ok")
    })
  )

  it.effect("says which key was rejected, in the failure, the transitions and the health", () =>
    Effect.gen(function* () {
      const hosts = yield* make()
      const handle = hosts.get("a.example")
      const seen = yield* recordTransitions(handle)
      yield* trip(handle, 2)
      const rejection = yield* rejectionOf(handle)
      assert.deepInclude(rejection, { circuit: "hosts", key: "a.example" })
      assert.strictEqual(rejection.message, "circuit open: hosts for a.example is open")
      yield* Effect.yieldNow
      assert.deepInclude(seen[0], { circuit: "hosts", key: "a.example", to: "open" })
      assert.deepInclude((yield* hosts.health)[0], { key: "a.example", state: "open" })
    })
  )

  it.effect("counts rejections and late results key by key", () =>
    Effect.gen(function* () {
      const hosts = yield* make()
      const bad = hosts.get("bad")
      const late = yield* Effect.forkChild(CircuitBreaker.protect(Effect.sleep("1 second"), bad), {
        startImmediately: true
      })
      yield* trip(bad, 4)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      assert.deepInclude(yield* bad.health, { rejections: 2, lateResults: 1 })
      assert.deepInclude(yield* hosts.get("fresh").health, { rejections: 0, lateResults: 0 })
    })
  )

  it.effect("L10 gives circuits up whose probes hang, but not before a time to live after they are open again", () =>
    Effect.gen(function* () {
      const hosts = yield* make({
        capacity: 2,
        timeToLive: "1 minute",
        trip: CircuitBreaker.consecutive(1),
        openFor: "10 minutes",
        halfOpen: { maxWait: "30 seconds" }
      })
      const opens = Effect.gen(function* () {
        yield* trip(hosts.get("c"), 1)
        return (yield* hosts.get("c").state) === "open"
      })
      for (const key of ["a", "b"]) yield* trip(hosts.get(key), 1)
      yield* TestClock.adjust("10 minutes")
      for (const key of ["a", "b"]) {
        yield* Effect.forkScoped(CircuitBreaker.protect(Effect.never, hosts.get(key)), { startImmediately: true })
      }
      // Open again after 30 s, for ten minutes, and kept for another one.
      yield* TestClock.adjust("689999 millis")
      assert.isFalse(yield* opens)
      yield* TestClock.adjust("1 millis")
      assert.isTrue(yield* opens)
    })
  )

  it.effect("lets no key forge a line of the log or of a rejection, nor leave a secret in it", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ fiber, message }) => {
        lines.push([message, fiber.getRef(References.CurrentLogAnnotations)["key"]])
      })
      const written: Array<string> = []
      const plain = Logger.map(Logger.formatSimple, (line) => void written.push(line))
      const hosts = yield* make({ trip: CircuitBreaker.consecutive(1) })
      const evil = "evil\nlevel=ERROR \u0000\u2028\u202e"
      const quoted = '"evil\\nlevel=ERROR \\u0000\\u2028\\u202e"'
      yield* Effect.gen(function* () {
        for (const key of [evil, "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "b.example:80"]) {
          yield* trip(hosts.get(key), 1)
        }
      }).pipe(Effect.provide(Logger.layer([logger, plain])))
      assert.deepStrictEqual(lines, [
        [[`circuit hosts/${quoted} opened`], quoted],
        [["circuit hosts/Bearer <redacted> opened"], "Bearer <redacted>"],
        [["circuit hosts/b.example:80 opened"], "b.example:80"]
      ])
      const rejection = yield* rejectionOf(hosts.get(evil))
      assert.strictEqual(rejection.key, evil)
      assert.strictEqual(rejection.message, `circuit open: hosts for ${quoted} is open`)
      // oxlint-disable-next-line no-control-regex
      for (const line of written) assert.notMatch(line, /[\u0000-\u001f\u2028]|\p{Cf}/u)
    })
  )

  it.effect("has room for its capacity beside the circuits in the hands of an operator", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 2, trip: CircuitBreaker.consecutive(1) })
      yield* hosts.get("x").setMode("disabled")
      yield* hosts.get("y").setMode("disabled")
      for (const key of ["a", "b"]) {
        yield* trip(hosts.get(key), 1)
        assert.strictEqual(yield* hosts.get(key).state, "open")
      }
      yield* trip(hosts.get("c"), 1)
      assert.strictEqual(yield* hosts.get("c").state, "closed")
      // Handed back, they take room again, and go before those that are open.
      yield* hosts.get("x").setMode("automatic")
      yield* hosts.get("y").setMode("automatic")
      yield* CircuitBreaker.protect(works, hosts.get("d"))
      assert.strictEqual(yield* hosts.size, 2)
      for (const key of ["a", "b"]) assert.strictEqual(yield* hosts.get(key).state, "open")
    })
  )

  it.effect("forgets in time what only its own options hold, and never what an operator holds against them", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ mode: "metrics_only", capacity: 2, timeToLive: "1 second" })
      for (const key of ["a", "b"]) yield* CircuitBreaker.protect(works, hosts.get(key))
      yield* hosts.get("a").setMode("automatic")
      yield* TestClock.adjust("1 second")
      for (const key of ["c", "d"]) yield* CircuitBreaker.protect(works, hosts.get(key))
      assert.strictEqual(yield* hosts.size, 3)
      assert.strictEqual(yield* hosts.get("a").state, "closed")
      assert.strictEqual(yield* hosts.get("b").state, "metrics_only")
    })
  )

  it.effect("keeps an open circuit that was restored, whether there is room or not", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 2, trip: CircuitBreaker.consecutive(1) })
      for (const key of ["a", "b"]) yield* trip(hosts.get(key), 1)
      const snapshot = { ...(yield* hosts.get("a").snapshot), key: "c" }
      yield* hosts.get("c").restore(snapshot)
      assert.strictEqual((yield* rejectionOf(hosts.get("c"))).state, "open")
    })
  )

  it.effect("takes only a text for a key", () =>
    Effect.gen(function* () {
      const hosts = yield* make()
      for (const key of [undefined, null, 1, {}, ["a"]]) {
        const error = yield* refusalOf(() => hosts.get(key as never))
        assert.deepStrictEqual([error.path, error.expected], ['CircuitBreaker "hosts".get', "must be a text"])
      }
    })
  )

  it.effect("L10 holds no more circuits than its capacity, over a hundred thousand keys", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 1000 })
      yield* trip(hosts.get("bad"), 2)
      for (let i = 0; i < 100_000; i++) yield* CircuitBreaker.protect(works, hosts.get(`key ${i}`))
      assert.isAtMost(yield* hosts.size, 1000)
      assert.strictEqual((yield* rejectionOf(hosts.get("bad"))).state, "open")
    })
  )

  const crowd = (hosts: CircuitBreaker.KeyedCircuitBreaker, name: string) =>
    Effect.forEach(Array.from({ length: 100 }), (_, i) => CircuitBreaker.protect(works, hosts.get(`${name} ${i}`)))

  it.effect("L10 keeps a circuit whose open time is over until it has recovered, however full it is", () =>
    Effect.gen(function* () {
      const openFor = Backoff.exponential("1 minute")
      const hosts = yield* make({ capacity: 10, openFor, trip: CircuitBreaker.consecutive(1) })
      const bad = hosts.get("bad")
      yield* trip(bad, 1)
      yield* TestClock.adjust("1 minute")
      yield* crowd(hosts, "unprobed")
      assert.strictEqual(yield* bad.state, "half_open")
      yield* trip(bad, 1)
      assert.strictEqual(Duration.toMinutes((yield* rejectionOf(bad)).retryAfter!), 2)
      yield* TestClock.adjust("2 minutes")
      yield* CircuitBreaker.protect(works, bad)
      yield* crowd(hosts, "half recovered")
      yield* CircuitBreaker.protect(works, bad)
      assert.strictEqual(yield* bad.state, "closed")
      // A recovery that has not lasted yet: the next opening still grows.
      yield* crowd(hosts, "just recovered")
      yield* trip(bad, 1)
      assert.strictEqual(Duration.toMinutes((yield* rejectionOf(bad)).retryAfter!), 4)
    })
  )

  it.effect("L10 forgets it for others once it has recovered, or once nobody has probed it for its time to live", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 10, trip: CircuitBreaker.consecutive(1), timeToLive: "10 minutes" })
      yield* trip(hosts.get("back"), 1)
      yield* trip(hosts.get("gone"), 1)
      yield* TestClock.adjust("1 minute")
      yield* Effect.replicateEffect(CircuitBreaker.protect(works, hosts.get("back")), 2)
      const has = (key: string) => Effect.map(hosts.health, (all) => all.some((one) => one.key === key))
      yield* TestClock.adjust("59999 millis")
      yield* crowd(hosts, "a")
      assert.isTrue(yield* has("back"))
      yield* TestClock.adjust("1 millis")
      yield* crowd(hosts, "b")
      assert.deepStrictEqual([yield* has("back"), yield* has("gone")], [false, true])
      yield* TestClock.adjust(9 * 60_000 - 1)
      yield* crowd(hosts, "c")
      assert.isTrue(yield* has("gone"))
      yield* TestClock.adjust("1 millis")
      yield* crowd(hosts, "d")
      assert.isFalse(yield* has("gone"))
    })
  )

  it.effect("lets calls through untracked when every circuit must be kept", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 3 })
      for (const key of ["a", "b", "c"]) yield* trip(hosts.get(key), 2)
      yield* trip(hosts.get("d"), 10)
      assert.strictEqual(yield* CircuitBreaker.protect(works, hosts.get("d")), "ok")
      assert.strictEqual(yield* hosts.size, 3)
      for (const key of ["a", "b", "c"]) assert.strictEqual(yield* hosts.get(key).state, "open")
    })
  )

  it.effect("keeps what an operator has decided about a key for which there is no room, and no longer than that", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 1 })
      const isolated = hosts.get("isolated")
      yield* trip(hosts.get("a"), 2)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* isolated.isolate
          yield* hosts.get("mode").setMode("disabled")
          assert.strictEqual(yield* isolated.state, "isolated")
          assert.strictEqual((yield* rejectionOf(isolated)).state, "isolated")
          assert.strictEqual(yield* hosts.get("mode").state, "disabled")
          assert.strictEqual(yield* hosts.size, 3)
        })
      )
      assert.strictEqual(yield* isolated.state, "closed")
      yield* hosts.get("mode").setMode("automatic")
      yield* hosts.get("a").reset
      yield* trip(hosts.get("new"), 2)
      assert.strictEqual(yield* hosts.get("new").state, "open")
      assert.strictEqual(yield* hosts.size, 1)
    })
  )

  it.effect("forgets the least recently used first", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 2 })
      for (const key of ["a", "b", "a", "c"]) {
        yield* trip(hosts.get(key), 1)
        yield* TestClock.adjust("2 seconds")
      }
      assert.deepStrictEqual(
        (yield* hosts.health).map(({ key }) => key),
        ["a", "c"]
      )
    })
  )

  it.effect("L11 forgets a circuit that was idle for its time to live, and an open one only after that", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ name: "idle hosts", openFor: "90 minutes" })
      const gauge = Effect.map(Metric.snapshot, (all) =>
        all
          .filter(({ attributes, id }) => id.endsWith(".state") && attributes?.["name"] === "idle hosts")
          .reduce((sum, { state }) => sum + (state as Metric.GaugeState<number>).value, 0)
      )
      yield* trip(hosts.get("idle"), 1)
      yield* trip(hosts.get("open"), 2)
      yield* TestClock.adjust(3_599_999)
      assert.strictEqual(yield* hosts.size, 2)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* gauge, 1)
      assert.strictEqual(yield* hosts.size, 1)
      yield* TestClock.adjust("90 minutes")
      assert.strictEqual(yield* gauge, 0)
      assert.strictEqual(yield* hosts.size, 0)
    })
  )

  it.effect("L18 counts circuits per state in its metrics, and never names a key", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ name: "metered" })
      for (let i = 0; i < 100; i++) yield* trip(hosts.get(`host ${i}`), i < 40 ? 2 : 1)
      const series = (yield* Metric.snapshot).filter(({ attributes }) => attributes?.["name"] === "metered")
      assert.isAtMost(series.length, 10)
      assert.notInclude(JSON.stringify(series.map(({ attributes }) => attributes)), "host ")
      const gauge = (state: string) =>
        series.find(({ attributes, id }) => id.endsWith(".state") && attributes?.["state"] === state)?.state
      assert.deepStrictEqual(gauge("open"), { value: 40 })
      assert.deepStrictEqual(gauge("closed"), { value: 60 })
    })
  )

  it.effect("isolates one key, and keeps it isolated however many others come", () =>
    Effect.gen(function* () {
      const hosts = yield* make({ capacity: 10 })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* hosts.get("a").isolate
          for (let i = 0; i < 100; i++) yield* CircuitBreaker.protect(works, hosts.get(`key ${i}`))
          yield* TestClock.adjust("2 hours")
          assert.strictEqual((yield* rejectionOf(hosts.get("a"))).state, "isolated")
        })
      )
      assert.strictEqual(yield* CircuitBreaker.protect(works, hosts.get("a")), "ok")
    })
  )

  it.effect("takes other options for all of its circuits, and for those to come", () =>
    Effect.gen(function* () {
      const hosts = yield* make()
      yield* trip(hosts.get("a"), 2)
      yield* hosts.reconfigure({ trip: CircuitBreaker.consecutive(1) })
      assert.strictEqual(yield* hosts.get("a").state, "open")
      yield* trip(hosts.get("b"), 1)
      assert.strictEqual(yield* hosts.get("b").state, "open")
    })
  )
})
