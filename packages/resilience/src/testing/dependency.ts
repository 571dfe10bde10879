import {
  check,
  countOrInfinity,
  functionOf,
  guarded,
  notNegative,
  refuse,
  refusing,
  section,
  type Table,
  under
} from "@holdfast/core/options"
import { Clock, Duration, Effect, Predicate } from "effect"

/** How a scripted dependency behaves. Without any option it answers at once, always. */
export interface Script<A, E> {
  /** What a healthy call answers. */
  readonly value: A
  /** Makes the failure of a failing call, one per call. Needed by `failures` and `outage`. */
  readonly failure?: (() => E) | undefined
  /** The first calls, one effect each; the other options describe the calls after them. Default: none. */
  readonly steps?: ReadonlyArray<Effect.Effect<A, E>> | undefined
  /** How many calls fail before the dependency is healthy. `Infinity` for always. Default: 0. */
  readonly failures?: number | undefined
  /** Calls that start in `[from, to)` fail, counted from the making of the dependency. Default: none. */
  readonly outage?: { readonly from: Duration.Input; readonly to: Duration.Input } | undefined
  /** How long every call takes. Default: 0. */
  readonly latency?: Duration.Input | undefined
}

/** A dependency that does what its script says, and remembers who called. */
export interface Dependency<A, E> {
  /** One call. */
  readonly call: Effect.Effect<A, E>
  /** Calls so far. */
  readonly calls: number
  /** When each call started, in milliseconds since the dependency was made. */
  readonly instants: ReadonlyArray<number>
  /** Calls running now. */
  readonly inFlight: number
  /** The most calls that ever ran at once. */
  readonly maxInFlight: number
}

const at = { path: "dependency" }

const table: Table<Script<unknown, unknown>> = {
  value: guarded("an answer", Predicate.isUnknown),
  failure: functionOf("that makes a failure"),
  steps: guarded("a list of effects", (u): u is unknown => Array.isArray(u) && u.every(Effect.isEffect)),
  failures: countOrInfinity(0),
  outage: section,
  latency: notNegative
}

const outageTable = { from: notNegative, to: notNegative }

/** A script that cannot be played would make a test that proves nothing. */
const checked = (script: Script<unknown, unknown>): void => {
  check(at, table, script)
  const { failure, failures = 0, outage } = script
  if (outage !== undefined) {
    check(under(at, "outage"), outageTable, outage, ["from", "to"])
    if (Duration.toMillis(outage.to) <= Duration.toMillis(outage.from)) {
      refuse(under(under(at, "outage"), "to"), "must be later than from", outage.to)
    }
  }
  if (failure === undefined && (failures > 0 || outage !== undefined)) {
    refuse(under(at, "failure"), "must be given beside failures or outage")
  }
}

/**
 * Makes a scripted dependency. Time is the `Clock`, so under `TestClock` every instant is exact. A script that cannot be
 * played is a defect, `ConfigError.InvalidValue`, which names the option.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Retry } from "@holdfast/resilience"
 * import { dependency } from "@holdfast/resilience/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const payments = yield* dependency({
 *     value: "paid",
 *     failures: 2,
 *     failure: () => new Reasons.NetworkError({})
 *   })
 *   yield* payments.call.pipe(Retry.retry(Retry.make({ backoff: Backoff.none })))
 *   return payments.calls
 * })
 * Effect.runSync(program) // => 3
 * ```
 */
export const dependency = <A, E = never>(script: Script<A, E>): Effect.Effect<Dependency<A, E>> =>
  Effect.map(Effect.andThen(Effect.orDie(refusing(() => checked(script))), Effect.service(Clock.Clock)), (clock) => {
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const madeAt = now()
    const instants: Array<number> = []
    const steps = [...(script.steps ?? [])]
    const latency = Duration.fromInputUnsafe(script.latency ?? 0)
    const from = script.outage && Duration.toMillis(script.outage.from)
    const to = script.outage && Duration.toMillis(script.outage.to)
    let failures = script.failures ?? 0
    let inFlight = 0
    let maxInFlight = 0

    const outcome = (startedAt: number): Effect.Effect<A, E> => {
      const step = steps.shift()
      if (step !== undefined) return step
      const isOut = from !== undefined && to !== undefined && startedAt >= from && startedAt < to
      if (!isOut && failures <= 0) return Effect.succeed(script.value)
      if (!isOut) failures--
      return Effect.fail(script.failure!())
    }

    const call = Effect.suspend(() => {
      const startedAt = now() - madeAt
      instants.push(startedAt)
      maxInFlight = Math.max(maxInFlight, ++inFlight)
      const result = outcome(startedAt)
      return (Duration.isZero(latency) ? result : Effect.andThen(Effect.sleep(latency), result)).pipe(
        Effect.ensuring(Effect.sync(() => void inFlight--))
      )
    })

    return {
      call,
      instants,
      get calls() {
        return instants.length
      },
      get inFlight() {
        return inFlight
      },
      get maxInFlight() {
        return maxInFlight
      }
    }
  })
