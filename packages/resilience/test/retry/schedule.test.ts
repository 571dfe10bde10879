import { assert, describe, it } from "@effect/vitest"
import { ConfigError, Reasons } from "@holdfast/core"
import { Backoff, Policy, Retry } from "@holdfast/resilience"
import { Cause, Clock, Effect, Exit, Schedule } from "effect"
import { down, exitAfter } from "./helpers.ts"

const daily = Schedule.cron("0 4 * * *").pipe(Schedule.tap(() => Effect.die("never run"))) as Schedule.Schedule<unknown>

describe("a schedule in place of a backoff", () => {
  it.effect.each([
    ["a cron", daily],
    ["the longer of a cron and something else", Schedule.max([daily, Schedule.spaced("1 second")])],
    ["a bounded and spread cron", daily.pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))]
  ] as ReadonlyArray<readonly [string, Schedule.Schedule<unknown>]>)(
    "that asks for the date is a defect that names the option, beside the failure that was to be retried: %s",
    ([, backoff]) =>
      Effect.gen(function* () {
        const dep = yield* down()
        const policy = yield* Policy.make("p", { retry: { backoff } })
        for (const [call, path] of [
          [Retry.retry(dep.call, { name: "daily", backoff }), 'Retry "daily".backoff'],
          [Policy.protect(dep.call, policy), 'Policy "p".retry.backoff']
        ] as const) {
          const exit = yield* Effect.exit(call)
          const reasons = Exit.isFailure(exit) ? exit.cause.reasons : []
          assert.instanceOf(reasons.find(Cause.isFailReason)?.error, Reasons.NetworkError)
          const defect = reasons.find(Cause.isDieReason)?.defect
          assert.instanceOf(defect, ConfigError.InvalidValue)
          assert.deepStrictEqual(
            [defect.path, defect.expected],
            [path, "must be a schedule that does not ask for the date"]
          )
        }
        assert.strictEqual(dep.calls, 2)
      })
  )

  it.effect("passes a defect of its own unchanged, beside the failure that was to be retried", () =>
    Effect.gen(function* () {
      const bug = new TypeError("own")
      const backoff = Schedule.spaced("1 second").pipe(Schedule.tap(() => Effect.die(bug)))
      const dep = yield* down()
      const exit = yield* Effect.exit(Retry.retry(dep.call, { backoff }))
      const [failure, defect, ...others] = Exit.isFailure(exit) ? exit.cause.reasons : []
      assert.instanceOf(failure && Cause.isFailReason(failure) && failure.error, Reasons.NetworkError)
      assert.strictEqual(defect && Cause.isDieReason(defect) && defect.defect, bug)
      assert.strictEqual(others.length, 0)
    })
  )

  it.effect.each([
    ["fixed", Schedule.fixed("1 second"), [0, 1000, 2000, 3000]],
    ["windowed", Schedule.windowed("1 second"), [0, 1000, 2000, 3000]],
    ["exponential", Schedule.exponential("1 second"), [0, 1000, 3000, 7000]],
    [
      "bounded in time",
      Schedule.spaced("1 second").pipe(Schedule.upTo({ duration: "2 seconds" })),
      [0, 1000, 2000, 3000]
    ],
    ["of a backoff", Backoff.toSchedule(Backoff.linear("1 second")), [0, 1000, 3000, 6000]]
  ] as ReadonlyArray<readonly [string, Schedule.Schedule<unknown>, ReadonlyArray<number>]>)(
    "waits as long whatever the date does meanwhile: %s",
    ([, backoff, instants]) =>
      Effect.gen(function* () {
        const test = yield* Clock.Clock
        let jumps = 0
        const clock: Clock.Clock = Object.assign(Object.create(test) as Clock.Clock, {
          currentTimeMillisUnsafe: () => test.currentTimeMillisUnsafe() + (jumps++ % 2) * 3_600_000
        })
        const dep = yield* down()
        const call = Retry.retry(dep.call, { attempts: 4, backoff }).pipe(Effect.provideService(Clock.Clock, clock))
        yield* exitAfter("1 minute", call)
        assert.deepStrictEqual(dep.instants, instants)
      })
  )
})
