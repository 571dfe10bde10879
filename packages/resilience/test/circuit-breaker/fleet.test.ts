import { assert, describe, it } from "@effect/vitest"
import { NodeRedis } from "@effect/platform-node"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker } from "@holdfast/resilience"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, Schedule, Stream } from "effect"
import { CircuitBreaker as Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"
import { spawn, spawnSync } from "node:child_process"
import { createServer } from "node:net"

const failure = () => new Reasons.NetworkError({})
const fails = Effect.suspend(() => Effect.fail(failure()))
const works = Effect.succeed("ok")

const make = (options: Partial<CircuitBreaker.FleetOptions<"allow">> = {}) =>
  CircuitBreaker.fleet({ name: "payments", trip: CircuitBreaker.consecutive(2), ...options })

const broken = Layer.succeed(Persistence.CircuitBreakerStore)(
  (() => {
    const down = Effect.fail(
      new Persistence.CircuitBreakerError({
        reason: new Persistence.CircuitBreakerStoreError({ message: "connection refused" })
      })
    )
    return Persistence.CircuitBreakerStore.of({ admit: () => down, record: () => down, state: () => down })
  })()
)

describe("a circuit that a fleet shares", () => {
  const store = Persistence.layerStoreMemory()

  it.effect("is one for two processes of one name and key, and another for another key", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* make(), yield* make()]
      const errors = [
        yield* Effect.flip(CircuitBreaker.protect(fails, one.get("eu"))),
        yield* Effect.flip(CircuitBreaker.protect(fails, other.get("eu")))
      ]
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["NetworkError", "NetworkError"]
      )
      const rejection = yield* Effect.flip(CircuitBreaker.protect(works, one.get("eu")))
      assert.deepInclude(rejection, { _tag: "CircuitOpen", circuit: "payments", key: "eu", state: "open" })
      assert.strictEqual(Duration.toSeconds(rejection.retryAfter!), 60)
      assert.strictEqual(yield* CircuitBreaker.protect(works, other.get("us")), "ok")
    }).pipe(Effect.provide(store))
  )

  it.effect("lets one probe through in the whole fleet", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* make(), yield* make()]
      yield* Effect.replicateEffect(Effect.exit(CircuitBreaker.protect(fails, one.get("eu"))), 2)
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(yield* other.get("eu").state, "half_open")
      const gate = yield* Deferred.make<string>()
      const probe = yield* Effect.forkChild(CircuitBreaker.protect(Deferred.await(gate), one.get("eu")), {
        startImmediately: true
      })
      const rejection = yield* Effect.flip(CircuitBreaker.protect(works, other.get("eu")))
      assert.strictEqual(rejection.state, "half_open")
      yield* Deferred.succeed(gate, "back")
      assert.strictEqual(yield* Fiber.join(probe), "back")
      assert.strictEqual(yield* other.get("eu").state, "closed")
    }).pipe(Effect.provide(store))
  )

  it.effect("reads failures as any breaker does: answers, hints, interruption, overrides", () =>
    Effect.gen(function* () {
      const fleet = yield* make({
        trip: CircuitBreaker.consecutive(1),
        openFor: Backoff.constant("1 second"),
        outcomes: { "sys.data_error": "ignored" }
      })
      const guard = fleet.get("eu")
      yield* Effect.exit(CircuitBreaker.protect(new Reasons.NotFound({}), guard))
      yield* Effect.exit(CircuitBreaker.protect(new Reasons.DataError({}), guard))
      yield* Effect.exit(CircuitBreaker.protect(Effect.interrupt, guard))
      assert.strictEqual(yield* guard.state, "closed")
      yield* Effect.exit(CircuitBreaker.protect(new Reasons.NetworkError({ retryAfter: "5 seconds" }), guard))
      const rejection = yield* Effect.flip(CircuitBreaker.protect(works, guard))
      assert.strictEqual(Duration.toSeconds(rejection.retryAfter!), 5)
    }).pipe(Effect.provide(store))
  )

  it.effect("tells of its transitions", () =>
    Effect.gen(function* () {
      const fleet = yield* make({ trip: CircuitBreaker.consecutive(1) })
      const seen: Array<string> = []
      yield* fleet.transitions.pipe(
        Stream.runForEach(({ from, key, to }) => Effect.sync(() => seen.push(`${key} ${from} ${to}`))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Effect.exit(CircuitBreaker.protect(fails, fleet.get("eu")))
      yield* TestClock.adjust("60 seconds")
      yield* CircuitBreaker.protect(works, fleet.get("eu"))
      yield* Effect.yieldNow
      assert.deepStrictEqual(seen, ["eu closed open", "eu open half_open", "eu half_open closed"])
    }).pipe(Effect.provide(store))
  )

  it.effect("takes a schedule of open times, as a breaker of one process does", () =>
    Effect.gen(function* () {
      const guard = (yield* make({
        trip: CircuitBreaker.consecutive(1),
        openFor: Schedule.exponential("1 second")
      })).get("s")
      const waits: Array<number> = []
      for (let i = 0; i < 3; i++) {
        yield* Effect.exit(CircuitBreaker.protect(fails, guard))
        const { retryAfter } = yield* Effect.flip(CircuitBreaker.protect(works, guard))
        waits.push(Duration.toMillis(retryAfter!))
        yield* TestClock.adjust(retryAfter!)
      }
      assert.deepStrictEqual(waits, [1000, 2000, 4000])
    }).pipe(Effect.provide(store))
  )

  it.effect("passes a failure of the effect that looks like the store's own", () =>
    Effect.gen(function* () {
      const guard = (yield* make()).get("eu")
      const own = new Persistence.CircuitBreakerError({ reason: new Persistence.CircuitHalfOpen({ key: "inner" }) })
      const exit = yield* Effect.exit(CircuitBreaker.protect(Effect.fail(own), guard))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === own)
    }).pipe(Effect.provide(store))
  )
})

describe("a store that cannot be asked", () => {
  it.effect("lets calls run, or fails them with a declared failure, as was chosen", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* CircuitBreaker.protect(works, (yield* make()).get("eu")), "ok")
      const strict = yield* CircuitBreaker.fleet({ name: "payments", onStoreError: "fail" })
      const error = yield* Effect.flip(CircuitBreaker.protect(works, strict.get("eu")))
      assert.strictEqual(error._tag, "CircuitStoreUnavailable")
    }).pipe(Effect.provide(broken))
  )
})

describe("what a store cannot hold is refused when the breaker is made", () => {
  it.effect.each([
    [
      { trip: CircuitBreaker.slowRate({ slowerThan: 1 }) },
      "trip: must be consecutive, or failureRate of a window of calls"
    ],
    [
      { trip: CircuitBreaker.failureRate({ window: { time: 1000 } }) },
      "trip.failureRate.window: must be a window of calls"
    ],
    [{ trip: CircuitBreaker.anyOf(CircuitBreaker.consecutive(1)) }, "trip: must be consecutive"],
    [{ halfOpen: { successes: 2 } }, "halfOpen.successes: must be 1: the store lets one probe through"],
    [
      { halfOpen: { maxWait: "1 second" } },
      "halfOpen.maxWait: must be left out: a probe is waited for as long as the probeLease"
    ],
    [{ mode: "isolated" }, 'mode: must be "automatic"']
  ] as ReadonlyArray<readonly [Partial<CircuitBreaker.FleetOptions<"allow">>, string]>)("%j", ([options, text]) =>
    Effect.gen(function* () {
      const { expected, path } = yield* Effect.flip(make(options))
      assert.include(`${path}: ${expected}`, `CircuitBreaker "payments".${text}`)
    }).pipe(Effect.provide(Persistence.layerStoreMemory()))
  )
})

const hasRedis = spawnSync("redis-server", ["--version"]).status === 0
if (!hasRedis)
  process.stdout.write("fleet.test.ts: no redis-server on PATH, so circuits over a real Redis were not tested\n")

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const redis = Effect.acquireRelease(
  Effect.gen(function* () {
    const port = yield* freePort
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    const server = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] })
    yield* Effect.callback<void>((resume) => {
      server.stdout.on("data", (chunk) => String(chunk).includes("Ready to accept") && resume(Effect.void))
    })
    return { port, server }
  }),
  ({ server }) => Effect.sync(() => server.kill())
)

// Processes and a server take their time on a busy machine; nothing here is a race that time could lose.
const patience = 120_000

describe.skipIf(!hasRedis)("circuits over a real Redis", () => {
  const connect = (port: number) =>
    Layer.build(
      Persistence.layerStoreRedis({ probeLease: "1 minute" }).pipe(
        Layer.provide(NodeRedis.layer({ url: `redis://127.0.0.1:${port}` }))
      )
    )

  it.live(
    "are one for two connections, with one probe between them",
    () =>
      Effect.gen(function* () {
        const { port } = yield* redis
        const member = Effect.map(make({ openFor: "3 seconds" }), (fleet) => fleet.get("eu"))
        const one = yield* Effect.provide(member, yield* connect(port))
        const other = yield* Effect.provide(member, yield* connect(port))
        yield* Effect.exit(CircuitBreaker.protect(fails, one))
        yield* Effect.exit(CircuitBreaker.protect(fails, other))
        assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(works, one))).state, "open")
        yield* Effect.sleep("3100 millis")
        const running = yield* Deferred.make<void>()
        const probe = yield* Effect.forkChild(
          CircuitBreaker.protect(Effect.andThen(Deferred.succeed(running, undefined), Effect.never), one)
        )
        yield* Deferred.await(running)
        assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(works, other))).state, "half_open")
        yield* Fiber.interrupt(probe)
        assert.strictEqual(yield* CircuitBreaker.protect(works, other), "ok")
        assert.strictEqual(yield* one.state, "closed")
      }),
    patience
  )

  it.live(
    "run calls or fail them, as was chosen, when the server is gone",
    () =>
      Effect.gen(function* () {
        const { port, server } = yield* redis
        const context = yield* connect(port)
        const allowing = yield* Effect.provide(make(), context)
        const failing = yield* Effect.provide(CircuitBreaker.fleet({ name: "payments", onStoreError: "fail" }), context)
        assert.strictEqual(yield* CircuitBreaker.protect(works, failing.get("eu")), "ok")
        yield* Effect.callback<void>((resume) => {
          server.once("exit", () => resume(Effect.void))
          server.kill("SIGKILL")
        })
        assert.strictEqual(yield* CircuitBreaker.protect(works, allowing.get("eu")), "ok")
        const error = yield* Effect.flip(CircuitBreaker.protect(works, failing.get("eu")))
        assert.strictEqual(error._tag, "CircuitStoreUnavailable")
      }).pipe(Effect.provide(Logger.layer([]))),
    patience
  )

  /** A process that is up, and what it answers to. */
  const member = (port: number) =>
    Effect.gen(function* () {
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(
            process.execPath,
            ["--conditions=@holdfast/source", `${import.meta.dirname}/fleetProcess.ts`, String(port)],
            { stdio: ["pipe", "pipe", "inherit"] }
          )
        ),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const said = (line: string | undefined) =>
        Effect.callback<string>((resume) => {
          child.stdout.once("data", (chunk) => resume(Effect.succeed(String(chunk).trim())))
          if (line !== undefined) child.stdin.write(`${line}\n`)
        })
      assert.strictEqual(yield* said(undefined), "ready")
      return { kill: Effect.sync(() => child.kill("SIGKILL")), call: (what: "fail" | "work" | "hang") => said(what) }
    })

  it.live(
    "are one for two processes, and outlive a process that is killed while it probes",
    () =>
      Effect.gen(function* () {
        const { port } = yield* redis
        const [one, other] = yield* Effect.all([member(port), member(port)], { concurrency: 2 })
        assert.strictEqual(yield* one.call("fail"), "NetworkError")
        assert.strictEqual(yield* other.call("fail"), "NetworkError")
        yield* Effect.sleep("250 millis")
        assert.strictEqual(yield* one.call("hang"), "running")
        assert.strictEqual(yield* other.call("work"), "half_open")
        yield* one.kill
        // Its lease runs out by itself.
        const answers = new Set<string>()
        while (!answers.has("ok")) {
          answers.add(yield* other.call("work"))
          yield* Effect.sleep("100 millis")
        }
        assert.isTrue([...answers].every((answer) => answer === "half_open" || answer === "ok"))
        assert.strictEqual(yield* other.call("work"), "ok")
      }),
    patience
  )
})
