/** Several policies as one value: ordered, named, checked when it is built, and cheaper than its parts. */
import type { ConfigError } from "@holdfast/core"
import {
  type At,
  check,
  isSection,
  name as named,
  placeOf,
  refuse,
  refusing,
  section,
  under
} from "@holdfast/core/options"
import { type Cause, ConfigProvider, type Duration, Effect, Function, type Scope, Stream } from "effect"
import type * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import { placeIn } from "../internal/config.ts"
import { type PolicyService, serviceOf } from "../internal/service.ts"
import type * as Timeout from "../timeout/Timeout.ts"
import { read } from "./config.ts"
import type { Added, Adds, Answering, Failing, FallbackOptions, Options, RetryOptions, Step } from "./options.ts"
import { build, buildRecommended, type Pipeline, type Policy } from "./pipeline.ts"

export type { Added, Answers, FallbackOptions, Needs, Options, RetryOptions, Step } from "./options.ts"
export type { Stage } from "./stage.ts"
export type { Health, Policy } from "./pipeline.ts"
export { database, http } from "./presets.ts"

/** The pipeline that options stand for. */
export type For<O> = Policy<Adds<O>[Failing], Adds<O>[Answering], Adds<O>["needs"]>

/**
 * Makes a pipeline in the recommended order: fallback, total timeout, retry, circuit breaker, timeout of one attempt. Name it
 * after the dependency, make it once, and share it: the circuit is its state.
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
  // Beside what was inferred, so that an editor finds what each option means.
  options: Options & O
): Effect.Effect<Policy<Adds<O>[Failing], Adds<O>[Answering], Adds<O>["needs"]>, ConfigError.InvalidValue> =>
  Effect.suspend(() => buildRecommended(placeOf("Policy", name), name, { path: name, defaults: options }, options))

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
 * Effect.runSync(Effect.flip(wrong)).path // => 'Policy "reports".steps.1'
 * ```
 */
export const ordered = <const Steps extends ReadonlyArray<AnyStep>>(
  name: string,
  steps: Steps
): Effect.Effect<
  Policy<Steps[number]["adds"]["failures"], Steps[number]["adds"]["answers"], Steps[number]["adds"]["needs"]>,
  ConfigError.InvalidValue
> =>
  Effect.suspend(() =>
    build(placeOf("Policy", name), name, { path: name, defaults: {} }, () => stepsOf(placeOf("Policy", name), steps))
  )

const stepsOf = (at: At, steps: ReadonlyArray<AnyStep>): ReadonlyArray<readonly [place: string, step: Step]> => {
  if (!Array.isArray(steps)) refuse(under(at, "steps"), "must be a list of stages", steps)
  return Array.from(steps, (one: unknown, i) => [
    `steps.${i}`,
    isSection(one) && isSection(one["step"])
      ? (one["step"] as unknown as Step)
      : refuse(under(at, `steps.${i}`), "must be a stage such as Policy.retry({})", one)
  ])
}

/** A stage for {@link ordered}. `adds` exists for the compiler only. */
export interface AnyStep<out X = unknown, out B = unknown, out R = unknown> {
  readonly step: Step
  readonly adds: { readonly failures: X; readonly answers: B; readonly needs: R }
}

/** The stage that options stand for. */
export type StepFor<O> = AnyStep<Adds<O>[Failing], Adds<O>[Answering], Adds<O>["needs"]>

const stepOf = (step: Step) => ({ step }) as never

/**
 * A stage: another answer when everything inside has failed. It belongs outermost.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Policy } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const stock = Policy.ordered("stock", [Policy.fallback({ value: 0 }), Policy.circuitBreaker({})])
 * const program = Effect.flatMap(stock, (policy) =>
 *   Effect.fail(new Reasons.NetworkError({})).pipe(Policy.protect(policy))
 * )
 * await Effect.runPromise(program) // => 0
 * ```
 */
export const fallback = <const O extends FallbackOptions>(
  options: FallbackOptions & O
): StepFor<{ readonly fallback: O }> => stepOf({ kind: "fallback", options })

/** A stage: a limit of time. The outermost one is a deadline for everything inside. The example of {@link ordered} shows it. */
export const timeout = (options: Duration.Input | Timeout.Options): StepFor<{ readonly timeout: Duration.Input }> =>
  stepOf({ kind: "timeout", options })

/** A stage: doing it again. The example of {@link ordered} shows it. */
export const retry = <const O extends RetryOptions>(options: RetryOptions & O): StepFor<{ readonly retry: O }> =>
  stepOf({ kind: "retry", options })

/** A stage: a circuit, named as the pipeline. The example of {@link ordered} shows it. */
export const circuitBreaker = (
  options: Omit<CircuitBreaker.Scheduled<CircuitBreaker.Options>, "name">
): StepFor<{ readonly circuitBreaker: object }> => stepOf({ kind: "circuitBreaker", options })

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
  <X, B, R2>(policy: Policy<X, B, R2>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, E | X, R | R2>
  <A, E, R, X, B, R2>(self: Effect.Effect<A, E, R>, policy: Policy<X, B, R2>): Effect.Effect<A | B, E | X, R | R2>
} = Function.dual(
  2,
  <A, E, R, X, B, R2>(self: Effect.Effect<A, E, R>, policy: Policy<X, B, R2>): Effect.Effect<A | B, E | X, R | R2> => {
    const pipeline = policy as unknown as Pipeline
    // Read when it runs: an effect that was protected before a reload is under the new options.
    return Effect.withFiber((fiber) => pipeline.protect(fiber, self)) as Effect.Effect<A | B, E | X, R | R2>
  }
)

/** Failures that a pipeline from configuration may add; which stages it has is known only when it is read. */
export type FromConfig = Added<Configurable>

interface Configurable {
  readonly timeout: object
  readonly circuitBreaker: object
  readonly retry: { readonly exhausted: "wrap" }
}

/**
 * A pipeline whose options come from the `ConfigProvider` (environment, file), under a path that is its name by default;
 * another path is its own, and whatever is no option there is refused. Dots go down.
 * `defaults` hold for what is not configured. Failures name the path.
 *
 * Options have the names and sections that they have in code. `timeout` and `attemptTimeout` are durations (`30 seconds`, or
 * a number of milliseconds) or sections with `after`, `operation`, `disconnect`. `retry.backoff` is a section with `kind`
 * (`exponential`, `linear`, `constant`, `decorrelated`, `listed`), `base`, `factor`, `delays`, `cap`, `jitter`; so is
 * `circuitBreaker.openFor` where it is no duration. `circuitBreaker.trip` has `consecutive`, `failureRate`, `slowRate`, any of
 * which opens. `retryBudget` has `tokens`, `window` or `inFlight`. Lists may be texts with commas. What only code can say
 * (functions, the answer of a fallback) is refused, with the reason.
 *
 * @example
 * ```ts
 * import { Policy } from "@holdfast/resilience"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const provider = ConfigProvider.fromUnknown({
 *   payments: {
 *     timeout: "10 seconds",
 *     retry: { attempts: 4, backoff: { base: "50 millis", jitter: "full" } },
 *     circuitBreaker: { trip: { consecutive: 3, slowRate: { slowerThan: "1 second" } } }
 *   }
 * })
 * const program = Policy.fromConfig("payments").pipe(
 *   Effect.provideService(ConfigProvider.ConfigProvider, provider)
 * )
 * const policy = await Effect.runPromise(program)
 * policy.stages.map(({ place }) => place) // => ["timeout", "retry", "circuitBreaker"]
 * ```
 */
export const fromConfig = <const O extends Options = {}>(
  name: string,
  options: { readonly path?: string | undefined; readonly defaults?: (Options & O) | undefined } = {}
): Effect.Effect<
  Policy<Adds<Configurable>[Failing] | Adds<O>[Failing], Adds<O>[Answering], Adds<O>["needs"]>,
  ConfigError.InvalidValue
> => {
  return Effect.gen(function* () {
    yield* refusing(() => check(placeOf("Policy", name), { path: named, defaults: section }, options))
    const { defaults = {}, path = name } = options
    const provider = yield* ConfigProvider.ConfigProvider
    const found = yield* read(name, path, defaults)
    return yield* buildRecommended(placeIn(path), name, { path, defaults, provider }, found)
  })
}

export interface ReloadOptions<E = never, R = never> {
  /** Where the options stand. Default: the path they were read from, or the name of the pipeline. */
  readonly path?: string | undefined
  /** Gives the configuration of the moment: a file has to be read again, because a provider made from it never changes.
   * Default: the `ConfigProvider` that is provided, else the one that the options were read from. */
  readonly provider?: Effect.Effect<ConfigProvider.ConfigProvider, E, R> | undefined
}

/**
 * Reloads a pipeline for every element of a stream (a file that is watched, a schedule, a signal), in the background while
 * the scope is open. Options that are wrong, and a configuration that cannot be read, leave the pipeline as it is and are
 * logged as a warning with their failure. As a Layer: `Layer.effectDiscard(Policy.reloadOn(…))`.
 *
 * @example
 * ```ts
 * import { Policy } from "@holdfast/resilience"
 * import { ConfigProvider, Effect, Stream } from "effect"
 *
 * let timeout = "1 second"
 * const provider = Effect.sync(() => ConfigProvider.fromUnknown({ stock: { timeout } }))
 *
 * const program = Effect.gen(function* () {
 *   const stock = yield* Policy.make("stock", { timeout: "1 minute" })
 *   yield* Policy.reloadOn(stock, Stream.make("changed"), { provider })
 *   yield* Effect.sleep("5 millis")
 *   return String(stock)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "stock: Timeout(1s)"
 * ```
 */
export const reloadOn = <X, B, R2, E, R, E3 = never, R3 = never>(
  policy: Policy<X, B, R2>,
  changes: Stream.Stream<unknown, E, R>,
  options: ReloadOptions<E3, R3> = {}
): Effect.Effect<void, never, R | R3 | Scope.Scope> => {
  const { path, provider } = options
  const reload = policy.reload(path)
  const once =
    provider === undefined
      ? reload
      : Effect.flatMap(provider, (now) => Effect.provideService(reload, ConfigProvider.ConfigProvider, now))
  const kept = Effect.catchCause(once, (cause) =>
    Effect.logWarning("the new options are refused, the old ones stay", cause).pipe(
      Effect.annotateLogs({ policy: policy.name })
    )
  )
  const ended = (cause: Cause.Cause<E>) =>
    Effect.logWarning("nobody says any more when the options change", cause).pipe(
      Effect.annotateLogs({ policy: policy.name })
    )
  return Stream.runForEach(changes, () => kept).pipe(
    Effect.catchCause(ended),
    Effect.forkScoped({ startImmediately: true }),
    Effect.asVoid
  )
}

/** The class that {@link Service} makes. */
export interface ServiceClass<Self, Id extends string, X, B, R2> extends PolicyService<Self, Id, Policy<X, B, R2>> {
  /** Protects an effect by the pipeline that the program provides. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | B, E | X, R | R2 | Self>
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
  <const Id extends string, const O extends Options>(
    id: Id,
    options: Options & O
  ): ServiceClass<Self, Id, Adds<O>[Failing], Adds<O>[Answering], Adds<O>["needs"]> =>
    serviceOf<Policy<unknown, unknown, unknown>>("Policy", id, {
      make: make<Options>(id, options),
      fromConfig: (path) => fromConfig<Options>(id, { path, defaults: options }),
      protect
    })
