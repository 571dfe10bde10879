/** Giving an effect only so much time. */
import { Failure, Reasons } from "@holdfast/core"
import { Cause, type Context, Duration, Effect, Exit, Fiber, Function, Option } from "effect"
import { Deadline } from "../deadline/reference.ts"
import { millis } from "../internal/check.ts"
import { type AnyFiber, nowOf, spanEvent } from "../internal/fiber.ts"

export interface Options {
  /**
   * How long the effect may take. More than 0; `"Infinity"` for no limit. A function is asked at every run; what it gives
   * that is not a finite time of more than 0 is no limit.
   */
  readonly after: Duration.Input | (() => Duration.Input)
  /** What took too long, for the failure's `operation`. From a small, fixed set. Default: none. */
  readonly operation?: string | undefined
  /**
   * Fail at the deadline and let the effect's finalizers run on in the background. Only for effects that hold nothing
   * the caller counts on being released. Default: `false`, the effect's finalizers are waited for.
   */
  readonly disconnect?: boolean | undefined
}

/** The options, decoded. Times in milliseconds. */
export interface Plan {
  readonly after: number
  /** Where the limit is asked for at every run; `after` is no limit then. */
  readonly generate: (() => Duration.Input) | undefined
  readonly operation: string | undefined
  readonly disconnect: boolean
}

export const planOf = (input: Duration.Input | Options): Plan => {
  const options = isOptions(input) ? input : { after: input }
  const generate = typeof options.after === "function" ? options.after : undefined
  const after =
    typeof options.after === "function"
      ? Infinity
      : millis("Timeout.after", options.after, { above: 0, infinite: true })
  return { after, generate, operation: options.operation, disconnect: options.disconnect ?? false }
}

const isOptions = (input: Duration.Input | Options): input is Options => typeof input === "object" && "after" in input

/**
 * What a deadline around the timeout stopped. The work was given less than it was promised: that says nothing about the
 * health of whoever was called, and there is no time to call again.
 */
const atDeadline = { ...Reasons.Timeout.declared, retry: "never", health: "ignored" } as const

/** Whether a failure is a timeout that a deadline caused, and not the timeout's own limit. */
export const isAtDeadline = (error: unknown): boolean =>
  Failure.isFailure(error) && (error[Failure.TypeId] as object) === atDeadline

/** Fails with the limit that was hit: the timeout's own, or a deadline around it that left less. */
export const timedOut = ({ after, operation }: Plan, limit: number): Effect.Effect<never, Reasons.Timeout> =>
  Effect.withFiber((fiber) => {
    const given = Duration.millis(Math.max(0, limit))
    const own = { after: given, ...(operation === undefined ? undefined : { operation }) }
    const isDeadline = limit < after
    spanEvent(fiber, "resilience.timeout", {
      "resilience.timeout.after": Duration.toSeconds(given),
      "resilience.timeout.limit": isDeadline ? "deadline" : "timeout"
    })
    if (!isDeadline) return Effect.fail(Failure.stackless(Reasons.Timeout, own))
    const detail = `${operation ?? "no answer"} before the deadline, after ${Duration.format(given)}`
    const failure = Failure.stackless(Reasons.Timeout, { ...own, detail })
    return Effect.fail(Object.defineProperty(failure, Failure.TypeId, { value: atDeadline }))
  })

/**
 * Interrupts the effect when it takes too long, waits for its finalizers, and fails with `Reasons.Timeout`. Under a
 * `Deadline` that leaves less time than that, it is shortened to what is left, and the failure says so.
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
    return Effect.withFiber((fiber) => {
      const { generate } = plan
      const own = generate === undefined ? plan : { ...plan, after: generated(generate()) }
      return run(fiber, self, own, limitOf(own, fiber))
    })
  }
)

const generated = (input: Duration.Input): number => {
  const millis = Option.getOrElse(Option.map(Duration.fromInput(input), Duration.toMillis), () => Infinity)
  return millis > 0 ? millis : Infinity
}

/** The milliseconds a timeout has where the fiber stands: its own, or what a deadline leaves. */
export const limitOf = ({ after }: Plan, fiber: AnyFiber): number => {
  const deadline = fiber.getRef(Deadline)
  return deadline === undefined ? after : Math.min(after, deadline - nowOf(fiber))
}

/**
 * The effect under a limit, for the fiber that is about to run it. One that is over already fails without running the
 * effect; one that ends without waiting arms no timer.
 */
export const run = <A, E, R>(
  fiber: AnyFiber,
  self: Effect.Effect<A, E, R>,
  plan: Plan,
  limit: number
): Effect.Effect<A, E | Reasons.Timeout, R> => {
  if (limit === Infinity) return self
  if (limit <= 0) return timedOut(plan, limit)
  return Effect.callback<A, E | Reasons.Timeout, R>((resume) => {
    // Forked, waited for and stopped right here, so the work needs nobody else to look after it.
    const fork = Effect.runForkWith(fiber.context as Context.Context<R>)
    const work = fork(self)
    const exit = work.pollUnsafe()
    if (exit !== undefined) return resume(exit)
    const timer = fork(Effect.sleep(limit))
    const forget = work.addObserver((exit) => {
      timer.interruptUnsafe()
      resume(exit)
    })
    timer.addObserver((slept) => {
      if (Exit.isFailure(slept) || work.pollUnsafe() !== undefined) return
      forget()
      resume(Effect.uninterruptible(Effect.flatMap(stop(work, plan), () => verdict(work.pollUnsafe(), plan, limit))))
    })
    return Effect.suspend(() => {
      timer.interruptUnsafe()
      return stop(work, plan)
    })
  })
}

const stop = (work: Fiber.Fiber<unknown, unknown>, { disconnect }: Plan): Effect.Effect<void> =>
  disconnect ? Effect.withFiber((fiber) => Effect.sync(() => work.interruptUnsafe(fiber.id))) : Fiber.interrupt(work)

const verdict = <A, E>(
  exit: Exit.Exit<A, E> | undefined,
  plan: Plan,
  limit: number
): Effect.Effect<A, E | Reasons.Timeout> =>
  exit === undefined || (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) ? timedOut(plan, limit) : exit
