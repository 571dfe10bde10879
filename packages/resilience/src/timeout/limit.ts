/** How a limit of time is kept: what every policy with one is made of. */
import { Failure, Reasons } from "@holdfast/core"
import {
  type At,
  check,
  checkOne,
  flag,
  guarded,
  isUnits,
  name,
  positiveOrInfinity,
  type Table
} from "@holdfast/core/options"
import { Cause, Context, Duration, Effect, Exit, Fiber, Predicate } from "effect"
import { Deadline } from "../deadline/reference.ts"
import { flag as configuredFlag, duration, type Form, mapped, options, text, textOr } from "../internal/config.ts"
import { emit } from "../events/event.ts"
import { Counters } from "../internal/counters.ts"
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

/** What ends an effect that took too long: the timeout's own limit, or a deadline around it that left less. */
export type TimedOut = Reasons.Timeout | Reasons.DeadlineExceeded

/** The options, decoded. Times in milliseconds. */
export interface Plan {
  readonly after: number
  /** Where the limit is asked for at every run; `after` is no limit then. */
  readonly generate: (() => Duration.Input) | undefined
  readonly operation: string | undefined
  readonly disconnect: boolean
  /** Whether it keeps the time of a limit around it, which says itself that it was hit. */
  readonly isPart: boolean
  readonly timeouts: Counters
}

const timeoutsOf = (operation = "unnamed"): Counters =>
  new Counters("resilience.timeout.timeouts", "Effects that were stopped, or not begun, because of a limit of time", {
    operation
  })

const table: Table<Options> = {
  after: guarded(
    "a duration greater than 0 ms, or a function that gives one",
    (u): u is unknown => typeof u === "function" || positiveOrInfinity.is(u)
  ),
  operation: name,
  disconnect: flag
}

/** The options, as configuration says them: a time, or a section. */
export const form: Form<Duration.Input | Options> = textOr<Duration.Input, Options>(
  // Here, because the place of a time alone is lost when it joins the options that are written in code.
  mapped(duration, (time, at) => {
    checkOne(at, positiveOrInfinity, time)
    return time
  }),
  options({ after: duration, operation: text, disconnect: configuredFlag }) as Form<Options>
)

/** Checks a limit, which may be a time alone. */
export const planOf = (at: At, limit: Duration.Input | Options): Plan => {
  const given = optionsOf(limit)
  if (given === undefined) {
    checkOne(at, positiveOrInfinity, limit)
    return { ...unnamed, after: Duration.toMillis(limit as Duration.Input), timeouts: timeoutsOf() }
  }
  check(at, table, given, ["after"])
  const { after, disconnect = false, operation } = given
  const rest = { operation, disconnect, isPart: false, timeouts: timeoutsOf(operation) }
  return typeof after === "function"
    ? { ...rest, after: Infinity, generate: after }
    : { ...rest, after: Duration.toMillis(after), generate: undefined }
}

const unnamed = { generate: undefined, operation: undefined, disconnect: false, isPart: false }

const optionsOf = (limit: Duration.Input | Options): Options | undefined =>
  Predicate.isObject(limit) && !Array.isArray(limit) && !Duration.isDuration(limit) && !isUnits(limit)
    ? (limit as unknown as Options)
    : undefined

/** What is configured goes before what is written in code, option by option. */
export const merged = <L extends Duration.Input | Options | undefined>(
  written: L,
  read: Duration.Input | Options | undefined
): L | Duration.Input | Options => {
  if (read === undefined) return written
  const [ours, theirs] = [written === undefined ? undefined : optionsOf(written), optionsOf(read)]
  if (ours !== undefined) return { ...ours, ...(theirs ?? { after: read as Duration.Input }) }
  return theirs === undefined || theirs.after !== undefined || written === undefined
    ? read
    : { ...theirs, after: written as Duration.Input }
}

/** On the interruption by which the limit around ends what keeps its time. */
class Cut extends Context.Service<Cut, true>()("@holdfast/resilience/Timeout/Cut") {}

const cutCause = Cause.annotate(Cause.interrupt(), Context.make(Cut, true))

/** To everything in between it is what it would be if the limit around had a timer of its own. */
const cut = Effect.failCause(cutCause)

/** Fails with the limit that was hit. What a deadline cut was given less than it was promised, which blames nobody. */
export const timedOut = ({ after, isPart, operation, timeouts }: Plan, limit: number): Effect.Effect<never, TimedOut> =>
  Effect.withFiber((fiber) => {
    if (isPart) return cut
    const given = Duration.millis(Math.max(0, limit))
    const fields = { after: given, ...(operation === undefined ? undefined : { operation }) }
    const isDeadline = limit < after
    const by = isDeadline ? "deadline" : "timeout"
    spanEvent(fiber, "resilience.timeout", {
      "resilience.timeout.after": Duration.toSeconds(given),
      "resilience.timeout.limit": by
    })
    timeouts.add(fiber, { limit: by })
    emit(fiber, () => ({
      _tag: "TimedOut",
      after: given,
      limit: by,
      ...(operation === undefined ? undefined : { operation })
    }))
    return Effect.fail(Failure.stackless(isDeadline ? Reasons.DeadlineExceeded : Reasons.Timeout, fields))
  })

/** A timer counts whole milliseconds, and may be early by what is left of one. */
const timerGrain = 1

/**
 * The effect under a limit that what is inside keeps, or knows as its deadline, which ends at `endsAt`. What the end of that
 * time stopped inside says that a deadline did; to the caller it is this limit that was hit. Failures of what it stopped do
 * not pass a handler of failures inside (`isHandled`), which an interrupted fiber skips.
 */
export const named = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  plan: Plan,
  limit: number,
  endsAt: number,
  isHandled = false
): Effect.Effect<A, E | TimedOut, R> =>
  Effect.catchCause(self, (cause) =>
    Effect.withFiber<never, E | TimedOut>((fiber) => {
      if (isCut(cause)) return stopped(isHandled ? cause.reasons.filter(Cause.isDieReason) : cause.reasons, plan, limit)
      return nowOf(fiber) > endsAt - timerGrain && isDeadline(cause) ? timedOut(plan, limit) : Effect.failCause(cause)
    })
  )

const isCut = (cause: Cause.Cause<unknown>): boolean => Context.getOption(Cause.annotations(cause), Cut)._tag === "Some"

const isDeadline = ({ reasons: [reason, ...others] }: Cause.Cause<unknown>): boolean =>
  others.length === 0 && reason?._tag === "Fail" && reason.error instanceof Reasons.DeadlineExceeded

/** The milliseconds a timeout has where the fiber stands: its own, or what a deadline leaves. */
export const limitOf = ({ after }: Plan, fiber: AnyFiber): number => {
  const deadline = fiber.getRef(Deadline)
  return deadline === undefined ? after : Math.min(after, deadline - nowOf(fiber))
}

/** The total time of several runs. */
export interface Total {
  readonly endsAt: number
  /** Whether each run has a limit of its own inside, which lets nothing through of what this time has stopped. */
  readonly isAround: boolean
  /** Whether its timer would be running, had it one of its own. */
  isRunning: boolean
}

/**
 * The effect under a limit, for the fiber that is about to run it. One that is over already fails without running the
 * effect; one that ends without waiting arms no timer. `total` is the time of several such runs. Once one of them has waited,
 * it is over before the effect is, at the very same instant too; and it is what was hit when it is over before an effect that
 * was stopped is.
 */
export const run = <A, E, R>(
  fiber: AnyFiber,
  self: Effect.Effect<A, E, R>,
  plan: Plan,
  limit: number,
  total?: Total
): Effect.Effect<A, E | TimedOut, R> => {
  if (limit === Infinity) return self
  if (limit <= 0) return timedOut(plan, limit)
  return Effect.callback<A, E | TimedOut, R>((resume) => {
    // Forked, waited for and stopped right here, so the work needs nobody else to look after it.
    const fork = Effect.runForkWith(fiber.context as Context.Context<R>)
    const running = plan.isPart && total?.isRunning === true ? fork(Effect.sleep(limit)) : undefined
    const work = fork(self)
    const exit = work.pollUnsafe()
    if (exit !== undefined) {
      running?.interruptUnsafe()
      return resume(exit)
    }
    if (total !== undefined) total.isRunning = true
    const timer = running ?? fork(Effect.sleep(limit))
    const forget = work.addObserver((exit) => {
      timer.interruptUnsafe()
      resume(exit)
    })
    timer.addObserver((slept) => {
      if (Exit.isFailure(slept) || work.pollUnsafe() !== undefined) return
      forget()
      // A caller that is interrupted meanwhile ends interrupted, and waits below.
      resume(
        Effect.flatMap(stop(work, plan), () =>
          total?.isAround === true && (plan.isPart || nowOf(fiber) >= total.endsAt)
            ? cut
            : verdict(work.pollUnsafe(), plan, limit)
        )
      )
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
): Effect.Effect<A, E | TimedOut> => {
  if (exit === undefined) return timedOut(plan, limit)
  return Exit.isSuccess(exit) ? exit : stopped(exit.cause.reasons, plan, limit)
}

/** What the work has to say for itself goes before the limit, and the interruption that was to stop it is nobody's news. */
const stopped = <E>(
  reasons: ReadonlyArray<Cause.Reason<E>>,
  plan: Plan,
  limit: number
): Effect.Effect<never, E | TimedOut> => {
  const own = reasons.filter((reason) => !Cause.isInterruptReason(reason))
  if (own.length === 0) return timedOut(plan, limit)
  return Effect.failCause(Cause.fromReasons(plan.isPart ? [...own, ...cutCause.reasons] : own))
}
