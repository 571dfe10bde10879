import type { Reasons } from "@holdfast/core"
import type { Effect, Stream, Types } from "effect"
import type { AnyFiber } from "../internal/fiber.ts"
import type { Transition } from "./transition.ts"

export const GuardId = "~@holdfast/resilience/CircuitBreaker"

/** Whatever can protect an effect: a circuit of this process, or of a fleet. `X` is what it may fail with beside `CircuitOpen`. */
export interface Guard<out X = never> {
  readonly [GuardId]: { readonly _X: Types.Covariant<X> }
  readonly name: string
  /** Every change of state from the moment of subscribing. A subscriber that falls 128 behind loses the oldest. */
  readonly transitions: Stream.Stream<Transition>
}

/** What a guard is inside. */
export interface Guarding<X = never> {
  guard<A, E, R>(fiber: AnyFiber, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | X | Reasons.CircuitOpen, R>
}
