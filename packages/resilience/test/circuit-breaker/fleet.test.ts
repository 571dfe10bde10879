import { assert, describe, it } from "@effect/vitest"
import { NodeRedis } from "@effect/platform-node"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker } from "@holdfast/resilience"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, Metric, Schedule, Stream } from "effect"
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

  it.effect("B2 gives up a probe that hangs, and counts its result as late", () =>
    Effect.gen(function* () {
      const options = { openFor: "1 second", halfOpen: { maxWait: "10 seconds" } } as const
      // The metrics of a name are those of its last breaker.
      const [other, one] = [yield* make({ ...options, name: "hung" }), yield* make({ ...options, name: "hung" })]
      const rejectionOf = (fleet: CircuitBreaker.Fleet) => Effect.flip(CircuitBreaker.protect(works, fleet.get("eu")))
      const secondsLeft = (fleet: CircuitBreaker.Fleet) =>
        Effect.map(rejectionOf(fleet), ({ retryAfter, state }) => [state, Duration.toSeconds(retryAfter!)])
      yield* Effect.replicateEffect(Effect.exit(CircuitBreaker.protect(fails, one.get("eu"))), 2)
      yield* TestClock.adjust("1 second")
      const gate = yield* Deferred.make<string>()
      const probe = yield* Effect.forkChild(CircuitBreaker.protect(Deferred.await(gate), one.get("eu")), {
        startImmediately: true
      })
      yield* TestClock.adjust("3 seconds")
      // Another process cannot know when the probe began, only that it is given up by then.
      assert.deepStrictEqual(
        [yield* secondsLeft(one), yield* secondsLeft(other)],
        [
          ["half_open", 7],
          ["half_open", 10]
        ]
      )
      yield* TestClock.adjust("6999 millis")
      assert.strictEqual((yield* rejectionOf(other)).state, "half_open")
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* secondsLeft(other), ["open", 1])
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, "back")
      assert.strictEqual(yield* Fiber.join(probe), "back")
      assert.strictEqual(yield* other.get("eu").state, "half_open")
      const late = (yield* Metric.snapshot).find(
        ({ attributes, id }) => id === "resilience.circuit_breaker.late_results" && attributes?.["name"] === "hung"
      )
      assert.deepInclude(late?.state, { count: 1 })
      assert.strictEqual(yield* CircuitBreaker.protect(works, other.get("eu")), "ok")
      assert.strictEqual(yield* one.get("eu").state, "closed")
    }).pipe(Effect.provide(store))
  )

  it.effect("opens for longer with every opening, and for as long as the failure asks, at most maxHint", () =>
    Effect.gen(function* () {
      const guard = (yield* make({
        trip: CircuitBreaker.consecutive(1),
        openFor: Backoff.exponential("1 second"),
        maxHint: "1 minute"
      })).get("growth")
      const waits: Array<number> = []
      for (const asked of [0, 0, 1000, 3_600_000]) {
        const failure = new Reasons.NetworkError({ retryAfter: Duration.millis(asked) })
        yield* Effect.exit(CircuitBreaker.protect(failure, guard))
        const { retryAfter } = yield* Effect.flip(CircuitBreaker.protect(works, guard))
        waits.push(Duration.toSeconds(retryAfter!))
        yield* TestClock.adjust(retryAfter!)
      }
      assert.deepStrictEqual(waits, [1, 2, 4, 60])
    }).pipe(Effect.provide(store))
  )

  it.effect("is another one for another name and key, wherever a stroke stands", () =>
    Effect.gen(function* () {
      const trip = CircuitBreaker.consecutive(1)
      const one = (yield* make({ name: "a/b", trip })).get("c")
      const others = [
        (yield* make({ name: "a", trip })).get("b/c"),
        (yield* make({ name: "a%2Fb", trip })).get("c"),
        (yield* make({ name: "a/b", trip })).get("/c")
      ]
      yield* Effect.exit(CircuitBreaker.protect(fails, one))
      assert.strictEqual(yield* one.state, "open")
      for (const other of others) assert.strictEqual(yield* other.state, "closed")
    }).pipe(Effect.provide(store))
  )

  it.effect("takes a classify that throws for a defect of the call, and gives its slot back", () =>
    Effect.gen(function* () {
      const oops = new Error("oops")
      let isBroken = false
      const guard = (yield* make({
        trip: CircuitBreaker.consecutive(1),
        classify: (exit) => {
          if (isBroken) throw oops
          return Exit.isSuccess(exit) ? "success" : "failure"
        }
      })).get("eu")
      yield* Effect.exit(CircuitBreaker.protect(fails, guard))
      yield* TestClock.adjust("60 seconds")
      isBroken = true
      const exit = yield* Effect.exit(CircuitBreaker.protect(works, guard))
      assert.deepStrictEqual(exit, Exit.die(oops))
      isBroken = false
      assert.strictEqual(yield* CircuitBreaker.protect(works, guard), "ok")
      assert.strictEqual(yield* guard.state, "closed")
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

  /** A store that lets calls through, or says nothing. */
  const silent = (answers: "never" | "only to calls") =>
    Layer.succeed(Persistence.CircuitBreakerStore)(
      Persistence.CircuitBreakerStore.of({
        admit: () =>
          answers === "never"
            ? Effect.never
            : Effect.succeed({ generation: 1, probe: false, consecutiveOpenings: 0, transition: undefined }),
        record: () => Effect.never,
        state: () => Effect.never
      })
    )

  const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.timed(Effect.exit(effect)), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      const [took, exit] = yield* Fiber.join(fiber)
      return [Duration.toMillis(took), exit] as const
    })

  it.effect("costs a call no more than storeTimeout before it is let through", () =>
    Effect.gen(function* () {
      const fleet = yield* make()
      assert.deepStrictEqual(yield* timed(CircuitBreaker.protect(works, fleet.get("eu"))), [1000, Exit.succeed("ok")])
      const strict = yield* CircuitBreaker.fleet({ name: "payments", onStoreError: "fail", storeTimeout: "50 millis" })
      for (const use of [CircuitBreaker.protect(works, strict.get("eu")), strict.get("eu").state]) {
        const [took, exit] = yield* timed(use)
        assert.strictEqual(took, 50)
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof CircuitBreaker.StoreUnavailable)
      }
    }).pipe(Effect.provide(silent("never")))
  )

  it.effect("gets the slot of a probe back when it lets a call through that nobody waits for any more", () =>
    Effect.gen(function* () {
      const recorded: Array<string> = []
      const slow = Persistence.CircuitBreakerStore.of({
        admit: () =>
          Effect.delay(
            Effect.succeed({ generation: 7, probe: true, consecutiveOpenings: 1, transition: undefined }),
            "3 seconds"
          ),
        record: ({ generation, outcome }) => Effect.sync(() => void recorded.push(`${generation} ${outcome}`)),
        state: () => Effect.never
      })
      const guard = (yield* make().pipe(Effect.provideService(Persistence.CircuitBreakerStore, slow))).get("eu")
      assert.deepStrictEqual(yield* timed(CircuitBreaker.protect(works, guard)), [1000, Exit.succeed("ok")])
      assert.deepStrictEqual(recorded, ["7 Ignored"])
    })
  )

  it.effect("costs a call no more than storeTimeout when its result is recorded, and never the result", () =>
    Effect.gen(function* () {
      const guard = (yield* make({ storeTimeout: "200 millis" })).get("eu")
      assert.deepStrictEqual(yield* timed(CircuitBreaker.protect(works, guard)), [200, Exit.succeed("ok")])
      assert.deepStrictEqual(yield* timed(CircuitBreaker.protect(Effect.fail("no"), guard)), [200, Exit.fail("no")])
    }).pipe(Effect.provide(silent("only to calls")))
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
    [{ halfOpen: { maxWait: 0 } }, "halfOpen.maxWait: must be a finite duration greater than 0 ms"],
    [{ storeTimeout: 0 }, "storeTimeout: must be a finite duration greater than 0 ms"],
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
    "B2 do not wait for a probe that hangs in a process that lives",
    () =>
      Effect.gen(function* () {
        const { port } = yield* redis
        const options = { openFor: "200 millis", halfOpen: { maxWait: "1 second" } } as const
        const member = Effect.map(make(options), (fleet) => fleet.get("hung"))
        const one = yield* Effect.provide(member, yield* connect(port))
        const other = yield* Effect.provide(member, yield* connect(port))
        yield* Effect.replicateEffect(Effect.exit(CircuitBreaker.protect(fails, one)), 2)
        yield* Effect.sleep("300 millis")
        const gate = yield* Deferred.make<string>()
        const probe = yield* Effect.forkChild(CircuitBreaker.protect(Deferred.await(gate), one), {
          startImmediately: true
        })
        const next = CircuitBreaker.protect(works, other)
        assert.strictEqual(yield* next.pipe(Effect.retry({ schedule: Schedule.spaced("100 millis") })), "ok")
        assert.strictEqual(yield* other.state, "closed")
        yield* Deferred.succeed(gate, "late")
        assert.strictEqual(yield* Fiber.join(probe), "late")
        assert.strictEqual(yield* other.state, "closed")
      }).pipe(Effect.provide(Logger.layer([]))),
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
        const [took, value] = yield* Effect.timed(CircuitBreaker.protect(works, allowing.get("eu")))
        assert.strictEqual(value, "ok")
        // Its client would keep the question for 5 seconds.
        assert.isBelow(Duration.toSeconds(took), 4)
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
