import {
  type At,
  check,
  count,
  functionOf,
  guarded,
  name,
  notNegative,
  oneOf,
  positive,
  refuse,
  section,
  type Table,
  under
} from "@holdfast/core/options"
import { Duration, type Exit, Predicate } from "effect"
import { type Backoff, constant, isBackoff } from "../backoff/Backoff.ts"
import { perName } from "../internal/named.ts"
import { hasControls } from "./key.ts"
import type { Mode, Outcome, Settings } from "./machine.ts"
import type { Outcomes } from "./outcome.ts"
import { decodeTrip } from "./rule.ts"
import type { Trip } from "./trip.ts"

/** How a half-open circuit finds out whether its dependency is back. */
export interface HalfOpenOptions {
  /** Probes that may run at once. At least 1, and no more than `outOf`. Default: 1. */
  readonly concurrent?: number | undefined
  /**
   * Successful probes that close the circuit. Under a `slowRate` a slow probe is a failed one, even if it succeeds. At least 1.
   * Default: 2.
   */
  readonly successes?: number | undefined
  /**
   * Probes to judge by: as soon as `successes` of them cannot be reached any more, the circuit opens again. At least
   * `successes`. Default: `successes`, so one failed probe opens it.
   */
  readonly outOf?: number | undefined
  /**
   * How long unfinished probes may hold every slot before the circuit opens again without them, counted from the last
   * one admitted. More than 0. Default: 60 s.
   */
  readonly maxWait?: Duration.Input | undefined
}

export interface Options {
  /** Names the dependency in rejections, logs, metrics and spans. Not empty, no control characters; from a small, fixed set. */
  readonly name: string
  /**
   * When a closed circuit opens: `consecutive`, `failureRate`, `slowRate`, `anyOf` several, or `custom`. Default:
   * `CircuitBreaker.consecutive(5)`.
   */
  readonly trip?: Trip | undefined
  /**
   * How long it stays open: a duration, or a backoff that grows with every opening in a row. A recovery that lasts as
   * long as the last opening ends the row. More than 0. Default: 60 s.
   */
  readonly openFor?: Duration.Input | Backoff | undefined
  readonly halfOpen?: HalfOpenOptions | undefined
  /**
   * The `retryAfter` of the failure that opens the circuit makes it stay open longer, up to this. No less than `openFor`, or
   * 0 to ignore it. Default: 1 hour, or the open time if that is longer.
   */
  readonly maxHint?: Duration.Input | undefined
  /**
   * What an exit says about the dependency. Not asked about interruption, which says nothing. Default:
   * `CircuitBreaker.outcomeOf`, which reads the failure's declaration.
   */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /**
   * What single failures say, by tag or code, where the declaration says otherwise. Not beside `classify`, which decides
   * alone. Default: none.
   */
  readonly outcomes?: Outcomes | undefined
  /**
   * Who decides the state at first: `"automatic"` the circuit; `"isolated"` lets nothing through; `"disabled"` lets
   * everything through and looks at nothing; `"metrics_only"` lets everything through and counts. Default: `"automatic"`.
   */
  readonly mode?: Mode | undefined
}

const hour = 3_600_000

export const table: Table<Options> = {
  name,
  // Checked by decodeTrip, which knows the paths inside of a rule.
  trip: guarded("a rule such as CircuitBreaker.consecutive(5)", (u): u is object => Predicate.isObject(u)),
  openFor: guarded(
    "a finite duration greater than 0 ms, a Backoff or a Schedule",
    (u): u is unknown => isBackoff(u) || positive.is(u)
  ),
  halfOpen: section,
  maxHint: notNegative,
  classify: functionOf("from an exit to an outcome"),
  outcomes: perName('"success", "failure" or "ignored"', "success", "failure", "ignored"),
  mode: oneOf("automatic", "isolated", "disabled", "metrics_only")
}

const halfOpenTable: Table<HalfOpenOptions> = {
  concurrent: count(1),
  successes: count(1),
  outOf: count(1),
  maxWait: positive
}

/** Checks the options and fills in the defaults. Times in milliseconds. `extra` are those of a breaker that has more. */
export const decode = (at: At, options: Options, extra?: Table): Settings => {
  check(at, extra === undefined ? table : { ...table, ...extra }, options, ["name"])
  if (hasControls(options.name)) refuse(under(at, "name"), "must be a text without control characters")
  if (options.classify !== undefined && options.outcomes !== undefined) {
    refuse(under(at, "outcomes"), "must be left out beside classify, which may hand them to CircuitBreaker.outcomeOf")
  }
  const { halfOpen = {}, mode = "automatic", openFor = "60 seconds", trip } = options
  check(under(at, "halfOpen"), halfOpenTable, halfOpen)
  const { concurrent = 1, maxWait = "60 seconds", successes = 2 } = halfOpen
  const { outOf = successes } = halfOpen
  if (outOf < successes)
    refuse(under(at, "halfOpen.outOf"), `must be no less than the ${successes} of halfOpen.successes`, outOf)
  if (concurrent > outOf)
    refuse(under(at, "halfOpen.concurrent"), `must be no more than the ${outOf} of halfOpen.outOf`, concurrent)
  const formula = (isBackoff(openFor) ? openFor : constant(openFor, { cap: openFor })).formula
  // No opening at all is no circuit. Jitter may still draw a short one.
  const { growth } = formula
  if (growth.base === 0) refuse(under(at, "openFor"), table.openFor.what)
  if (growth.kind === "listed" && growth.delays.includes(0))
    refuse(under(at, "openFor"), "must be a backoff without a delay of 0 ms")
  const maxHint = options.maxHint === undefined ? Math.max(hour, growth.base) : Duration.toMillis(options.maxHint)
  if (maxHint > 0 && maxHint < growth.base) {
    refuse(under(at, "maxHint"), "must be 0, or no less than openFor, or it can never matter", Duration.millis(maxHint))
  }
  return {
    trip: decodeTrip(under(at, "trip"), trip ?? { kind: "consecutive", failures: 5 }),
    openFor: formula,
    maxHint,
    concurrent,
    successes,
    outOf,
    maxWait: Duration.toMillis(maxWait),
    mode
  }
}
