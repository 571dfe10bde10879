/** How long to wait before the next try. */
import { Duration, Effect, Pipeable, Predicate, Random, Schedule } from "effect"
import { millis, refuse } from "../internal/check.ts"
import { Delays, type Formula, type Growth, type Jitter as JitterFormula } from "./formulas.ts"

const TypeId = "~@holdfast/resilience/Backoff"

/**
 * An immutable rule for the delays between tries. It holds no counter: one value serves any number of calls at once.
 */
export interface Backoff extends Pipeable.Pipeable {
  readonly [TypeId]: typeof TypeId
  /** The rule itself, in milliseconds. */
  readonly formula: Formula
}

/**
 * How delays are spread. `d` is the delay before jitter:
 *
 * - `"none"`: `d`
 * - `"full"`: anywhere in `[0, d)`
 * - `"equal"`: anywhere in `[d/2, d)`
 * - `{ plusMinus: f }`: anywhere in `[d·(1−f), d·(1+f))`, `f` from 0 to 1
 * - `{ upTo: "99 millis" }`: anywhere in `[d, d + 99 ms)`
 */
export type Jitter = "none" | "full" | "equal" | { readonly plusMinus: number } | { readonly upTo: Duration.Input }

/** What every backoff accepts. */
export interface Options {
  /** How delays are spread. Default: `"none"`. */
  readonly jitter?: Jitter | undefined
  /** No delay is longer, jitter included. More than 0. Default: 1 day. */
  readonly cap?: Duration.Input | undefined
}

const Proto = {
  [TypeId]: TypeId,
  ...Pipeable.Prototype
}

const jitterOf = (path: string, jitter: Jitter | undefined): JitterFormula => {
  if (jitter === undefined || jitter === "none") return { kind: "none" }
  if (jitter === "full" || jitter === "equal") return { kind: jitter }
  if (Predicate.hasProperty(jitter, "plusMinus")) {
    const { plusMinus } = jitter
    return plusMinus >= 0 && plusMinus <= 1
      ? { kind: "proportional", factor: plusMinus }
      : refuse(`${path}.jitter.plusMinus`, "a number from 0 to 1")
  }
  if (Predicate.hasProperty(jitter, "upTo")) {
    return { kind: "additive", max: millis(`${path}.jitter.upTo`, jitter.upTo) }
  }
  return refuse(`${path}.jitter`, `"none", "full", "equal", { plusMinus } or { upTo }`)
}

const make = (name: string, growth: Growth, options: Options = {}): Backoff => {
  const self = Object.create(Proto) as { formula: Formula }
  self.formula = {
    growth,
    jitter: jitterOf(`Backoff.${name}`, options.jitter),
    cap: millis(`Backoff.${name}.cap`, options.cap ?? "1 day", { above: 0 })
  }
  return self as Backoff
}

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
export const isBackoff = (u: unknown): u is Backoff => Predicate.hasProperty(u, TypeId)

/** No wait at all. The example of {@link isBackoff} has it. */
export const none: Backoff = make("none", { kind: "constant", base: 0 })

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
export const constant = (delay: Duration.Input, options?: Options): Backoff =>
  make("constant", { kind: "constant", base: millis("Backoff.constant.delay", delay) }, options)

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
export const linear = (step: Duration.Input, options?: Options): Backoff =>
  make("linear", { kind: "linear", base: millis("Backoff.linear.step", step) }, options)

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
export const listed = (delays: ReadonlyArray<Duration.Input>, options?: Options): Backoff => {
  const all = delays.map((delay, i) => millis(`Backoff.listed.${i}`, delay))
  const base = all[0] ?? refuse("Backoff.listed", "at least one delay")
  return make("listed", { kind: "listed", base, delays: all }, options)
}

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
export const exponential = (
  base: Duration.Input,
  options: Options & { readonly factor?: number | undefined } = {}
): Backoff => {
  const factor = options.factor ?? 2
  if (!(Number.isFinite(factor) && factor >= 1)) refuse("Backoff.exponential.factor", "a finite number, 1 or more")
  return make("exponential", { kind: "exponential", base: millis("Backoff.exponential.base", base), factor }, options)
}

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
export const decorrelated = (
  base: Duration.Input,
  options: Pick<Options, "cap"> & { readonly version?: 1 | 2 | undefined } = {}
): Backoff =>
  make(
    "decorrelated",
    {
      kind: options.version === 1 ? "decorrelated_v1" : "decorrelated_v2",
      base: millis("Backoff.decorrelated.base", base)
    },
    { cap: options.cap }
  )

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
