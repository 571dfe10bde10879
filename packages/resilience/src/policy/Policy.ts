/** Several policies as one value: ordered, named, checked when it is built, and cheaper than its parts. */
import type { ConfigError } from "@holdfast/core"
import { Context, type Duration, Effect, Function, Layer } from "effect"
import * as Backoff from "../backoff/Backoff.ts"
import * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import type * as Timeout from "../timeout/Timeout.ts"
import { read } from "./config.ts"
import { type Added, type Options, recommended, type RetryOptions, type Step } from "./options.ts"
import { build, type Pipeline, type Policy } from "./pipeline.ts"

export type { Added, Options, RetryOptions, Stage, Step } from "./options.ts"
export type { Policy } from "./pipeline.ts"

/**
 * Makes a pipeline in the recommended order: total timeout, retry, circuit breaker, timeout of one attempt. Name it after
 * the dependency, make it once, and share it: the circuit is its state.
 *
 * Fails with `ConfigError.InvalidValue` when an option is wrong, or when stages cannot work together.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, CircuitBreaker, Policy } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const payments = yield* Policy.make("payments", {
 *     timeout: "10 seconds",
 *     retry: { attempts: 3, backoff: Backoff.linear("10 millis") },
 *     circuitBreaker: { trip: CircuitBreaker.consecutive(5), openFor: "30 seconds" },
 *     attemptTimeout: "2 seconds"
 *   })
 *   let calls = 0
 *   const charge = Effect.suspend(() =>
 *     ++calls < 3 ? Effect.fail(new Reasons.NetworkError({})) : Effect.succeed("paid")
 *   )
 *   return [String(payments), yield* charge.pipe(Policy.protect(payments))]
 * })
 * const [text, paid] = await Effect.runPromise(program)
 * text // => "payments: Timeout(10s) → Retry(3 attempts, linear 10ms up to 1d) → CircuitBreaker(5 failures in a row, open 30s) → Timeout(2s)"
 * paid // => "paid"
 * ```
 */
export const make = <const O extends Options>(
  name: string,
  options: O
): Effect.Effect<Policy<Added<O>>, ConfigError.InvalidValue> =>
  Effect.suspend(() => build(recommended(options), name, `Policy.${name}`, options.measure))

/**
 * Makes a pipeline in an order of your own, outermost first. An order that cannot mean what it says is refused with the
 * reason: two retries, a timeout that can never be reached, a timeout around a breaker that is meant to see it.
 *
 * @example
 * ```ts
 * import { Policy } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * // The breaker counts one failure per exhausted retry.
 * const program = Policy.ordered("reports", [Policy.circuitBreaker({}), Policy.retry({ attempts: 2 })])
 * const policy = Effect.runSync(program)
 * policy.stages.map(({ kind }) => kind) // => ["circuitBreaker", "retry"]
 *
 * const wrong = Policy.ordered("reports", [Policy.timeout("1 second"), Policy.timeout("5 seconds")])
 * Effect.runSync(Effect.flip(wrong)).path // => "Policy.reports.steps.1"
 * ```
 */
export const ordered = <const Steps extends ReadonlyArray<AnyStep>>(
  name: string,
  steps: Steps
): Effect.Effect<Policy<Steps[number]["adds"]>, ConfigError.InvalidValue> =>
  Effect.suspend(() =>
    build(
      steps.map(({ step }, i) => [`steps.${i}`, step] as const),
      name,
      `Policy.${name}`
    )
  )

/** A stage for {@link ordered}. `adds` exists for the compiler only. */
export interface AnyStep<out X = unknown> {
  readonly step: Step
  readonly adds: X
}

const stepOf = (step: Step) => ({ step }) as never

/** A stage: a limit of time. The outermost one is a deadline for everything inside. The example of {@link ordered} shows it. */
export const timeout = (
  options: Duration.Input | Timeout.Options
): AnyStep<Added<{ readonly timeout: Duration.Input }>> => stepOf({ kind: "timeout", options })

/** A stage: doing it again. The example of {@link ordered} shows it. */
export const retry = <const O extends RetryOptions>(options: O): AnyStep<Added<{ readonly retry: O }>> =>
  stepOf({ kind: "retry", options })

/** A stage: a circuit, named as the pipeline. The example of {@link ordered} shows it. */
export const circuitBreaker = (
  options: Omit<CircuitBreaker.Options, "name">
): AnyStep<Added<{ readonly circuitBreaker: object }>> => stepOf({ kind: "circuitBreaker", options })

/**
 * Runs an effect under the pipeline. Its own failures, defects and interruptions pass unchanged; `X` joins them.
 *
 * @example
 * ```ts
 * import { Policy } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const stock = yield* Policy.make("stock", Policy.database)
 *   return yield* Effect.succeed(7).pipe(Policy.protect(stock))
 * })
 * await Effect.runPromise(program) // => 7
 * ```
 */
export const protect: {
  <X>(policy: Policy<X>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | X, R>
  <A, E, R, X>(self: Effect.Effect<A, E, R>, policy: Policy<X>): Effect.Effect<A, E | X, R>
} = Function.dual(2, <A, E, R, X>(self: Effect.Effect<A, E, R>, policy: Policy<X>): Effect.Effect<A, E | X, R> => {
  const pipeline = policy as unknown as Pipeline
  // Read when it runs: an effect that was protected before a reload is under the new options.
  return Effect.withFiber((fiber) => pipeline.protect(fiber, self)) as Effect.Effect<A, E | X, R>
})

/**
 * For calls over HTTP: 30 s in all, 3 attempts with growing, fully jittered waits, a circuit that opens at one failure in
 * ten of the last 30 s, and 10 s for one attempt. Used as {@link database} is in the example of {@link protect}.
 */
export const http = {
  timeout: "30 seconds",
  retry: { attempts: 3, backoff: Backoff.exponential("500 millis", { jitter: "full", cap: "10 seconds" }) },
  circuitBreaker: {
    trip: CircuitBreaker.failureRate({ threshold: 0.1, window: { time: "30 seconds" }, minimumCalls: 100 }),
    openFor: "5 seconds"
  },
  attemptTimeout: "10 seconds"
} as const satisfies Options

/**
 * For a database that is near: 5 s in all, 3 attempts after short waits, a circuit that opens at 5 failures in a row, and
 * 2 s for one attempt. The example of {@link protect} shows it.
 */
export const database = {
  timeout: "5 seconds",
  retry: { attempts: 3, backoff: Backoff.exponential("20 millis", { jitter: "full", cap: "500 millis" }) },
  circuitBreaker: { trip: CircuitBreaker.consecutive(5), openFor: "10 seconds" },
  attemptTimeout: "2 seconds"
} as const satisfies Options

/** Failures that a pipeline from configuration may add; which stages it has is known only when it is read. */
export type FromConfig = Added<{
  readonly timeout: object
  readonly circuitBreaker: object
  readonly retry: { readonly exhausted: "wrap" }
}>

/**
 * A pipeline whose options come from the `ConfigProvider` (environment, file), under a path that is its name by default.
 * `defaults` hold for what is not configured. Failures name the path.
 *
 * `timeout` and `attemptTimeout` are durations (`30 seconds`, or a number of milliseconds); `retry` has `attempts`,
 * `base`, `cap`, `jitter` and `maxElapsed`; `circuitBreaker` has `failures` in a row or `failureRate` with `calls` or
 * `time` and `minimumCalls`, `openFor`, `successes`, `probes`, `mode`.
 *
 * @example
 * ```ts
 * import { Policy } from "@holdfast/resilience"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const provider = ConfigProvider.fromUnknown({
 *   payments: { timeout: "10 seconds", retry: { attempts: 4, base: "50 millis" }, circuitBreaker: { failures: 3 } }
 * })
 * const program = Policy.fromConfig("payments").pipe(
 *   Effect.provideService(ConfigProvider.ConfigProvider, provider)
 * )
 * const policy = await Effect.runPromise(program)
 * policy.stages.map(({ place }) => place) // => ["timeout", "retry", "circuitBreaker"]
 * ```
 */
export const fromConfig = (
  name: string,
  options: { readonly path?: string | undefined; readonly defaults?: Options | undefined } = {}
): Effect.Effect<Policy<FromConfig>, ConfigError.InvalidValue> => {
  const path = options.path ?? name
  return Effect.flatMap(read(path, options.defaults), (read) => build(recommended(read), name, path, read.measure))
}

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string, X> extends Context.ServiceClass<Self, Id, Policy<X>> {
  /** The pipeline. Whoever provides this one value shares one circuit. */
  readonly layer: Layer.Layer<Self, ConfigError.InvalidValue>
  /** The same with the configuration going before the options written here. */
  readonly layerConfig: (path?: string) => Layer.Layer<Self, ConfigError.InvalidValue>
  /** Protects an effect by the pipeline that the program provides. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | X, R | Self>
}

/**
 * A pipeline as a service, in one line. Its name is the service's.
 *
 * @example
 * ```ts
 * import { Policy } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * class Payments extends Policy.Service<Payments>()("Payments", { timeout: "10 seconds", retry: {} }) {}
 *
 * const charge = Effect.succeed("paid").pipe(Payments.protect)
 * await Effect.runPromise(charge.pipe(Effect.provide(Payments.layer))) // => "paid"
 * ```
 */
export const Service =
  <Self>() =>
  <const Id extends string, const O extends Options>(id: Id, options: O): ServiceClass<Self, Id, Added<O>> => {
    const Key = Context.Service<Self, Policy<Added<O>>>()(id)
    return Object.assign(Key, {
      layer: Layer.effect(Key, make(id, options)),
      layerConfig: (path?: string) =>
        Layer.effect(
          Key,
          fromConfig(id, { path, defaults: options }) as Effect.Effect<Policy<Added<O>>, ConfigError.InvalidValue>
        ),
      protect: <A, E, R>(self: Effect.Effect<A, E, R>) =>
        Effect.flatMap(Effect.service(Key), (policy) => protect(self, policy))
    }) as unknown as ServiceClass<Self, Id, Added<O>>
  }
