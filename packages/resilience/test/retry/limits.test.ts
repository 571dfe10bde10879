import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { Backoff, Deadline, Retry } from "@holdfast/resilience"
import { dependency } from "@holdfast/resilience/testing"
import { Duration, Effect, Exit, Fiber, Random, type Tracer } from "effect"
import { TestClock } from "effect/testing"
import { down, exitAfter, failure, isRunning } from "./helpers.ts"

describe("Retry limits", () => {
  it.effect("E7 gives up at 800 ms, not at 1200, when the next wait would not fit into 1 s", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const policy = Retry.make({
        attempts: 10,
        backoff: Backoff.constant("400 millis"),
        maxElapsed: "1 second",
        exhausted: "wrap"
      })
      const fiber = yield* Effect.forkChild(Effect.flip(dep.call.pipe(Retry.retry(policy))))
      yield* TestClock.adjust("799 millis")
      assert.isTrue(isRunning(fiber))
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual(dep.instants, [0, 400, 800])
      assert.strictEqual(error._tag === "RetriesExhausted" && error.limit, "elapsed")
    })
  )

  const hinted = (retryAfter: Duration.Input, policy: Retry.Retry) =>
    Effect.gen(function* () {
      const dep = yield* dependency({
        value: "up",
        failures: 1,
        failure: () => new Reasons.RateLimited({ retryAfter })
      })
      yield* exitAfter("1 hour", dep.call.pipe(Retry.retry(policy)))
      return dep.instants[1]
    })

  it.effect("E8 waits at least as long as the callee asked, at most as long as the hint may be", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ backoff: Backoff.constant("100 millis"), maxHint: "30 seconds" })
      assert.strictEqual(yield* hinted("5 seconds", policy), 5000)
      assert.strictEqual(yield* hinted("10 millis", policy), 100)
      assert.strictEqual(yield* hinted(-1, policy), 100)
      assert.strictEqual(yield* hinted("10 minutes", policy), 30_000)
    })
  )

  it.effect("E8 puts jitter on top of the hint, never below", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ backoff: Backoff.constant("100 millis", { jitter: "full" }) })
      const instants = new Set<number>()
      for (let seed = 0; seed < 20; seed++) {
        const at = yield* hinted("5 seconds", policy).pipe(Random.withSeed(seed))
        assert.isTrue(at! >= 5000 && at! < 5100)
        instants.add(at!)
      }
      assert.strictEqual(instants.size, 20)
    })
  )

  it.effect.each([
    [
      "which a longer wait of its own covers",
      Backoff.constant("10 seconds", { jitter: { plusMinus: 0.1 } }),
      9000,
      11_000
    ],
    [
      "and no longer than the cap",
      Backoff.exponential("20 seconds", { jitter: "equal", cap: "20 seconds" }),
      10_000,
      20_000
    ],
    ["and only chance beside it", Backoff.constant("4 seconds", { jitter: { plusMinus: 0.25 } }), 5000, 7000],
    ["and only chance beside it", Backoff.constant("4 seconds", { jitter: "equal" }), 5000, 7000],
    ["and only chance beside it", Backoff.constant("4 seconds", { jitter: { upTo: "1 second" } }), 5000, 6000],
    ["and only chance beside it", Backoff.decorrelated("2 seconds", { version: 1 }), 5000, 8000]
  ] as const)("E8 waits for a hint of 5 s, %s", ([, backoff, least, most]) =>
    Effect.gen(function* () {
      const waits: Array<number> = []
      for (let seed = 0; seed < 100; seed++) {
        waits.push((yield* hinted("5 seconds", Retry.make({ backoff })).pipe(Random.withSeed(seed)))!)
      }
      const [first, last] = [Math.min(...waits), Math.max(...waits)]
      const slack = (most - least) / 5
      assert.isTrue(first >= least && first < least + slack, `the shortest is ${first}`)
      assert.isTrue(last <= most && last > most - slack, `the longest is ${last}`)
    })
  )

  it.effect("E8 waits no shorter because of a hint of a time that has passed, jittered or not", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ backoff: Backoff.constant("1 second", { jitter: "equal" }) })
      const hint = (retryAfter: Duration.Input) => hinted(retryAfter, policy).pipe(Random.withSeed("hint"))
      const plain = yield* hint(0)
      assert.isTrue(plain! >= 500)
      assert.approximately((yield* hint(-400))!, plain!, 0.001)
    })
  )

  const open = () =>
    Failure.stackless(Reasons.CircuitOpen, { circuit: "db", state: "open", retryAfter: Duration.seconds(30) })

  const refused = (options: Retry.Options<unknown, never, "original">) =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: 1, failures: 1, failure: open })
      yield* exitAfter("1 hour", dep.call.pipe(Retry.retry({ backoff: Backoff.none, maxHint: 0, ...options })))
      return dep.instants
    })

  it.effect("L6 gives the rejection of an open circuit to the caller at once, however much time there is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refused({}), [0])
      assert.deepStrictEqual(yield* refused({ maxElapsed: "1 hour" }), [0])
      assert.deepStrictEqual(yield* refused({}).pipe(Deadline.within("2 hours")), [0])
    })
  )

  it.effect("has openCircuit say what becomes of a rejection, whatever when wants, and when where it does not", () =>
    Effect.gen(function* () {
      const [never, always] = [() => false, () => true]
      const maxElapsed = "1 hour"
      assert.deepStrictEqual(yield* refused({ maxElapsed, when: never, openCircuit: "wait" }), [0, 30_000])
      assert.deepStrictEqual(yield* refused({ maxElapsed, when: always, openCircuit: "fail" }), [0])
      assert.deepStrictEqual(yield* refused({ when: ["CircuitOpen"] }), [0, 30_000])
    })
  )

  it.effect("does not wait for an open circuit when nothing limits the wait", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refused({ openCircuit: "wait" }), [0])
    })
  )

  it.effect("does not retry a rejection that does not know when to come back, such as that of an operator", () =>
    Effect.gen(function* () {
      const isolated = () => Failure.stackless(Reasons.CircuitOpen, { circuit: "db", state: "isolated" })
      const dep = yield* dependency({ value: 1, failures: 1, failure: isolated })
      yield* Effect.flip(
        dep.call.pipe(Retry.retry({ backoff: Backoff.none, maxElapsed: "1 hour", openCircuit: "wait" }))
      )
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect(
    "waits out an open circuit, if asked to, when its retryAfter fits, and gives up at once when it does not",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* refused({ openCircuit: "wait", maxElapsed: "31 seconds" }), [0, 30_000])
        assert.deepStrictEqual(yield* refused({ openCircuit: "wait", maxElapsed: "30 seconds" }), [0])
      })
  )
})

describe("what Retry reports", () => {
  it.effect("tells the hook which attempt failed, why, and how long it waits", () =>
    Effect.gen(function* () {
      const seen: Array<readonly [number, number, string]> = []
      const dep = yield* dependency({ value: "up", failures: 3, failure })
      const policy = Retry.make({
        attempts: 4,
        backoff: Backoff.linear("100 millis"),
        onRetry: ({ attempt, delay, failure }: Retry.Attempt<Reasons.NetworkError>) =>
          Effect.sync(() => seen.push([attempt, Duration.toMillis(delay), failure._tag]))
      })
      assert.deepStrictEqual(yield* exitAfter("600 millis", dep.call.pipe(Retry.retry(policy))), Exit.succeed("up"))
      assert.deepStrictEqual(seen, [
        [1, 100, "NetworkError"],
        [2, 200, "NetworkError"],
        [3, 300, "NetworkError"]
      ])
    })
  )

  it.effect("leaves an event per failed attempt only when it was worth retrying", () =>
    Effect.gen(function* () {
      const countOf = (dep: { readonly call: Effect.Effect<unknown, unknown> }) => {
        const events: Array<string> = []
        return Effect.currentSpan.pipe(
          Effect.tap((span) => Effect.sync(() => (span.event = (name) => void events.push(name)))),
          Effect.andThen(Effect.exit(Retry.retry(dep.call, Retry.make({ backoff: Backoff.none })))),
          Effect.withSpan("charge"),
          Effect.map(() => events.length)
        )
      }
      assert.strictEqual(yield* countOf(yield* down()), 3)
      assert.strictEqual(yield* countOf(yield* dependency({ value: 1, failures: 2, failure })), 2)
      assert.strictEqual(yield* countOf({ call: new Reasons.NotFound({}) }), 0)
    })
  )

  it.effect("leaves events and the number of attempts on the span", () =>
    Effect.gen(function* () {
      let span: Tracer.Span | undefined
      const events: Array<readonly [string, bigint, unknown]> = []
      const dep = yield* down()
      const policy = Retry.make({ attempts: 3, backoff: Backoff.linear("350 millis") })
      yield* exitAfter(
        "2 seconds",
        Effect.currentSpan.pipe(
          Effect.tap((current) =>
            Effect.sync(() => {
              span = current
              span.event = (name, time, attributes) => void events.push([name, time, attributes])
            })
          ),
          Effect.andThen(dep.call.pipe(Retry.retry(policy))),
          Effect.withSpan("charge")
        )
      )
      assert.deepStrictEqual(events, [
        [
          "resilience.retry.attempt_failed",
          0n,
          { "resilience.retry.attempt": 1, "error.type": "sys.network_error", "resilience.retry.delay": 0.35 }
        ],
        [
          "resilience.retry.attempt_failed",
          350_000_000n,
          { "resilience.retry.attempt": 2, "error.type": "sys.network_error", "resilience.retry.delay": 0.7 }
        ],
        [
          "resilience.retry.attempt_failed",
          1_050_000_000n,
          { "resilience.retry.attempt": 3, "error.type": "sys.network_error" }
        ]
      ])
      assert.strictEqual(span?.attributes.get("resilience.retry.attempts"), 3)
    })
  )
})
