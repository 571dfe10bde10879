/** Giving an effect only so much time. */
import { Failure, Reasons } from "@holdfast/core"
import { Cause, Duration, Effect, Exit, Fiber, Function } from "effect"
import { millis } from "../internal/check.ts"
import { spanEvent } from "../internal/fiber.ts"

export interface Options {
  /** How long the effect may take. More than 0; `"Infinity"` for no limit. */
  readonly after: Duration.Input
  /** What took too long, for the failure's `operation`. From a small, fixed set. Default: none. */
  readonly operation?: string | undefined
  /**
   * Fail at the deadline and let the effect's finalizers run on in the background. Only for effects that hold nothing
   * the caller counts on being released. Default: `false`, the effect's finalizers are waited for.
   */
  readonly disconnect?: boolean | undefined
}

interface Plan {
  readonly after: Duration.Duration
  readonly operation: string | undefined
  readonly disconnect: boolean
}

const planOf = (input: Duration.Input | Options): Plan => {
  const options = isOptions(input) ? input : { after: input }
  const after = Duration.millis(millis("Timeout.after", options.after, { above: 0, infinite: true }))
  return { after, operation: options.operation, disconnect: options.disconnect ?? false }
}

const isOptions = (input: Duration.Input | Options): input is Options => typeof input === "object" && "after" in input

const timedOut = ({ after, operation }: Plan): Effect.Effect<never, Reasons.Timeout> =>
  Effect.withFiber((fiber) => {
    spanEvent(fiber, "resilience.timeout", { "resilience.timeout.after": Duration.toSeconds(after) })
    return Effect.fail(Failure.stackless(Reasons.Timeout, operation === undefined ? { after } : { after, operation }))
  })

/** Resumes as soon as one of the fibers has ended, whatever its exit. */
const either = (one: Fiber.Fiber<unknown, unknown>, other: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const wake = () => resume(Effect.void)
    const forget = [one.addObserver(wake), other.addObserver(wake)]
    return Effect.sync(() => forget.forEach((remove) => remove()))
  })

/**
 * Interrupts the effect when it takes too long, waits for its finalizers, and fails with `Reasons.Timeout`.
 *
 * Only what the deadline stopped becomes a timeout: a failure or a value that the effect still produces while it is
 * being interrupted passes unchanged, as do its own failures, defects and interruptions before. An effect that ends
 * without waiting arms no timer. A limit out of range throws `ConfigError.InvalidValue` where it is written.
 *
 * @example
 * ```ts
 * import { Timeout } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const slow = Effect.never.pipe(Timeout.timeout({ after: "10 millis", operation: "charge" }))
 * const failure = await Effect.runPromise(Effect.flip(slow))
 * failure.message // => "timeout error: charge after 10ms"
 * ```
 */
export const timeout: {
  (limit: Duration.Input | Options): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Reasons.Timeout, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, limit: Duration.Input | Options): Effect.Effect<A, E | Reasons.Timeout, R>
} = Function.dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limit: Duration.Input | Options
  ): Effect.Effect<A, E | Reasons.Timeout, R> => {
    const plan = planOf(limit)
    if (!Duration.isFinite(plan.after)) return self
    const fork = plan.disconnect
      ? Effect.forkDetach(self, { startImmediately: true })
      : Effect.forkChild(self, { startImmediately: true })
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(fork, (work) => work.pollUnsafe() ?? race(work, plan, restore))
    )
  }
)

/** The work is still running: arms the timer, and waits for whichever ends first. */
const race = <A, E>(
  work: Fiber.Fiber<A, E>,
  plan: Plan,
  restore: (wait: Effect.Effect<void>) => Effect.Effect<void>
): Effect.Effect<A, E | Reasons.Timeout> =>
  Effect.flatMap(Effect.forkChild(Effect.sleep(plan.after), { startImmediately: true }), (timer) =>
    Effect.matchCauseEffect(restore(either(work, timer)), {
      onFailure: (cause) => {
        timer.interruptUnsafe()
        return Effect.andThen(stop(work, plan), Effect.failCause(cause))
      },
      onSuccess: () => {
        timer.interruptUnsafe()
        return work.pollUnsafe() ?? Effect.flatMap(stop(work, plan), () => verdict(work.pollUnsafe(), plan))
      }
    })
  )

const stop = (work: Fiber.Fiber<unknown, unknown>, { disconnect }: Plan): Effect.Effect<void> =>
  disconnect ? Effect.withFiber((fiber) => Effect.sync(() => work.interruptUnsafe(fiber.id))) : Fiber.interrupt(work)

const verdict = <A, E>(exit: Exit.Exit<A, E> | undefined, plan: Plan): Effect.Effect<A, E | Reasons.Timeout> =>
  exit === undefined || (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) ? timedOut(plan) : exit
