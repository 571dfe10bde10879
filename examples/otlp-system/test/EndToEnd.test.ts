/** The end-to-end acceptance script of the seed, step by step, on a virtual clock with a scripted collector. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Classifier, Report } from "@holdfast/core"
import { Cause, Effect, Exit, Fiber, FileSystem, Metric, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Configuration from "../src/configuration.ts"
import { StillSpooled } from "../src/failures.ts"
import { batch, invalid, scenario, type Span, unavailable } from "./scripted.ts"

const names = (calls: ReadonlyArray<{ readonly name: string }>): ReadonlyArray<string> => calls.map(({ name }) => name)

const metric = (id: string) =>
  Effect.map(Metric.snapshot, (all) =>
    all
      .filter((snapshot) => snapshot.id === id)
      .reduce((sum, snapshot) => sum + Number((snapshot.state as { readonly count: number | bigint }).count), 0)
  )

/** Lets an export run to its end, however long it waits. */
const settle = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

describe("step 1: a system that cannot be initialized", () => {
  const table = [
    ["a missing file", undefined, "conf.file_missing", /there is no file .*none\.toml/],
    ["a malformed file", "endpoint = [", "conf.parse_error", /otlp\.toml:1:\d+ cannot be parsed/],
    ["an empty endpoint", 'endpoint = ""', "conf.missing_field", /otlp\.toml: endpoint/]
  ] as const
  it.effect.each(table)("says why, down from the program to the line: %s", ([, text, code, last]) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const file = text === undefined ? `${directory}/none.toml` : `${directory}/otlp.toml`
      if (text !== undefined) yield* fs.writeFileString(file, text)
      const exit = yield* Effect.exit(Configuration.load({ file, endpoint: Option.none() }))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      const report = Report.fromCause(cause)
      assert.strictEqual(report.identity.code, code)
      const [first, second, third] = Report.chain(report).split("\n")
      assert.strictEqual(first, "Error: Failed to initialize OTLP system")
      assert.strictEqual(second, "  Caused by: Failed to initialize configuration")
      assert.match(third!, last)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))
  )
})

describe("step 2: a collector that is unavailable twice", () => {
  it.effect("is called a third time, after waits of 100–199 ms and 200–299 ms, and takes the batch", () =>
    scenario(({ collector, system }) =>
      Effect.gen(function* () {
        const errors = yield* metric("errors.total")
        collector.answer = (call) => (call <= 2 ? unavailable() : "ok")
        const outcome = yield* settle(system.export(batch("a")))
        assert.deepStrictEqual(outcome, { _tag: "Delivered", attempts: 3 })
        const [first, second, third] = collector.calls.map(({ at }) => at)
        assert.strictEqual(first, 0)
        assert.isAtLeast(second! - first!, 100)
        assert.isBelow(second! - first!, 200)
        assert.isAtLeast(third! - second!, 200)
        assert.isBelow(third! - second!, 300)
        const summary = yield* system.summary
        assert.deepInclude(summary, { attempts: 3, failedAttempts: 2, deliveredAfterRetry: 10 })
        assert.strictEqual(yield* metric("errors.total"), errors)
      })
    )
  )
})

describe("a collector that asks for a pause", () => {
  it.effect("is left alone for as long as it asks, and a little longer", () =>
    scenario(({ collector, system }) =>
      Effect.gen(function* () {
        collector.answer = (call) => (call === 1 ? unavailable("2 seconds") : "ok")
        const fiber = yield* Effect.forkChild(system.export(batch("a")), { startImmediately: true })
        yield* TestClock.adjust(1999)
        assert.strictEqual(collector.calls.length, 1)
        yield* TestClock.adjust(201)
        assert.deepStrictEqual(yield* Fiber.join(fiber), { _tag: "Delivered", attempts: 2 })
        assert.isAtLeast(collector.calls[1]!.at, 2000)
        assert.isBelow(collector.calls[1]!.at, 2200)
      })
    )
  )
})

describe("step 3: a batch that the collector will never take", () => {
  it.effect("is sent once, goes to the dead-letter folder with the reason, and says nothing about the collector", () =>
    scenario(({ collector, directory, system }) =>
      Effect.gen(function* () {
        const errors = yield* metric("errors.total")
        collector.answer = invalid
        const outcome = yield* system.export(batch("poison"))
        assert.deepStrictEqual(outcome, { _tag: "DeadLettered", code: "sys.http_rejected" })
        assert.deepStrictEqual(collector.calls, [{ name: "poison", at: 0 }])
        assert.strictEqual(yield* metric("errors.total"), errors + 1)
        const fs = yield* Effect.provide(FileSystem.FileSystem, NodeFileSystem.layer)
        const letters = yield* fs.readDirectory(`${directory}/dead-letter`)
        const [payload, reason] = letters.toSorted()
        assert.strictEqual(yield* fs.readFileString(`${directory}/dead-letter/${payload}`), "poison")
        const note = JSON.parse(yield* fs.readFileString(`${directory}/dead-letter/${reason}`)) as {
          readonly code: string
        }
        assert.strictEqual(note.code, "sys.http_rejected")
        for (let i = 0; i < 9; i++) yield* system.export(batch(`poison ${i}`))
        assert.strictEqual(yield* system.state, "closed")
        assert.deepInclude(yield* system.summary, { attempts: 10, deadLettered: 100, deferred: 0 })
      })
    )
  )
})

describe("steps 4 to 7: an outage", () => {
  it.effect(
    "opens the circuit at the fifth export, is probed once a minute, and ends with every batch delivered in order",
    () =>
      scenario(({ collector, log, spool, system }) =>
        Effect.gen(function* () {
          const transitions = () => log.filter(({ message }) => message.startsWith("circuit collector"))
          collector.answer = () => unavailable()

          // 4: five exports, three calls each; the fifth opens the circuit.
          for (let i = 1; i <= 5; i++) {
            assert.strictEqual(yield* system.state, "closed")
            const outcome = yield* settle(system.export(batch(`outage ${i}`)))
            assert.deepInclude(outcome, { _tag: "Deferred", code: "sys.retries_exhausted" })
          }
          assert.strictEqual(collector.calls.length, 15)
          assert.strictEqual(yield* system.state, "open")
          assert.deepStrictEqual(transitions(), [{ level: "Warn", message: "circuit collector opened" }])
          const openedAt = collector.calls.at(-1)!.at

          // 5: the sixth is not sent, is kept, and is a success for the caller.
          const sixth = yield* system.export(batch("rejected 6"))
          assert.deepInclude(sixth, { _tag: "Deferred", code: "sys.circuit_open" })
          assert.strictEqual(collector.calls.length, 15)
          assert.deepInclude(log.at(-1)!, { level: "Warn", message: "Circuit breaker open, using cache" })
          assert.deepInclude(yield* system.summary, { rejections: 1, deferred: 60, waiting: 60 })

          // 6: at 59,999 ms it is still open; 1 ms later one of three gets through, fails, and it is open for another minute.
          const sinceOpened = 5000 - openedAt
          yield* TestClock.adjust(59_999 - sinceOpened)
          yield* system.export(batch("rejected 7"))
          assert.strictEqual(collector.calls.length, 15)
          yield* TestClock.adjust(1)
          const three = yield* settle(
            Effect.forEach(["probe 8", "beside 9", "beside 10"], (name) => system.export(batch(name)), {
              concurrency: "unbounded"
            })
          )
          assert.deepStrictEqual(names(collector.calls.slice(15)), ["probe 8", "probe 8", "probe 8"])
          assert.deepStrictEqual(
            three.map((outcome) => "code" in outcome && outcome.code),
            ["sys.retries_exhausted", "sys.circuit_open", "sys.circuit_open"]
          )
          assert.strictEqual(yield* system.state, "open")
          const reopenedAt = collector.calls.at(-1)!.at

          // 7: in the next window two probes, one after the other, close it; then the spool drains, in order, each batch once.
          collector.answer = () => "ok"
          const now = 5000 + 59_999 - sinceOpened + 1 + 1000
          yield* TestClock.adjust(60_000 - (now - reopenedAt) - 1)
          assert.strictEqual(yield* system.state, "open")
          yield* TestClock.adjust(1)
          assert.deepInclude(yield* system.export(batch("probe 11")), { _tag: "Delivered" })
          assert.strictEqual(yield* system.state, "half_open")
          assert.deepInclude(yield* system.export(batch("probe 12")), { _tag: "Delivered" })
          assert.strictEqual(yield* system.state, "closed")
          // Reading the spool is work of the real disk, which the virtual clock does not wait for.
          while ((yield* spool.stats).records > 0)
            yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
          assert.deepStrictEqual(names(collector.calls.slice(18)), [
            "probe 11",
            "probe 12",
            ...[1, 2, 3, 4, 5].map((i) => `outage ${i}`),
            "rejected 6",
            "rejected 7",
            // The probe was kept last: the others had been turned away while it used up its attempts.
            "beside 9",
            "beside 10",
            "probe 8"
          ])
          assert.deepInclude(yield* system.summary, { drained: 100, waiting: 0, deliveredFirst: 20, deferred: 100 })
          assert.deepStrictEqual(
            transitions().map(({ message }) => message.split(" ").at(-1)),
            ["opened", "half-opened", "opened", "half-opened", "closed"]
          )
        })
      )
  )
})

describe("step 8: an export that is interrupted while it waits", () => {
  it.effect("makes no further call, keeps nothing, and leaves the circuit and the books as they were", () =>
    scenario(({ collector, spool, system }) =>
      Effect.gen(function* () {
        collector.answer = () => unavailable()
        for (let i = 0; i < 50; i++) {
          const fiber = yield* Effect.forkChild(system.export(batch("interrupted")), { startImmediately: true })
          yield* TestClock.adjust(50)
          yield* Fiber.interrupt(fiber)
        }
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(collector.calls.length, 50)
        assert.strictEqual((yield* spool.stats).records, 0)
        assert.strictEqual(yield* system.state, "closed")
        assert.deepInclude(yield* system.summary, { deferred: 0, deadLettered: 0, deliveredFirst: 0 })
      })
    )
  )
})

describe("step 10: the trace of an outage", () => {
  const attempts = ({ events }: Span) => events.filter(([name]) => name === "resilience.retry.attempt_failed")

  it.effect("has a span for each export, red only for the one that failed, with an event for each attempt", () =>
    scenario(({ collector, spans, system }) =>
      Effect.gen(function* () {
        collector.answer = (call) => (call <= 3 || call === 4 ? unavailable() : "ok")
        yield* Effect.withSpan(settle(system.export(batch("lost to the spool"))), "parent")
        yield* settle(system.export(batch("second try")))
        const [failed, parent, recovered] = spans
        assert.strictEqual(parent!.name, "parent")
        assert.deepStrictEqual([failed!.name, failed!.parent], ["export", parent!.id])
        assert.strictEqual(attempts(failed!).length, 3)
        assert.deepInclude(failed!.attributes, {
          "error.type": "sys.retries_exhausted",
          "resilience.retry.attempts": 3
        })
        assert.isTrue(Exit.isFailure(failed!.exit))
        const exceptions = failed!.events.filter(([name]) => name === "exception")
        assert.deepStrictEqual(
          exceptions.map(([, attributes]) => attributes["exception.type"]),
          ["RetriesExhausted"]
        )
        assert.deepStrictEqual([recovered!.name, recovered!.parent], ["export", undefined])
        assert.strictEqual(attempts(recovered!).length, 1)
        assert.isTrue(Exit.isSuccess(recovered!.exit))
        assert.isUndefined(recovered!.attributes["error.type"])
        // The export is a success for whoever asked for it: the batch is safe.
        assert.isTrue(Exit.isSuccess(parent!.exit))
      })
    )
  )
})

describe("step 9: what is printed in the end", () => {
  it.effect("leads from the outermost sentence down to the transport, and holds no secret", () =>
    scenario(({ collector, system }) =>
      Effect.gen(function* () {
        const secret = "s3cr3t-t0ken"
        collector.answer = () => unavailable()
        yield* settle(system.export(batch("a")))
        const failure = Option.getOrThrow(yield* system.lastFailure)
        const last = new StillSpooled({
          spans: 10,
          directory: "/spool",
          cause: Object.assign(new Error(`POST http://user:${secret}@collector/v1/traces Bearer ${secret}`), {
            cause: failure
          })
        })
        const lines = Report.chain(Report.of(last)).split("\n")
        assert.deepStrictEqual(lines, [
          "Error: delivery deferred: 10 spans wait in /spool because the collector takes none",
          "  Caused by: POST http://<redacted>@collector/v1/traces Bearer <redacted>",
          "  Caused by: retries exhausted: failed after 3 attempts",
          "  Caused by: http unavailable: http://collector:4318/v1/traces answered 503",
          "  Caused by: the load balancer has no upstream"
        ])
        assert.strictEqual(Classifier.classify(last).code, "sys.delivery.deferred")
      })
    )
  )
})
