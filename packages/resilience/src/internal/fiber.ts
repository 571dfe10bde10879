import { Clock, type Fiber } from "effect"

/** What every policy may ask of the fiber it runs in, without an effect in between. */
export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What a clock that only goes forward shows, in milliseconds. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/**
 * Monotonic milliseconds. Wall time would lengthen or skip a wait whenever somebody sets the clock. Below 104 days of
 * uptime a double is exact to the nanosecond.
 */
export const nowOf = (fiber: AnyFiber): number => monotonicMillis(fiber.getRef(Clock.Clock))

/** Adds an event to the span the fiber is in, if it is in one. */
export const spanEvent = (fiber: AnyFiber, name: string, attributes: Record<string, unknown>): void => {
  const { span } = fiber.cache
  if (span?._tag === "Span") span.event(name, fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), attributes)
}

/** Sets an attribute of the span the fiber is in, if it is in one. */
export const spanAttribute = (fiber: AnyFiber, name: string, value: unknown): void => {
  const { span } = fiber.cache
  if (span?._tag === "Span") span.attribute(name, value)
}
