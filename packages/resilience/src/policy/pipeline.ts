import type { ConfigError } from "@holdfast/core"
import { type At, checkOne, name as named, placeOf, refusing, under } from "@holdfast/core/options"
import { ConfigProvider, Context, Effect, Function, Pipeable, Semaphore, type Types } from "effect"
import { Budget } from "../budget/budget.ts"
import { type Kind, ruleOf } from "../budget/kinds.ts"
import type * as RetryBudget from "../budget/RetryBudget.ts"
import * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import { unscheduled } from "../circuit-breaker/schedule.ts"
import { placeIn } from "../internal/config.ts"
import { read } from "./config.ts"
import { Durations } from "./measure.ts"
import { checkWhole, type Options, recommended, type Step } from "./options.ts"
import { compileAll } from "./order.ts"
import type { Compiled, Stage } from "./stage.ts"
import { type Protect, protection } from "./run.ts"

const TypeId = "~@holdfast/resilience/Policy"

/** How a pipeline is doing: each of its parts that remembers something. */
export interface Health {
  readonly policy: string
  readonly circuitBreaker?: CircuitBreaker.Health
  readonly retryBudget?: RetryBudget.Health
}

/**
 * A pipeline. `X` is what it adds to the failures of an effect, `B` what its fallback adds to the values, `R` what its
 * fallback needs.
 */
export interface Policy<out X = never, out B = never, out R = never> extends Pipeable.Pipeable {
  readonly [TypeId]: {
    readonly _X: Types.Covariant<X>
    readonly _B: Types.Covariant<B>
    readonly _R: Types.Covariant<R>
  }
  readonly name: string
  /** Its stages, outermost first. */
  readonly stages: ReadonlyArray<Stage>
  /** Its breaker, if it has one. */
  readonly circuitBreaker: CircuitBreaker.CircuitBreaker | undefined
  /** The budget of its own, if it has one. */
  readonly retryBudget: RetryBudget.RetryBudget | undefined
  /** How it is doing. */
  readonly health: Effect.Effect<Health>
  /**
   * Other options for the living pipeline. Its circuit keeps its state, its open time and, under the same rule, its
   * counts, also when one reload drops it and a later one brings it back; calls in flight finish as they began. `measure` stays as
   * it is where it is not said. Fails, and changes nothing, when an option is wrong.
   */
  readonly reconfigure: (options: Options) => Effect.Effect<void, ConfigError.InvalidValue>
  /**
   * Reads the options again, and takes them as `reconfigure` does: from the `ConfigProvider` that is provided here, else from
   * the one they were read from. What is not configured is as it was written in code. The path is the one it was read from,
   * or its name.
   */
  readonly reload: (path?: string) => Effect.Effect<void, ConfigError.InvalidValue>
  /** `payments: Timeout(30s) → Retry(3 attempts, …) → CircuitBreaker(…) → Timeout(2s)`. */
  readonly toString: () => string
}

/** What remembers something. It lives as long as its pipeline, also while no stage uses it. */
interface Living {
  readonly circuitBreaker: CircuitBreaker.CircuitBreaker | undefined
  readonly retryBudget: Budget | undefined
}

/** What a pipeline is made of now. */
interface Parts extends Living {
  readonly stages: ReadonlyArray<Compiled>
  readonly living: Living
}

/** Where the options come from when they are read again. */
interface Origin {
  readonly path: string
  readonly defaults: Options
  readonly provider?: ConfigProvider.ConfigProvider
}

export class Pipeline extends Pipeable.Class implements Policy {
  readonly [TypeId] = { _X: Function.identity, _B: Function.identity, _R: Function.identity }
  readonly name: string
  readonly #origin: Origin
  readonly #oneAtATime = Semaphore.makeUnsafe(1)
  protect: Protect
  #parts: Parts
  #durations: Durations | undefined
  #measures: boolean

  constructor(name: string, origin: Origin, parts: Parts, measure: boolean) {
    super()
    this.name = name
    this.#origin = origin
    this.#parts = parts
    this.#measures = measure
    this.protect = this.#protection()
  }

  get stages(): ReadonlyArray<Compiled> {
    return this.#parts.stages
  }

  get circuitBreaker(): CircuitBreaker.CircuitBreaker | undefined {
    return this.#parts.circuitBreaker
  }

  get retryBudget(): Budget | undefined {
    return this.#parts.retryBudget
  }

  get health(): Effect.Effect<Health> {
    return Effect.gen({ self: this }, function* () {
      const { circuitBreaker, retryBudget } = this.#parts
      return {
        policy: this.name,
        ...(circuitBreaker && { circuitBreaker: yield* circuitBreaker.health }),
        ...(retryBudget && { retryBudget: yield* retryBudget.health })
      }
    })
  }

  #protection(): Protect {
    const plain = protection(this.stages, this.circuitBreaker)
    return this.#measures ? (this.#durations ??= new Durations(this.name)).around(plain) : plain
  }

  reconfigure(options: Options): Effect.Effect<void, ConfigError.InvalidValue> {
    return this.#take(Effect.succeed(options), placeOf("Policy", this.name))
  }

  reload(path = this.#origin.path): Effect.Effect<void, ConfigError.InvalidValue> {
    const { defaults, provider } = this.#origin
    const again = Effect.withFiber<Options, ConfigError.InvalidValue>((fiber) => {
      const options = read(this.name, path, defaults, true)
      // The default provider knows the environment only, and whoever reloads rarely thinks of providing one.
      const isProvided = Context.getOrUndefined(fiber.context, ConfigProvider.ConfigProvider) !== undefined
      return provider === undefined || isProvided
        ? options
        : Effect.provideService(options, ConfigProvider.ConfigProvider, provider)
    })
    return this.#take(again, placeIn(path))
  }

  #take(
    options: Effect.Effect<Options, ConfigError.InvalidValue>,
    at: At
  ): Effect.Effect<void, ConfigError.InvalidValue> {
    const take = (taken: Options) =>
      Effect.gen({ self: this }, function* () {
        yield* refusing(() => checkWhole(at, taken))
        this.#parts = yield* assemble(at, recommended(taken), this.name, taken.retryBudget, this.#parts.living)
        this.#measures = taken.measure ?? this.#measures
        this.protect = this.#protection()
      })
    // Whoever reads may have to wait, and may be stopped; what was read is taken as a whole.
    return this.#oneAtATime.withPermit(Effect.flatMap(options, (taken) => Effect.uninterruptible(take(taken))))
  }

  override toString(): string {
    return `${this.name}: ${this.stages.map(({ text }) => text).join(" → ")}`
  }
}

type Places = ReadonlyArray<readonly [place: string, step: Step]>

/** A schedule of open times is played while the pipeline is built; the stage is made of what it played. */
const played = (at: At, steps: Places): Effect.Effect<Places, ConfigError.InvalidValue> =>
  Effect.forEach(steps, ([place, step]): Effect.Effect<Places[number], ConfigError.InvalidValue> =>
    step.kind === "circuitBreaker"
      ? Effect.map(unscheduled(under(at, place), step.options), (options) => [place, { ...step, options }] as const)
      : Effect.succeed([place, step])
  )

/** The budget of one's own: the living one while its rule is the same. */
const budgetFor = (at: At, name: string, kind: Kind | undefined, living?: Budget): Budget | undefined => {
  if (kind === undefined) return undefined
  const rule = ruleOf(under(at, "retryBudget"), kind)
  return living?.counts(rule) === true ? living : new Budget(name, rule)
}

/** The breaker of the stages: the living one with other options, or a new one. */
const breakerFor = (stages: ReadonlyArray<Compiled>, name: string, living?: CircuitBreaker.CircuitBreaker) =>
  Effect.gen(function* () {
    const stage = stages.find((stage) => stage.kind === "circuitBreaker")
    if (stage?.kind !== "circuitBreaker") return undefined
    if (living === undefined) return yield* CircuitBreaker.make({ ...stage.options, name })
    yield* living.reconfigure(stage.options)
    return living
  })

/** Checks everything, and only then puts it together with what is alive already and shows it to the metrics. */
const assemble = (
  at: At,
  steps: Places,
  name: string,
  kind: Kind | undefined,
  living?: Living
): Effect.Effect<Parts, ConfigError.InvalidValue> =>
  Effect.gen(function* () {
    const retryBudget = yield* refusing(() => budgetFor(at, name, kind, living?.retryBudget))
    const all = yield* played(at, steps)
    const stages = yield* refusing(() => compileAll(at, all, name, retryBudget))
    const circuitBreaker = yield* breakerFor(stages, name, living?.circuitBreaker)
    if (retryBudget !== living?.retryBudget)
      yield* Effect.withFiber((fiber) => Effect.sync(() => retryBudget?.register(fiber)))
    return {
      stages,
      circuitBreaker,
      retryBudget,
      living: {
        circuitBreaker: circuitBreaker ?? living?.circuitBreaker,
        retryBudget: retryBudget ?? living?.retryBudget
      }
    }
  })

/** A new pipeline. */
export const build = (
  at: At,
  name: string,
  origin: Origin,
  steps: () => Places,
  options: Pick<Options, "retryBudget" | "measure"> = {}
): Effect.Effect<Pipeline, ConfigError.InvalidValue> =>
  Effect.gen(function* () {
    yield* refusing(() => checkOne({ path: "Policy.name" }, named, name))
    const parts = yield* assemble(at, yield* refusing(steps), name, options.retryBudget)
    return new Pipeline(name, origin, parts, options.measure ?? false)
  })

/** A new pipeline in the recommended order. */
export const buildRecommended = (
  at: At,
  name: string,
  origin: Origin,
  options: Options
): Effect.Effect<Pipeline, ConfigError.InvalidValue> =>
  build(
    at,
    name,
    origin,
    () => {
      checkWhole(at, options)
      return recommended(options)
    },
    options
  )
