import { Schema } from "effect"
import { exponential } from "../backoff/Backoff.ts"
import { type Reader, Text } from "../internal/config.ts"
import type { Options } from "./options.ts"
import { anyOf, consecutive, failureRate, type Trip } from "./trip.ts"

/** The options of a breaker as configuration can say them. */
export const Shape = Schema.Struct({
  failures: Text,
  failureRate: Text,
  calls: Text,
  time: Text,
  minimumCalls: Text,
  openFor: Text,
  maxOpenFor: Text,
  successes: Text,
  probes: Text,
  mode: Text
})

const tripOf = (read: Reader, breaker: typeof Shape.Type, at: string): Trip | undefined => {
  const failures = read.number(`${at}failures`, breaker.failures)
  const threshold = read.number(`${at}failureRate`, breaker.failureRate)
  const calls = read.number(`${at}calls`, breaker.calls)
  const time = read.duration(`${at}time`, breaker.time)
  const minimumCalls = read.number(`${at}minimumCalls`, breaker.minimumCalls)
  if (calls !== undefined && time !== undefined) read.refuse(`${at}time`, "no time beside calls")
  const window = calls !== undefined ? { calls } : time !== undefined ? { time } : undefined
  if (threshold === undefined && (window !== undefined || minimumCalls !== undefined)) {
    read.refuse(`${at}failureRate`, "a rate for the window that is given")
  }
  const rules: Array<Trip> = []
  if (failures !== undefined) rules.push(consecutive(failures))
  if (threshold !== undefined) rules.push(failureRate({ threshold, window, minimumCalls }))
  return rules.length > 1 ? anyOf(...rules) : rules[0]
}

/** The options from what was read; `at` is where they stand under the path of the reader, with a dot behind. */
export const fromShape = (read: Reader, breaker: typeof Shape.Type, at = ""): Omit<Options, "name"> => {
  const openFor = read.duration(`${at}openFor`, breaker.openFor)
  const maxOpenFor = read.duration(`${at}maxOpenFor`, breaker.maxOpenFor)
  return {
    trip: tripOf(read, breaker, at),
    openFor: maxOpenFor === undefined ? openFor : exponential(openFor ?? "60 seconds", { cap: maxOpenFor }),
    mode: read.oneOf(`${at}mode`, breaker.mode, ["automatic", "isolated", "disabled", "metrics_only"]),
    ...((breaker.successes ?? breaker.probes) === undefined
      ? undefined
      : {
          halfOpen: {
            successes: read.number(`${at}successes`, breaker.successes),
            concurrent: read.number(`${at}probes`, breaker.probes)
          }
        })
  }
}
