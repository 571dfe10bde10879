import { type At, refuse } from "@holdfast/core/options"
import { backoff } from "../backoff/config.ts"
import {
  dictionary,
  duration,
  flag,
  type Form,
  type Forms,
  inCode,
  mapped,
  number,
  options,
  text,
  textOr
} from "../internal/config.ts"
import type { HalfOpenOptions, Options } from "./options.ts"
import { decodeTrip } from "./rule.ts"
import { anyOf, consecutive, failureRate, type RateOptions, slowRate, type SlowRateOptions, type Trip } from "./trip.ts"

const window = options({ calls: number, time: duration }) as Form<NonNullable<RateOptions["window"]>>

const rate: Forms<RateOptions> = { threshold: number, window, minimumCalls: number }

const slow: Forms<SlowRateOptions> = { ...rate, slowerThan: duration, inFlight: flag }

/** Several rules stand beside each other, and any of them opens. */
interface Rules {
  readonly consecutive: number
  readonly failureRate: RateOptions
  readonly slowRate: SlowRateOptions
}

const tripOf = (rules: Partial<Rules>, at: At): Trip => {
  const trips: Array<Trip> = []
  if (rules.consecutive !== undefined) trips.push(consecutive(rules.consecutive))
  if (rules.failureRate !== undefined) trips.push(failureRate(rules.failureRate))
  if (rules.slowRate !== undefined) trips.push(slowRate(rules.slowRate))
  // Here, because the number of a rule in a list is nothing that the configuration says.
  for (const trip of trips) decodeTrip(at, trip)
  return trips.length > 1 ? anyOf(...trips) : (trips[0] ?? refuse(at, "must be consecutive, failureRate or slowRate"))
}

const trip = mapped(
  options<Partial<Rules>>({ consecutive: number, failureRate: options(rate), slowRate: options(slow) }),
  tripOf
)

const halfOpen: Forms<HalfOpenOptions> = { concurrent: number, successes: number, outOf: number, maxWait: duration }

/** The options of a breaker, as configuration says them. Its name is the application's. */
export const forms: Forms<Omit<Options, "name">> = {
  trip,
  openFor: textOr(duration, backoff({ base: "60 seconds" })),
  halfOpen: options(halfOpen),
  maxHint: duration,
  classify: inCode,
  outcomes: dictionary,
  mode: text
}

type Sections = Pick<Options, "halfOpen" | "outcomes">

/** What is configured goes before the defaults, in the sections, too. */
export const merged = <D extends Partial<Sections>, O extends Partial<Sections>>(defaults: D, read: O): D & O => ({
  ...defaults,
  ...read,
  ...(read.halfOpen === undefined ? undefined : { halfOpen: { ...defaults.halfOpen, ...read.halfOpen } }),
  ...(read.outcomes === undefined ? undefined : { outcomes: { ...defaults.outcomes, ...read.outcomes } })
})
