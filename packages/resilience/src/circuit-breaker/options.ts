import { ConfigError } from "@holdfast/core"
import { Duration, type Exit, Option, Predicate, Result, Schema } from "effect"
import { type Backoff, constant, isBackoff } from "../backoff/Backoff.ts"
import type { Mode, Outcome, Settings } from "./machine.ts"
import type { Outcomes } from "./outcome.ts"
import { decodeTrip } from "./rule.ts"
import type { Trip } from "./trip.ts"

/** How a half-open circuit finds out whether its dependency is back. */
export interface HalfOpenOptions {
  /** Probes that may run at once. At least 1. Default: 1. */
  readonly concurrent?: number | undefined
  /** Successful probes that close the circuit. At least 1. Default: 2. */
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
  /** Names the dependency in rejections, logs, metrics and spans. Not empty; from a small, fixed set. */
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
   * The `retryAfter` of the failure that opens the circuit makes it stay open longer, up to this. Zero or more.
   * Default: 1 hour.
   */
  readonly maxHint?: Duration.Input | undefined
  /**
   * What an exit says about the dependency. Not asked about interruption, which says nothing. Default:
   * `CircuitBreaker.outcomeOf`, which reads the failure's declaration.
   */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /** What single failures say, by tag or code, where the declaration says otherwise. Default: none. */
  readonly outcomes?: Outcomes | undefined
  /**
   * Who decides the state at first: `"automatic"` the circuit; `"isolated"` lets nothing through; `"disabled"` lets
   * everything through and looks at nothing; `"metrics_only"` lets everything through and counts. Default: `"automatic"`.
   */
  readonly mode?: Mode | undefined
}

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ expected: "a whole number, 1 or more" })

const durationIn = (expected: string, within: (millis: number) => boolean) =>
  Schema.declare((u): u is Duration.Input => {
    if (Predicate.isNumber(u) && Number.isNaN(u)) return false
    const duration = Duration.fromInput(u as Duration.Input)
    return Option.isSome(duration) && within(Duration.toMillis(duration.value))
  }).annotate({ expected })

const Positive = durationIn("a finite duration greater than 0 ms", (millis) => millis > 0 && millis < Infinity)
const NotNegative = durationIn("a finite duration, zero or more", (millis) => millis >= 0 && millis < Infinity)

const fields = {
  name: Schema.String.check(Schema.isMinLength(1)).annotate({ expected: "a text that is not empty" }),
  // Checked by decodeTrip, which knows the paths inside of a rule.
  trip: Schema.Unknown,
  openFor: Schema.Union([Positive, Schema.declare(isBackoff)]).annotate({
    expected: "a finite duration greater than 0 ms, or a Backoff"
  }),
  halfOpen: Schema.Record(Schema.String, Schema.Unknown).annotate({ expected: "an object" }),
  maxHint: NotNegative,
  classify: Schema.declare(Predicate.isFunction).annotate({ expected: "a function from an exit to an outcome" }),
  outcomes: Schema.Record(Schema.String, Schema.Literals(["success", "failure", "ignored"])).annotate({
    expected: 'tags or codes with "success", "failure" or "ignored"'
  }),
  mode: Schema.Literals(["automatic", "isolated", "disabled", "metrics_only"]).annotate({
    expected: '"automatic", "isolated", "disabled" or "metrics_only"'
  })
}

const halfOpenFields = { concurrent: Count, successes: Count, outOf: Count, maxWait: Positive }

type Fields = Readonly<Record<string, Schema.Codec<unknown, unknown>>>

/** The first option that is wrong, by its path and by what it should be. Its value is never shown. */
const check = (path: string, table: Fields, input: object): ConfigError.InvalidValue | undefined => {
  for (const [key, value] of Object.entries(input)) {
    const schema = Object.hasOwn(table, key) ? table[key]! : undefined
    if (schema === undefined) {
      const known = Object.keys(table).join(", ")
      return new ConfigError.InvalidValue({ path: `${path}.${key}`, expected: `no such option; there are ${known}` })
    }
    if (value !== undefined && !Schema.is(schema)(value)) {
      const expected = String(Schema.resolveAnnotations(schema)?.["expected"])
      return new ConfigError.InvalidValue({ path: `${path}.${key}`, expected })
    }
  }
  return undefined
}

/** Checks the options and fills in the defaults. Times in milliseconds. */
export const decode = (
  options: Options,
  path = "CircuitBreaker"
): Result.Result<Settings, ConfigError.InvalidValue> => {
  const halfOpen = options.halfOpen ?? {}
  const problem =
    check(path, fields, options) ??
    // A name that is not there at all is found here; any other field may be left out.
    check(path, fields, { name: options.name ?? "" }) ??
    check(`${path}.halfOpen`, halfOpenFields, halfOpen)
  if (problem !== undefined) return Result.fail(problem)
  const successes = halfOpen.successes ?? 2
  const outOf = halfOpen.outOf ?? successes
  if (outOf < successes) {
    return Result.fail(
      new ConfigError.InvalidValue({ path: `${path}.halfOpen.outOf`, expected: "at least halfOpen.successes" })
    )
  }
  const openFor = options.openFor ?? "60 seconds"
  const trip = options.trip ?? { kind: "consecutive", failures: 5 }
  return Result.map(decodeTrip(trip, `${path}.trip`), (trip) => ({
    trip,
    openFor: (isBackoff(openFor) ? openFor : constant(openFor, { cap: openFor })).formula,
    maxHint: Duration.toMillis(options.maxHint ?? "1 hour"),
    concurrent: halfOpen.concurrent ?? 1,
    successes,
    outOf,
    maxWait: Duration.toMillis(halfOpen.maxWait ?? "60 seconds"),
    mode: options.mode ?? "automatic"
  }))
}
