import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Fallback, Retry } from "@holdfast/resilience"
import { dependency } from "@holdfast/resilience/testing"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { down, failure } from "./helpers.ts"

class Refused extends Failure.Tagged<Refused>()("Refused", {}, { code: "biz.test_refused" }) {}

describe("what Retry retries", () => {
  const policy = Retry.make({ attempts: 3, backoff: Backoff.none })

  it.effect("E3 returns a failure that is not declared retryable after one call, as the same instance", () =>
    Effect.gen(function* () {
      const refused = new Refused({})
      const dep = yield* dependency({ value: 1, failures: Infinity, failure: () => refused })
      assert.strictEqual(yield* Effect.flip(dep.call.pipe(Retry.retry(policy))), refused)
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect("returns the last failure itself when attempts are used up, unless asked to wrap", () =>
    Effect.gen(function* () {
      const seen: Array<Reasons.NetworkError> = []
      const dep = yield* dependency({
        value: 1,
        failures: Infinity,
        failure: () => {
          const error = failure()
          seen.push(error)
          return error
        }
      })
      assert.strictEqual(yield* Effect.flip(dep.call.pipe(Retry.retry(policy))), seen[2]!)
    })
  )

  it.effect("does not wrap a failure that it would not have retried", () =>
    Effect.gen(function* () {
      const wrapping = Retry.make({ backoff: Backoff.none, exhausted: "wrap" })
      const error = yield* Effect.flip(Retry.retry(Effect.fail(new Refused({})), wrapping))
      assert.instanceOf(error, Refused)
    })
  )

  it.effect("knows a foreign error by the application's classifier", () =>
    Effect.gen(function* () {
      class QuotaExceeded extends Error {}
      const dep = yield* dependency({ value: "up", failures: 1, failure: () => new QuotaExceeded() })
      const call = dep.call.pipe(Retry.retry(policy))
      assert.instanceOf(yield* Effect.flip(call), QuotaExceeded)
      const again = yield* dependency({ value: "up", failures: 1, failure: () => new QuotaExceeded() })
      const taught = again.call.pipe(
        Retry.retry(policy),
        Effect.provideService(Classifier.Classifier, (error) =>
          error instanceof QuotaExceeded ? Reasons.RateLimited.declared : undefined
        )
      )
      assert.strictEqual(yield* taught, "up")
    })
  )

  it.effect("can be told by the code that another house gave it", () =>
    Effect.gen(function* () {
      // As a decoder keeps it of what a stranger said.
      const theirs = {
        ...Reasons.Unclassified.declared,
        code: "shop.QuotaExceeded" as Classifier.Classification["code"]
      }
      const dep = yield* dependency({ value: "up", failures: 1, failure: () => new Error("quota") })
      const named = Retry.make({ when: ["shop.QuotaExceeded"], backoff: Backoff.none })
      const call = dep.call.pipe(
        Retry.retry(named),
        Effect.provideService(Classifier.Classifier, () => theirs)
      )
      assert.strictEqual(yield* call, "up")
    })
  )

  it.effect("asks the predicate instead of the declaration when there is one", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: 1, failure: () => new Refused({}) })
      const chosen = Retry.make({ when: (e: Refused) => e._tag === "Refused", backoff: Backoff.none })
      assert.strictEqual(yield* dep.call.pipe(Retry.retry(chosen)), "up")
      const network = yield* down()
      yield* Effect.flip(network.call.pipe(Retry.retry(Retry.make({ when: () => false }))))
      assert.strictEqual(network.calls, 1)
    })
  )

  it.effect("E6 never retries a defect, not even beside a failure, and passes the same one on", () =>
    Effect.gen(function* () {
      const defect = { oops: true }
      let calls = 0
      const dies = Effect.suspend(() => {
        calls++
        return Effect.failCause(Cause.combine(Cause.fail(failure()), Cause.die(defect)))
      })
      const exit = yield* Effect.exit(dies.pipe(Retry.retry(policy)))
      assert.strictEqual(calls, 1)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      const only = yield* Effect.exit(Effect.die(defect).pipe(Retry.retry(policy)))
      assert.isTrue(Exit.isFailure(only) && Cause.squash(only.cause) === defect)
    })
  )

  it.effect("never retries a failure that came together with an interruption", () =>
    Effect.gen(function* () {
      let calls = 0
      const both = Effect.suspend(() => {
        calls++
        return Effect.failCause(Cause.combine(Cause.fail(failure()), Cause.interrupt(1)))
      })
      const exit = yield* Effect.exit(both.pipe(Retry.retry(policy)))
      assert.strictEqual(calls, 1)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause) && Cause.hasInterrupts(exit.cause))
    })
  )

  it.effect("retries work of several fibers, of which the first failure stopped the others", () =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: 1, failure })
      const work = Effect.all([dep.call, Effect.sleep("1 second"), Effect.sleep("2 seconds")], { concurrency: 3 })
      const fiber = yield* Effect.forkChild(work.pipe(Retry.retry(policy)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))[0], "up")
      assert.strictEqual(dep.calls, 2)
    })
  )

  it.effect("E4 ends at once, interrupted, when it is interrupted while waiting", () =>
    Effect.gen(function* () {
      const dep = yield* down()
      const fiber = yield* dep.call.pipe(
        Retry.retry(Retry.make({ backoff: Backoff.constant("300 millis") })),
        Effect.forkChild
      )
      yield* TestClock.adjust("20 millis")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(dep.calls, 1)
    })
  )

  it.effect("E5 runs the finalizer of an interrupted attempt once and begins no other", () =>
    Effect.gen(function* () {
      let finalized = 0
      const dep = yield* down("50 millis")
      const fiber = yield* dep.call.pipe(
        Effect.ensuring(Effect.sync(() => void finalized++)),
        Retry.retry(Retry.make({ backoff: Backoff.constant("100 millis") })),
        Effect.forkChild
      )
      yield* TestClock.adjust("170 millis")
      assert.strictEqual(dep.calls, 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(finalized, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(dep.calls, 2)
      assert.strictEqual(dep.inFlight, 0)
    })
  )
})

it.effect("retries by tag and by code when it is told to", () =>
  Effect.gen(function* () {
    const calls = (when: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const dep = yield* dependency({ value: 1, failures: Infinity, failure: () => new Reasons.NotFound({}) })
        yield* Effect.exit(dep.call.pipe(Retry.retry(Retry.make({ backoff: Backoff.none, when }))))
        return dep.calls
      })
    assert.deepStrictEqual(
      yield* Effect.all([calls(["NotFound"]), calls(["biz.not_found"]), calls(["Timeout"])]),
      [3, 3, 1]
    )
  })
)

it.effect("does not know an error by name that lets nobody read it, and passes it on", () =>
  Effect.gen(function* () {
    const closed = (): never => {
      throw new Error("nobody reads this")
    }
    const error = new Proxy({}, { get: closed, has: closed, getPrototypeOf: closed })
    const failed = yield* Effect.exit(Effect.fail(error).pipe(Retry.retry({ when: ["Refused"] })))
    assert.isTrue(Exit.isFailure(failed) && failed.cause.reasons.every(({ _tag }) => _tag === "Fail"))
  })
)

class Innermost extends Failure.Tagged<Innermost>()("Innermost", {}, { code: "sys.test_innermost", retry: "never" }) {}
class Between extends Failure.Layered<Between>()("Between", [Innermost]) {}
class Outermost extends Failure.Layered<Outermost>()("Outermost", [Between]) {}

describe("a failure in layers is named by the tag of any of them, or by its code:", () => {
  const layered = Outermost.from(new Innermost({}))

  it.effect.each([
    ["Innermost", true],
    ["Between", true],
    ["Outermost", true],
    ["sys.test_innermost", true],
    ["Another", false]
  ] as const)("%s", ([name, isNamed]) =>
    Effect.gen(function* () {
      const dep = yield* dependency({ value: "up", failures: 1, failure: () => layered })
      yield* Effect.exit(dep.call.pipe(Retry.retry({ backoff: Backoff.none, when: [name] })))
      assert.strictEqual(dep.calls, isNamed ? 2 : 1)
      const answer = Effect.fail(layered).pipe(Fallback.value("other", { when: [name] }), Effect.option)
      assert.strictEqual((yield* answer)._tag, isNamed ? "Some" : "None")
      const outcomes = { [name]: "ignored" } as const
      assert.strictEqual(
        CircuitBreaker.outcomeOf(Exit.fail(layered), undefined, outcomes),
        isNamed ? "ignored" : "failure"
      )
    })
  )

  it("of several layers with an outcome the innermost one decides", () => {
    const outcomes = { Outermost: "success", Between: "ignored" } as const
    assert.strictEqual(CircuitBreaker.outcomeOf(Exit.fail(layered), undefined, outcomes), "ignored")
  })
})
