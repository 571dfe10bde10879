/**
 * The instant by which a whole piece of work must be done. It goes with the fiber and its children: timeouts below are
 * shortened to what is left, a `Retry` below does not begin a wait that cannot end in time, and `toHeaders` takes it along
 * to the next process.
 */
import type { ConfigError } from "@holdfast/core"
import { type At, checkOne, placeOf, positive, refusing } from "@holdfast/core/options"
import { Duration, Effect, Layer, Option } from "effect"
import { combinator } from "../internal/combinator.ts"
import { duration, placeIn, readOne } from "../internal/config.ts"
import { nowOf } from "../internal/fiber.ts"
import { planOf, type TimedOut } from "../timeout/limit.ts"
import { enforce } from "./enforce.ts"
import { Deadline, leftOf } from "./reference.ts"

export { Deadline } from "./reference.ts"

/**
 * Gives an effect only so much time, and lets everything inside know. A deadline outside that is sooner stays. At the
 * deadline the effect is interrupted and fails with `Reasons.Timeout`, or with `Reasons.DeadlineExceeded` if it was the
 * sooner one outside. One that is over already does not start.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Deadline, Retry } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const down = Effect.fail(new Reasons.NetworkError({}))
 * const policy = Retry.make({ backoff: Backoff.constant("10 seconds"), exhausted: "wrap" })
 * // The first wait cannot end in time, so nobody waits.
 * const failure = await Effect.runPromise(
 *   down.pipe(Retry.retry(policy), Deadline.within("1 second"), Effect.flip)
 * )
 * failure._tag === "RetriesExhausted" && failure.limit // => "deadline"
 * ```
 */
export const within: {
  (limit: Duration.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | TimedOut, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, limit: Duration.Input): Effect.Effect<A, E | TimedOut, R>
} = combinator((limit: Duration.Input) => {
  const at = placeOf("Deadline.within")
  checkOne(at, positive, limit)
  return planOf(at, limit)
}, enforce)

/**
 * The time that is left; none without a deadline. Never negative.
 *
 * @example
 * ```ts
 * import { Deadline } from "@holdfast/resilience"
 * import { Effect, Option } from "effect"
 *
 * Option.isSome(Effect.runSync(Deadline.remaining)) // => false
 * Option.isSome(Effect.runSync(Deadline.remaining.pipe(Deadline.within("1 second")))) // => true
 * ```
 */
export const remaining: Effect.Effect<Option.Option<Duration.Duration>> = Effect.withFiber((fiber) => {
  const left = leftOf(fiber, nowOf(fiber))
  return Effect.succeed(left === Infinity ? Option.none() : Option.some(Duration.millis(Math.max(0, left))))
})

/**
 * The header that takes the time left along, in milliseconds. A time and not an instant: clocks differ. In the example of
 * {@link fromHeaders}.
 */
export const header = "x-request-timeout-ms"

/**
 * The header of gRPC for the same, such as `1500m`. Read when {@link header} is missing, as in the example of
 * {@link fromHeaders}.
 */
export const grpcHeader = "grpc-timeout"

/**
 * The headers for a call to the next process; none without a deadline. The example of {@link fromHeaders} reads such ones.
 */
export const toHeaders: Effect.Effect<Readonly<Record<string, string>>> = Effect.map(
  remaining,
  Option.match({
    onNone: () => ({}),
    onSome: (left) => ({ [header]: String(Math.floor(Duration.toMillis(left))) })
  })
)

const grpcUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/**
 * The time a caller has left, from the headers of its request (names in lower case). What is no such number is none, one with
 * a sign included, as in the grammar of gRPC: a stranger's header must not fail a request. Nothing left is as little time as
 * there is.
 *
 * @example
 * ```ts
 * import { Deadline } from "@holdfast/resilience"
 * import { Duration, Option } from "effect"
 *
 * Option.map(Deadline.fromHeaders({ "x-request-timeout-ms": "1500" }), Duration.toMillis) // => Option.some(1500)
 * Option.map(Deadline.fromHeaders({ "grpc-timeout": "2S" }), Duration.toMillis) // => Option.some(2000)
 * ```
 */
export const fromHeaders = (
  headers: Readonly<Record<string, string | undefined>>
): Option.Option<Duration.Duration> => {
  const own = /^\d{1,10}$/.exec(headers[header] ?? "")
  if (own !== null) return Option.some(leftFrom(Number(own[0])))
  const grpc = /^(\d{1,8})([HMSmun])$/.exec(headers[grpcHeader] ?? "")
  return grpc === null ? Option.none() : Option.some(leftFrom(Number(grpc[1]) * grpcUnits[grpc[2]!]!))
}

/** A caller without any time left has as little as there is: no time at all would be no limit, which is refused. */
const leftFrom = (millis: number): Duration.Duration => Duration.millis(Math.max(1e-6, millis))

/**
 * A deadline for everything it is provided to, counted from when the layer is built. It only informs policies; use
 * {@link within} to stop work at the deadline.
 *
 * @example
 * ```ts
 * import { Deadline } from "@holdfast/resilience"
 * import { Effect, Option } from "effect"
 *
 * const left = Effect.map(Deadline.remaining, Option.isSome)
 * Effect.runSync(left.pipe(Effect.provide(Deadline.layer("2 seconds")))) // => true
 * ```
 */
export const layer = (limit: Duration.Input): Layer.Layer<never, ConfigError.InvalidValue> =>
  Layer.effect(Deadline, endingIn(placeOf("Deadline.layer"), limit))

/**
 * The same with the time from the `ConfigProvider`, or `otherwise` where it is not configured.
 *
 * @example
 * ```ts
 * import { Deadline } from "@holdfast/resilience"
 * import { ConfigProvider, Effect, Layer, Option } from "effect"
 *
 * const provider = ConfigProvider.fromUnknown({ import_deadline: "10 minutes" })
 * const layer = Deadline.layerConfig("import_deadline", "1 hour").pipe(Layer.provide(ConfigProvider.layer(provider)))
 * const left = Effect.map(Deadline.remaining, Option.isSome)
 * Effect.runSync(left.pipe(Effect.provide(layer))) // => true
 * ```
 */
export const layerConfig = (path: string, otherwise?: Duration.Input): Layer.Layer<never, ConfigError.InvalidValue> =>
  Layer.effect(
    Deadline,
    Effect.flatMap(readOne(path, duration, otherwise !== undefined), (found) =>
      endingIn(placeIn(path), (found ?? otherwise) as Duration.Input)
    )
  )

/** The instant at which a time from now is over, or a sooner one that is in force. */
const endingIn = (at: At, limit: Duration.Input): Effect.Effect<number, ConfigError.InvalidValue> =>
  Effect.withFiber((fiber) =>
    refusing(() => {
      checkOne(at, positive, limit)
      return Math.min(nowOf(fiber) + Duration.toMillis(limit), fiber.getRef(Deadline) ?? Infinity)
    })
  )
