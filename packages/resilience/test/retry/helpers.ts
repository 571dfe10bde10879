import { assert } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { dependency } from "@holdfast/resilience/testing"
import { type Duration, Effect, type Exit, type Fiber } from "effect"
import { TestClock } from "effect/testing"

export const failure = () => new Reasons.NetworkError({})

export const down = (latency?: Duration.Input) =>
  dependency<string, Reasons.NetworkError>({ value: "up", failures: Infinity, failure, latency })

/** Runs it as a fiber, lets `time` pass, and gives the exit, which must have come by then. */
export const exitAfter = <A, E>(time: Duration.Input, effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(time)
    const exit = fiber.pollUnsafe()
    assert.isDefined(exit)
    return exit as Exit.Exit<A, E>
  })

export const isRunning = (fiber: Fiber.Fiber<unknown, unknown>) => fiber.pollUnsafe() === undefined
