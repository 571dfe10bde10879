import { Clock, Context, type Duration } from "effect"
import type { State } from "../circuit-breaker/machine.ts"
import type { Transition } from "../circuit-breaker/transition.ts"
import type { AnyFiber } from "../internal/fiber.ts"

/** What every event has. */
interface Moment {
  /** When, in milliseconds since 1970. */
  readonly at: number
}

/** A circuit changed its state. */
export interface CircuitTransition extends Transition {
  readonly _tag: "CircuitTransition"
}

/** A circuit refused a call. */
export interface CallRejected extends Moment {
  readonly _tag: "CallRejected"
  readonly circuit: string
  /** Which circuit of a keyed breaker. */
  readonly key?: string
  readonly state: State
  /** When the circuit lets the next call through, where that is known. */
  readonly retryAfter?: Duration.Duration
}

/** An attempt failed, and another one follows after a wait. */
export interface RetryScheduled extends Moment {
  readonly _tag: "RetryScheduled"
  readonly name: string
  /** Number of the attempt that failed, 1 for the first call. */
  readonly attempt: number
  readonly delay: Duration.Duration
  /** Code of what it failed with, or `unwanted_result`. */
  readonly code: string
}

/** The wait is over, and the next attempt begins. */
export interface RetryStarted extends Moment {
  readonly _tag: "RetryStarted"
  readonly name: string
  /** Number of the attempt that begins. */
  readonly attempt: number
}

/** A call succeeded that had been retried. */
export interface RetrySucceeded extends Moment {
  readonly _tag: "RetrySucceeded"
  readonly name: string
  /** How many it took. */
  readonly attempts: number
}

/** A failure that was worth another attempt was not given one. */
export interface RetryGaveUp extends Moment {
  readonly _tag: "RetryGaveUp"
  readonly name: string
  readonly attempts: number
  /** What forbade it. */
  readonly limit: "attempts" | "elapsed" | "deadline" | "budget"
  readonly code: string
}

/** A budget refused a retry. */
export interface RetryRefused extends Moment {
  readonly _tag: "RetryRefused"
  readonly budget: string
}

/** An effect was stopped because it took too long, or not begun because no time was left. */
export interface TimedOut extends Moment {
  readonly _tag: "TimedOut"
  readonly operation?: string
  /** How much time it was given. */
  readonly after: Duration.Duration
  readonly limit: "timeout" | "deadline"
}

/** A source failed, and another one is asked. */
export interface FellBack extends Moment {
  readonly _tag: "FellBack"
  readonly name: string
  readonly from: string
  readonly to: string
  /** Code of what the source failed with. */
  readonly code: string
}

/** What a policy did about a call. */
export type Event =
  | CircuitTransition
  | CallRejected
  | RetryScheduled
  | RetryStarted
  | RetrySucceeded
  | RetryGaveUp
  | RetryRefused
  | TimedOut
  | FellBack

/** Whoever is told of the events, at once and in order. What it throws is nobody's problem but its own. */
export type Listener = (event: Event) => void

/**
 * Who is told of what the policies do in a fiber. Default: nobody, which costs nothing. Set it with `Events.listen` or
 * `Events.layer`, which keep whoever listens already.
 *
 * @example
 * ```ts
 * import { Events } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * Effect.runSync(Effect.service(Events.Listener)) // => undefined
 * ```
 */
export const Listener: Context.Reference<Listener | undefined> = Context.Reference("@holdfast/resilience/Events", {
  defaultValue: (): Listener | undefined => undefined
})

type Undated<E> = E extends Event ? Omit<E, "at"> : never

/** Tells of an event, which is made only when somebody listens. Nothing of it can change the result of a call. */
export const emit = (fiber: AnyFiber, make: () => Undated<Event>): void => {
  const listener = fiber.getRef(Listener)
  if (listener === undefined) return
  tell(listener, { at: fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(), ...make() } as Event)
}

/** Tells of an event that has its date. */
export const tell = (listener: Listener, event: Event): void => {
  try {
    listener(event)
  } catch {
    // A listener that fails must not fail the call.
  }
}
