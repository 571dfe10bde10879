/** How long to wait before the next try. */
import { placeOf } from "@holdfast/core/options"
import { Duration, Effect, Random, Schedule } from "effect"
import { Delays } from "./formulas.ts"
import * as Make from "./make.ts"

export type { Backoff, DecorrelatedOptions, ExponentialOptions, Jitter, Options } from "./make.ts"

type Backoff = Make.Backoff

/**
 * Whether a value is a {@link Backoff}.
 *
 * @example
 * ```ts
 * import { Backoff } from "@holdfast/resilience"
 *
 * Backoff.isBackoff(Backoff.none) // => true
 * Backoff.isBackoff("1 second") // => false
 * ```
 */
export const isBackoff: (u: unknown) => u is Backoff = Make.isBackoff

/** No wait at all. The example of {@link isBackoff} has it. */
export const none: Backoff = Make.constant(placeOf("Backoff.none"), 0)

/**
 * The same delay each time.
 *
 * @example
 * ```ts
 * import { Backoff } from "@holdfast/resilience"
 *
 * const everySecond = Backoff.constant("1 second")
 * Backoff.preview(everySecond, 3) // => [1000, 1000, 1000]
 * ```
 */
export const constant = (delay: Duration.Input, options?: Make.Options): Backoff =>
  Make.constant(placeOf("Backoff.constant"), delay, options)

/**
 * Delay times attempt: 100 ms, 200 ms, 300 ms …
 *
 * @example
 * ```ts
 * import { Backoff } from "@holdfast/resilience"
 *
 * Backoff.preview(Backoff.linear("100 millis"), 3) // => [100, 200, 300]
 * ```
 */
export const linear = (step: Duration.Input, options?: Make.Options): Backoff =>
  Make.linear(placeOf("Backoff.linear"), step, options)

/**
 * The delays as listed, at least one; the last one repeats.
 *
 * @example
 * ```ts
 * import { Backoff } from "@holdfast/resilience"
 *
 * Backoff.preview(Backoff.listed(["1 second", "5 seconds", "30 seconds"]), 4) // => [1000, 5000, 30000, 30000]
 * ```
 */
export const listed = (delays: ReadonlyArray<Duration.Input>, options?: Make.Options): Backoff =>
  Make.listed(placeOf("Backoff.listed"), delays, options)

/**
 * Each delay is `factor` (default 2, at least 1) times the one before.
 *
 * @example
 * ```ts
 * import { Backoff } from "@holdfast/resilience"
 *
 * const backoff = Backoff.exponential("100 millis", { cap: "500 millis" })
 * Backoff.preview(backoff, 5) // => [100, 200, 400, 500, 500]
 * ```
 */
export const exponential = (base: Duration.Input, options?: Make.ExponentialOptions): Backoff =>
  Make.exponential(placeOf("Backoff.exponential"), base, options)

/**
 * Delays that are random by nature, so that many clients spread out by themselves.
 *
 * - `version: 2` (default): the smooth exponential of Polly. `base` is about the median of the first delay.
 * - `version: 1`: the one of AWS, uniform between the base and three times the delay before.
 *
 * @example
 * ```ts
 * import { Backoff } from "@holdfast/resilience"
 *
 * const spread = Backoff.decorrelated("1 second", { cap: "30 seconds" })
 * Backoff.preview(spread, 3, () => 0.5).map(Math.round) // => [897, 1093, 2036]
 * ```
 */
export const decorrelated = (base: Duration.Input, options?: Make.DecorrelatedOptions): Backoff =>
  Make.decorrelated(placeOf("Backoff.decorrelated"), base, options)

/**
 * The first `length` delays in milliseconds, for a given source of numbers in `[0, 1)` (default: always 0.5). For
 * tests, documentation and choosing a policy; nothing waits. The example of {@link exponential} shows it.
 */
export const preview = (self: Backoff, length: number, draw: () => number = () => 0.5): ReadonlyArray<number> => {
  const delays = new Delays(self.formula)
  return Array.from({ length }, () => delays.next(draw))
}

/**
 * The same delays as an Effect `Schedule` that never ends and puts out each delay. Bound it with `Schedule.upTo`.
 *
 * @example
 * ```ts
 * import { Backoff } from "@holdfast/resilience"
 * import { Effect, Schedule } from "effect"
 *
 * const schedule = Backoff.exponential("10 millis", { jitter: "full" }).pipe(Backoff.toSchedule)
 * const program = Effect.void.pipe(Effect.retry(schedule.pipe(Schedule.upTo({ times: 5 }))))
 * Effect.runSync(program)
 * ```
 */
export const toSchedule = (self: Backoff): Schedule.Schedule<Duration.Duration> =>
  Schedule.fromStep(
    Effect.sync(() => {
      const delays = new Delays(self.formula)
      return () =>
        Effect.withFiber((fiber) => {
          const random = fiber.getRef(Random.Random)
          const delay = Duration.millis(delays.next(() => random.nextDoubleUnsafe()))
          return Effect.succeed([delay, delay] as [Duration.Duration, Duration.Duration])
        })
    })
  )
