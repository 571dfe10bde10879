import type { ConfigError } from "@holdfast/core"
import { type At, refuse, refusing, type Table, under } from "@holdfast/core/options"
import { Clock, Duration, Effect, Exit, Random, Schedule } from "effect"
import { type Backoff, listed } from "../backoff/Backoff.ts"
import type { Settings } from "./machine.ts"
import { decode, type Options } from "./options.ts"

/** A schedule of open times. It is given the number of the opening, from 1. */
export type OpenSchedule = Schedule.Schedule<unknown, number, never, never>

/** Options as the makers of breakers take them: the open time may be a schedule. */
export type Scheduled<O extends { readonly openFor?: unknown }> = Omit<O, "openFor"> & {
  /**
   * How long it stays open: a duration, a backoff, or a `Schedule`, either of which grows with every opening in a row. A
   * schedule is played once, when the breaker is made, for its first 64 delays; the last one repeats. More than 0.
   * Default: 60 s.
   */
  readonly openFor?: Options["openFor"] | OpenSchedule
}

const openings = 64

/** The delays of a schedule that is asked again as soon as each has passed. */
const play = (schedule: OpenSchedule, from: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.gen(function* () {
    const step = yield* Schedule.toStep(schedule)
    const delays: Array<number> = []
    let now = from
    while (delays.length < openings) {
      const result = yield* Effect.exit(step(now, delays.length + 1))
      if (Exit.isFailure(result)) break
      const delay = Duration.toMillis(result.value[1])
      delays.push(delay)
      now += delay
    }
    return delays
  })

const seed = "the same draws twice"

/** Prime, so that no schedule of hours or days finds itself again. */
const elsewhen = 100_000_007

/** The open times that a schedule stands for. It must give the same ones today and another day. */
const backoffOf = (at: At, schedule: OpenSchedule): Effect.Effect<Backoff, ConfigError.InvalidValue> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const [here, there] = yield* Effect.all(
      [play(schedule, now), play(schedule, now + elsewhen)].map(Random.withSeed(seed))
    )
    if (String(here) !== String(there)) {
      return yield* refusing(() => refuse(at, "must be a schedule that does not depend on the date"))
    }
    const delays = yield* play(schedule, now)
    if (delays.length === 0 || delays.some((delay) => !(delay > 0 && delay < Infinity))) {
      return yield* refusing(() => refuse(at, "must be a schedule of finite delays greater than 0 ms"))
    }
    return listed(delays, { cap: Math.max(...delays) })
  })

/** The options with a schedule made into the delays that it stands for. */
export const unscheduled = <O extends { readonly openFor?: Options["openFor"] | OpenSchedule }>(
  at: At,
  options: O
): Effect.Effect<Unscheduled<O>, ConfigError.InvalidValue> =>
  Schedule.isSchedule(options?.openFor)
    ? Effect.map(
        backoffOf(under(at, "openFor"), options.openFor as OpenSchedule),
        (openFor) => ({ ...options, openFor }) as unknown as Unscheduled<O>
      )
    : Effect.succeed(options as unknown as Unscheduled<O>)

type Unscheduled<O> = Omit<O, "openFor"> & Pick<Options, "openFor">

/** Checks the options, which may have a schedule. */
export const decodeScheduled = (
  at: At,
  options: Scheduled<Options>,
  extra?: Table
): Effect.Effect<Settings, ConfigError.InvalidValue> =>
  Effect.flatMap(unscheduled(at, options), (plain) => refusing(() => decode(at, plain, extra)))
