import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Deadline, Policy, type Timeout } from "@holdfast/resilience"
import { dependency, recorded, type Script } from "@holdfast/resilience/testing"
import { type Cause, Clock, Effect, Exit, Fiber, Logger, Metric, Option, Random, Schedule } from "effect"
import * as fc from "fast-check"
import { TestClock } from "effect/testing"
import { sleepers } from "../sleepers.ts"
import type { Compiled } from "../../src/policy/stage.ts"
import { nest } from "../../src/policy/run.ts"

const failure = () => new Reasons.NetworkError({})

const usual = {
  timeout: "10 seconds",
  retry: { attempts: 3, backoff: Backoff.constant("1 second") },
  circuitBreaker: { trip: CircuitBreaker.consecutive(5), openFor: "30 seconds" },
  attemptTimeout: "2 seconds"
} as const satisfies Policy.Options

/** The same stages under each other, which only the recommended order is spared. */
const parts = (options: Policy.Options) => [
  ...(options.timeout === undefined ? [] : [Policy.timeout(options.timeout)]),
  ...(options.retry === undefined ? [] : [Policy.retry(options.retry)]),
  ...(options.circuitBreaker === undefined ? [] : [Policy.circuitBreaker(options.circuitBreaker)]),
  ...(options.attemptTimeout === undefined ? [] : [Policy.timeout(options.attemptTimeout)])
]

/** Runs it while the clock goes on, and gives what came of it, and when. */
const observed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.exit(effect).pipe(
      Effect.flatMap((exit) => Effect.map(Clock.currentTimeMillis, (now) => [exit, now - startedAt] as const)),
      Effect.forkChild
    )
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.join(fiber)
  })

/** The same, with what the policies told. */
const told = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const [all, at] = yield* observed(recorded(effect))
    return { ...(yield* all), at }
  })

const failureOf = <E>(exit: Exit.Exit<unknown, E>): E =>
  (Exit.isFailure(exit) ? (exit.cause.reasons[0] as Cause.Fail<E>).error : assert.fail("it succeeded")) as E

describe("a pipeline", () => {
  it.effect("prints itself, outermost first", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        String(yield* Policy.make("payments", usual)),
        "payments: Timeout(10s) → Retry(3 attempts, constant 1s up to 1d) → CircuitBreaker(5 failures in a row, open 30s) → Timeout(2s)"
      )
      assert.strictEqual(
        String(yield* Policy.ordered("reports", [Policy.circuitBreaker({}), Policy.retry({ attempts: 2 })])),
        "reports: CircuitBreaker(5 failures in a row, open 1m) → Retry(2 attempts, exponential 100ms full jitter up to 20s)"
      )
      assert.strictEqual(
        String(
          yield* Policy.make("slow start", {
            retry: { backoff: Backoff.listed(["1 second", "5 seconds"]) },
            circuitBreaker: { openFor: Schedule.exponential("1 second") }
          })
        ),
        "slow start: Retry(3 attempts, 1s, 5s) → CircuitBreaker(5 failures in a row, open 1s, 2s, 4s, …)"
      )
    })
  )

  it.effect("describes its stages for tests and documentation", () =>
    Effect.gen(function* () {
      const { stages } = yield* Policy.make("payments", Policy.http)
      assert.deepStrictEqual(
        stages.map(({ kind, options, place }) => [place, kind, options]),
        [
          ["timeout", "timeout", "30 seconds"],
          ["retry", "retry", Policy.http.retry],
          ["circuitBreaker", "circuitBreaker", Policy.http.circuitBreaker],
          ["attemptTimeout", "timeout", "10 seconds"]
        ]
      )
    })
  )

  it.effect("retries, counts every attempt in its circuit, and limits each attempt", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("payments", usual)
      const dep = yield* dependency({
        value: "paid",
        steps: [Effect.never, Effect.fail(failure())] as ReadonlyArray<Effect.Effect<string, Reasons.NetworkError>>
      })
      const [exit, at] = yield* observed(Policy.protect(dep.call, policy))
      assert.deepStrictEqual([exit, at], [Exit.succeed("paid"), 4000])
      assert.deepStrictEqual(dep.instants, [0, 3000, 4000])
      const down = yield* dependency<string, Reasons.NetworkError>({ value: "", failures: Infinity, failure })
      yield* observed(Policy.protect(down.call, policy))
      yield* observed(Policy.protect(down.call, policy))
      assert.strictEqual(down.calls, 5)
      assert.strictEqual(yield* policy.circuitBreaker!.state, "half_open")
    })
  )

  it.effect("ends at its total time as its own timeout, and blames nobody inside for it", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("payments", {
        ...usual,
        timeout: { after: "5 seconds", operation: "pay" },
        circuitBreaker: { trip: CircuitBreaker.consecutive(3) }
      })
      const [exit, at] = yield* observed(Policy.protect(Effect.never, policy))
      assert.strictEqual(at, 5000)
      assert.strictEqual(String(failureOf(exit).message), "timeout error: pay after 5s")
      const rules = (yield* policy.circuitBreaker!.health).rules[0]
      assert.strictEqual(rules?.failures, 1)
    })
  )

  it.effect("leaves finalizers behind at its total time if it is told to", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("payments", {
        timeout: { after: "1 second", disconnect: true },
        retry: {},
        attemptTimeout: "500 millis"
      })
      const work = Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds"))
      assert.strictEqual((yield* observed(Policy.protect(work, policy)))[1], 1000)
    })
  )

  it.effect("leaves it to a deadline around it that is as soon to be named", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("payments", { timeout: "1 second", retry: {} })
      const deadline = Number(yield* Clock.monotonicTimeNanos) / 1e6 + 1000
      const call = Policy.protect(Effect.never, policy).pipe(Effect.provideService(Deadline.Deadline, deadline))
      const [exit, at] = yield* observed(call)
      assert.deepStrictEqual([failureOf(exit)._tag, at], ["Timeout", 1000])
    })
  )

  it.effect("does not begin a wait that its total time would cut", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("payments", {
        timeout: "2500 millis",
        retry: { attempts: 10, backoff: Backoff.constant("1 second"), exhausted: "wrap" }
      })
      const [exit, at] = yield* observed(Policy.protect(failure(), policy))
      const error = failureOf(exit)
      assert.strictEqual(at, 2000)
      assert.strictEqual(error._tag === "RetriesExhausted" && error.limit, "deadline")
    })
  )

  it.effect("lets everything inside know its deadline, and keeps a sooner one around it", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("payments", usual)
      const left = Effect.map(Deadline.remaining, Option.map(String))
      assert.deepStrictEqual(yield* Policy.protect(left, policy), Option.some("10000 millis"))
      const inner = Policy.protect(left, policy).pipe(Deadline.within("1 second"))
      assert.deepStrictEqual(yield* inner, Option.some("1000 millis"))
    })
  )
})

it.effect.each([
  ["http", Policy.http, 100],
  ["database", Policy.database, 5]
] as ReadonlyArray<readonly [string, Policy.Options, number]>)(
  "L6 the preset %s rejects every caller at once while its circuit is open",
  ([name, preset, failures]) =>
    Effect.gen(function* () {
      const policy = yield* Policy.make(name, preset)
      const dep = yield* dependency({ value: 1, failures: Infinity, failure })
      const call = Policy.protect(dep.call, policy)
      const callers = Array.from({ length: failures }, () => call)
      yield* Effect.forkChild(Effect.all(callers, { concurrency: "unbounded", mode: "result" }))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* policy.circuitBreaker!.state, "open")
      const before = dep.calls
      for (let i = 0; i < 100; i++) {
        const startedAt = yield* Clock.currentTimeMillis
        const error = yield* Effect.flip(call)
        assert.deepStrictEqual([error._tag, (yield* Clock.currentTimeMillis) - startedAt], ["CircuitOpen", 0])
      }
      assert.strictEqual(dep.calls, before)
    })
)

it.effect("a pipeline without a total time obeys the deadline around it", () =>
  Effect.gen(function* () {
    yield* TestClock.adjust("1 hour")
    const policy = yield* Policy.make("payments", { retry: { attempts: 9 }, attemptTimeout: "2 seconds" })
    const [, at] = yield* observed(Policy.protect(Effect.never, policy).pipe(Deadline.within("1 second")))
    assert.strictEqual(at, 1000)
    const inner = Policy.protect(Effect.never, policy).pipe(
      Effect.catchTag("DeadlineExceeded", (e) => Effect.fail(e.message))
    )
    const deadline = Number(yield* Clock.monotonicTimeNanos) / 1e6 + 1000
    const [exit] = yield* observed(inner.pipe(Effect.provideService(Deadline.Deadline, deadline)))
    assert.strictEqual(String(failureOf(exit)), "deadline exceeded: no answer after 1s")
  })
)

it.effect("L14 a pipeline that measures records every attempt and the whole call, in seconds", () =>
  Effect.gen(function* () {
    const policy = yield* Policy.make("measured", {
      retry: { attempts: 3, backoff: Backoff.constant("1 second") },
      measure: true
    })
    const dep = yield* dependency({ value: "paid", failures: 2, failure, latency: "350 millis" })
    yield* observed(Policy.protect(dep.call, policy))
    const durations = Effect.map(Metric.snapshot, (all) =>
      all.filter(({ attributes, id }) => id.endsWith("duration") && attributes?.["name"] === "measured")
    )
    const series = yield* durations
    const points = series.map(({ attributes, id, state }) => {
      const { count, sum } = state as Metric.HistogramState
      return [id, attributes?.["attempt.number"], attributes?.["outcome"], count, sum]
    })
    assert.sameDeepMembers(points, [
      ["resilience.policy.attempt.duration", "0", "failure", 1, 0.35],
      ["resilience.policy.attempt.duration", "1", "failure", 1, 0.35],
      ["resilience.policy.attempt.duration", "2", "success", 1, 0.35],
      ["resilience.policy.duration", undefined, "success", 1, 3.05]
    ])
    yield* policy.reconfigure({ retry: {}, measure: false })
    yield* Policy.protect(Effect.void, policy)
    yield* policy.reconfigure({ retry: {} })
    yield* Policy.protect(Effect.void, policy)
    assert.deepStrictEqual(yield* durations, series)
    yield* policy.reconfigure({ retry: {}, measure: true })
    yield* policy.reconfigure({ retry: {} })
    yield* Policy.protect(Effect.void, policy)
    assert.notDeepEqual(yield* durations, series)
  })
)

describe("the fused stack and the same stages around each other", () => {
  const always = () => true
  const everyFailure = (exit: Exit.Exit<unknown, unknown>) => (Exit.isSuccess(exit) ? "success" : "failure")

  const script = fc.record({
    steps: fc.array(
      fc.tuple(
        fc.constantFrom("ok", "fail", "refuse", "die"),
        // Nothing, a turn of the scheduler, and instants that are those of a limit.
        fc.constantFrom(0, -1, 500, 1999, 3000, 4000, 9000, 60_000),
        // How long its finalizer takes when it is stopped, or that it cannot be stopped.
        fc.constantFrom(0, 0, 700, 2000, 7000, 30_000, -1)
      ),
      {
        maxLength: 8
      }
    ),
    timeout: fc.option(fc.constantFrom("4 seconds", "9 seconds"), { nil: undefined }),
    retry: fc.option(
      fc.record({
        attempts: fc.integer({ min: 1, max: 4 }),
        backoff: fc.constantFrom(Backoff.none, Backoff.constant("1 second"), Backoff.linear("700 millis")),
        exhausted: fc.constantFrom("original" as const, "wrap" as const),
        when: fc.constantFrom(undefined, always),
        openCircuit: fc.constantFrom(undefined, "wait" as const)
      }),
      { nil: undefined }
    ),
    circuitBreaker: fc.option(
      fc
        .record({ failures: fc.integer({ min: 1, max: 3 }), classify: fc.constantFrom(undefined, everyFailure) })
        .map(({ classify, failures }) => ({
          trip: CircuitBreaker.consecutive(failures),
          openFor: "5 seconds" as const,
          classify
        })),
      { nil: undefined }
    ),
    // What is left to the caller, who may have used it up already. No less than a first attempt may take: nested timers that
    // end at one instant would fire from the inside.
    deadline: fc.option(fc.constantFrom(0, 3500, 9000), { nil: undefined }),
    attemptTimeout: fc.option(fc.constantFrom("2 seconds", "3 seconds"), { nil: undefined })
  })

  it.effect.each([300, 100])(
    "leave an attempt to the total that is over before its finalizer of %i ms is",
    (finalizer) =>
      Effect.gen(function* () {
        const options = {
          timeout: 200,
          retry: { attempts: 2, backoff: Backoff.none, exhausted: "wrap" },
          circuitBreaker: { trip: CircuitBreaker.consecutive(1) },
          attemptTimeout: 100
        } as const
        for (const make of [
          Policy.make("same", options),
          Policy.ordered("same", parts(options)).pipe(Effect.map(unfused))
        ]) {
          const policy = yield* make
          const hung = Effect.never.pipe(Effect.onInterrupt(() => Effect.sleep(finalizer)))
          const { at, events, exit } = yield* told(Policy.protect(hung, policy))
          const { message } = failureOf(exit) as Reasons.Timeout
          assert.deepStrictEqual([message, at], ["timeout error: no answer after 200ms", 100 + finalizer])
          assert.deepStrictEqual(
            events.map(({ _tag }) => _tag),
            ["TimedOut"]
          )
          assert.strictEqual(yield* policy.circuitBreaker!.state, "closed")
        }
      })
  )

  it.effect.each([
    ["fails", Effect.fail(new Reasons.NotFound({}))],
    ["succeeds", Effect.succeed("ok")],
    ["dies", Effect.die("bug")]
  ] as ReadonlyArray<readonly [string, Effect.Effect<string, Reasons.NotFound>]>)(
    "name the total that was over when an attempt that cannot be interrupted %s",
    ([, end]) =>
      Effect.gen(function* () {
        const options = {
          timeout: "1 second",
          retry: { attempts: 2, backoff: Backoff.none },
          attemptTimeout: "900 millis"
        } as const
        for (const make of [
          Policy.make("same", options),
          Policy.ordered("same", parts(options)).pipe(Effect.map(unfused))
        ]) {
          const dep = yield* dependency<string, Reasons.NetworkError | Reasons.NotFound>({
            value: "after",
            steps: [
              Effect.andThen(Effect.sleep(500), Effect.fail(failure())),
              Effect.uninterruptible(Effect.andThen(Effect.sleep(1500), end))
            ]
          })
          const [exit, at] = yield* observed(Policy.protect(dep.call, yield* make))
          assert.deepStrictEqual([at, ...dep.instants], [2000, 0, 500])
          assert.strictEqual((failureOf(exit) as Reasons.Timeout).message, "timeout error: no answer after 1s")
        }
      })
  )

  it.effect("leave no timer running, whether an attempt waits or not", () =>
    Effect.gen(function* () {
      const sleeping = yield* sleepers
      const options = { timeout: "1 minute", retry: { attempts: 3, backoff: Backoff.none } } as const
      const policy = yield* Policy.make("same", options)
      const fails = Effect.fail(failure())
      const steps = [Effect.andThen(Effect.sleep("1 second"), fails), fails, Effect.succeed("ok")]
      const dep = yield* dependency({ value: "after", steps })
      const call = yield* Policy.protect(dep.call, policy).pipe(
        Effect.provideService(Clock.Clock, sleeping.clock),
        Effect.forkChild({ startImmediately: true })
      )
      assert.strictEqual(sleeping.now, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(call), "ok")
      assert.strictEqual(sleeping.now, 0)
    })
  )

  it.effect("name the total when an attempt ends at the very instant of it, and blame nobody inside", () =>
    Effect.gen(function* () {
      const options = {
        timeout: "9 seconds",
        retry: { attempts: 3, backoff: Backoff.none },
        circuitBreaker: { trip: CircuitBreaker.consecutive(3) },
        attemptTimeout: "3 seconds"
      } as const
      for (const last of ["3 seconds", "60 seconds"] as const) {
        for (const make of [
          Policy.make("same", options),
          Policy.ordered("same", parts(options)).pipe(Effect.map(unfused))
        ]) {
          const policy = yield* make
          const dep = yield* dependency({
            value: "after",
            steps: [Effect.sleep("60 seconds"), Effect.sleep("60 seconds"), Effect.sleep(last)].map(Effect.as("ok"))
          })
          const [exit, at] = yield* observed(Policy.protect(dep.call, policy))
          assert.deepStrictEqual([at, ...dep.instants], [9000, 0, 3000, 6000])
          assert.strictEqual((failureOf(exit) as Reasons.Timeout).message, "timeout error: no answer after 9s")
          assert.strictEqual((yield* policy.circuitBreaker!.health).rules[0]?.failures, 2)
        }
      }
    })
  )

  it.effect(
    "have the total end an attempt as an interruption, which is no failure to anybody inside, and is told once",
    () =>
      Effect.gen(function* () {
        const judged: Array<unknown> = []
        const judge = (judgement: unknown) => (judged.push(judgement), true)
        const options = {
          timeout: "1 second",
          retry: { attempts: 3, backoff: Backoff.none, exhausted: "wrap", when: judge },
          circuitBreaker: {
            trip: CircuitBreaker.consecutive(1),
            classify: (exit: Exit.Exit<unknown, unknown>): CircuitBreaker.Outcome => (judge(exit), "failure")
          }
        } as const
        for (const make of [
          Policy.make("same", options),
          Policy.ordered("same", parts(options)).pipe(Effect.map(unfused))
        ]) {
          const policy = yield* make
          const { events, exit } = yield* told(Policy.protect(Effect.never, policy))
          assert.strictEqual((failureOf(exit) as Reasons.Timeout).message, "timeout error: no answer after 1s")
          assert.deepStrictEqual(
            events.map((event) => (event._tag === "TimedOut" ? event.limit : event._tag)),
            ["timeout"]
          )
          assert.deepStrictEqual(judged, [])
          assert.strictEqual(yield* policy.circuitBreaker!.state, "closed")
        }
      })
  )

  it.effect.each([
    ["after a turn of the scheduler", Effect.yieldNow, "timeout error: no answer after 4s"],
    ["after nothing", Effect.void, "ok"]
  ] as ReadonlyArray<readonly [string, Effect.Effect<void>, string]>)(
    "end a retry %s, whose attempt ends at the very instant of the total, alike",
    ([, pause, outcome]) =>
      Effect.gen(function* () {
        const options = { timeout: "4 seconds", retry: { attempts: 3, backoff: Backoff.none } } as const
        for (const make of [
          Policy.make("same", options),
          Policy.ordered("same", parts(options)).pipe(Effect.map(unfused))
        ]) {
          const dep = yield* dependency({
            value: "after",
            steps: [Effect.andThen(pause, Effect.fail(failure())), Effect.as(Effect.sleep("4 seconds"), "ok")]
          })
          const [exit, at] = yield* observed(Policy.protect(dep.call, yield* make))
          const what = Exit.isSuccess(exit) ? exit.value : (failureOf(exit) as Reasons.Timeout).message
          assert.deepStrictEqual([what, at, ...dep.instants], [outcome, 4000, 0, 0])
        }
      })
  )

  it.effect(
    "end alike, at the same instant, after the same calls, with the same circuit, and tell the same",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(script, ({ deadline, steps, ...options }) => {
            const stages = parts(options as Policy.Options)
            if (stages.length === 0) return Promise.resolve()
            const world = (make: Effect.Effect<Policy.Policy<unknown>, unknown>) =>
              Effect.gen(function* () {
                const policy = yield* make
                const effects = steps.map(([kind, time, finalizer]) => {
                  const end: Effect.Effect<string, Reasons.NetworkError | Reasons.NotFound> =
                    kind === "ok"
                      ? Effect.succeed("ok")
                      : kind === "die"
                        ? Effect.die("bug")
                        : Effect.fail(kind === "fail" ? failure() : new Reasons.NotFound({}))
                  if (time === 0) return end
                  const isHeld = finalizer < 0
                  // What outlasts its own limit ends at no instant of the total, which a nested timer would be told of too late.
                  const millis = isHeld ? time + 1 : time
                  const step = Effect.andThen(time < 0 ? Effect.yieldNow : Effect.sleep(millis), end)
                  if (isHeld) return Effect.uninterruptible(step)
                  return finalizer === 0 ? step : Effect.onInterrupt(step, () => Effect.sleep(finalizer))
                })
                const seen: Array<unknown> = []
                const dep = yield* dependency<string, Reasons.NetworkError | Reasons.NotFound>({
                  value: "after",
                  steps: effects
                } satisfies Script<string, Reasons.NetworkError | Reasons.NotFound>)
                for (let call = 0; call < 3; call++) {
                  const asked = Policy.protect(dep.call, policy)
                  const endsAt = deadline === undefined ? undefined : (yield* Clock.currentTimeMillis) + deadline
                  const { events, exit, at } = yield* told(Effect.provideService(asked, Deadline.Deadline, endsAt))
                  const what = Exit.isSuccess(exit)
                    ? exit.value
                    : exit.cause.reasons.map((r) =>
                        r._tag === "Fail" ? `${r.error} ${Object.keys(r.error as object)}` : r._tag
                      )
                  seen.push([what, at, events, yield* policy.circuitBreaker?.health ?? Effect.succeed(undefined)])
                }
                return [seen, dep.instants]
              }).pipe(Effect.provide([TestClock.layer(), Logger.layer([])]))
            return Effect.gen(function* () {
              const fused = yield* world(Policy.make("same", options as Policy.Options))
              const nested = yield* world(Policy.ordered("same", stages).pipe(Effect.map(unfused)))
              assert.deepStrictEqual(fused, nested)
            }).pipe(Effect.runPromise)
          }),
          {
            numRuns: 200,
            examples: [
              [
                {
                  // A wait between two attempts, and the second one ends at the very instant of the total.
                  steps: [
                    ["fail", 0, 0],
                    ["ok", 3000, 0]
                  ],
                  timeout: "4 seconds",
                  retry: {
                    attempts: 2,
                    backoff: Backoff.constant("1 second"),
                    exhausted: "original",
                    when: undefined,
                    openCircuit: undefined
                  },
                  circuitBreaker: undefined,
                  attemptTimeout: undefined,
                  deadline: undefined
                }
              ],
              [
                {
                  // What the total could not interrupt fails after it: to the circuit it has failed, to the retry it was stopped.
                  steps: [["fail", 9000, -1]],
                  timeout: "4 seconds",
                  retry: {
                    attempts: 2,
                    backoff: Backoff.none,
                    exhausted: "original",
                    when: undefined,
                    openCircuit: undefined
                  },
                  circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: "5 seconds", classify: undefined },
                  attemptTimeout: undefined,
                  deadline: undefined
                }
              ],
              [
                {
                  // The last attempt is left exactly what it was promised.
                  steps: [
                    ["ok", 4000, 0],
                    ["ok", 9000, 0]
                  ],
                  timeout: undefined,
                  retry: {
                    attempts: 3,
                    backoff: Backoff.none,
                    exhausted: "original",
                    when: undefined,
                    openCircuit: undefined
                  },
                  circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: "5 seconds", classify: undefined },
                  attemptTimeout: "2 seconds",
                  deadline: 9000
                }
              ]
            ]
          }
        )
      ),
    60_000
  )
})

describe("ten thousand interrupted calls", () => {
  it.effect("leave nothing behind", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.make("fuzzed", {
        ...usual,
        circuitBreaker: { trip: CircuitBreaker.consecutive(3), openFor: 20, halfOpen: { concurrent: 3, outOf: 6 } },
        retry: { attempts: 5, backoff: Backoff.constant(3) },
        attemptTimeout: 7
      })
      let running = 0
      const call = Effect.gen(function* () {
        running++
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 10))
        if (yield* Random.nextBoolean) return yield* failure()
      }).pipe(Effect.ensuring(Effect.sync(() => void running--)), Policy.protect(policy))
      for (let round = 0; round < 100; round++) {
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(call))
        yield* TestClock.adjust(yield* Random.nextIntBetween(0, 30))
        yield* Fiber.interruptAll(fibers)
        assert.strictEqual(running, 0)
      }
      yield* TestClock.adjust("1 minute")
      yield* Effect.void.pipe(Policy.protect(policy), Effect.replicateEffect(2))
      assert.strictEqual(yield* policy.circuitBreaker!.state, "closed")
    })
  )
})

describe("types", () => {
  const self = Effect.succeed(1) as Effect.Effect<number, Reasons.NotFound, "needs">

  it("say which failures the stages add", () => {
    const full = Effect.runSync(Policy.make("a", usual))
    expectTypeOf(Policy.protect(self, full)).toEqualTypeOf<
      Effect.Effect<number, Reasons.NotFound | Timeout.TimedOut | Reasons.CircuitOpen, "needs">
    >()
    const retrying = Effect.runSync(Policy.make("a", { retry: { attempts: 2 } }))
    expectTypeOf(self.pipe(Policy.protect(retrying))).toEqualTypeOf<typeof self>()
    const wrapping = Effect.runSync(Policy.make("a", { retry: { exhausted: "wrap" } }))
    expectTypeOf(self.pipe(Policy.protect(wrapping))).toEqualTypeOf<
      Effect.Effect<number, Reasons.NotFound | Reasons.RetriesExhausted, "needs">
    >()
    const own = Effect.runSync(Policy.ordered("a", [Policy.circuitBreaker({}), Policy.retry({})]))
    expectTypeOf(self.pipe(Policy.protect(own))).toEqualTypeOf<
      Effect.Effect<number, Reasons.NotFound | Reasons.CircuitOpen, "needs">
    >()
    // A stage that is there only at times may fail all the same.
    const at = (time: "1 second" | undefined) => ({ timeout: time, retry: { exhausted: "wrap" } }) as const
    const sometimes = Effect.runSync(Policy.make("a", at("1 second")))
    expectTypeOf(Policy.protect(self, sometimes)).toEqualTypeOf<
      Effect.Effect<number, Reasons.NotFound | Timeout.TimedOut | Reasons.RetriesExhausted, "needs">
    >()
    const options: Policy.Options = usual
    const any = Effect.runSync(Policy.make("a", options))
    expectTypeOf(Policy.protect(self, any)).toEqualTypeOf<
      Effect.Effect<
        number,
        Reasons.NotFound | Timeout.TimedOut | Reasons.CircuitOpen | Reasons.RetriesExhausted,
        "needs"
      >
    >()
    const answers = (value: "none" | undefined) => ({ fallback: value && { value }, timeout: 1 }) as const
    const answering = Effect.runSync(Policy.make("a", answers("none")))
    expectTypeOf(Policy.protect(self, answering)).toEqualTypeOf<
      Effect.Effect<number | "none", Reasons.NotFound | Timeout.TimedOut, "needs">
    >()
    class Payments extends Policy.Service<Payments>()("test/policy/Payments", { timeout: 1 }) {}
    expectTypeOf(self.pipe(Payments.protect)).toEqualTypeOf<
      Effect.Effect<number, Reasons.NotFound | Timeout.TimedOut, "needs" | Payments>
    >()
  })
})

/** The pipeline with its stages as separate policies: what the fused one must be equal to. */
const unfused = <X>(policy: Policy.Policy<X>): Policy.Policy<X> => {
  const stages = policy.stages as ReadonlyArray<Compiled>
  return Object.assign(policy, { protect: nest(stages, policy.circuitBreaker) })
}
