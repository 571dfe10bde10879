import { ConfigError } from "@holdfast/core"
import { Effect, Function, Pipeable, Semaphore, type Types } from "effect"
import * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import { refusing } from "../internal/check.ts"
import { read } from "./config.ts"
import { Durations } from "./measure.ts"
import { type Compiled, compileAll, type Options, recommended, type Stage } from "./options.ts"
import { type Protect, protection } from "./run.ts"

const TypeId = "~@holdfast/resilience/Policy"

/** A pipeline. `X` is what it adds to the failures of an effect. */
export interface Policy<out X = never> extends Pipeable.Pipeable {
  readonly [TypeId]: { readonly _X: Types.Covariant<X> }
  readonly name: string
  /** Its stages, outermost first. */
  readonly stages: ReadonlyArray<Stage>
  /** Its breaker, if it has one. */
  readonly circuitBreaker: CircuitBreaker.CircuitBreaker | undefined
  /**
   * Other options for the living pipeline. Its circuit keeps its state, its open time and, under the same rule, its
   * counts; calls in flight finish as they began. Fails, and changes nothing, when an option is wrong.
   */
  readonly reconfigure: (options: Options) => Effect.Effect<void, ConfigError.InvalidValue>
  /** Reads the options again from the `ConfigProvider`, and takes them as `reconfigure` does. */
  readonly reload: (path?: string) => Effect.Effect<void, ConfigError.InvalidValue>
  /** `payments: Timeout(30s) → Retry(3 attempts, …) → CircuitBreaker(…) → Timeout(2s)`. */
  readonly toString: () => string
}

export class Pipeline extends Pipeable.Class implements Policy {
  readonly [TypeId] = { _X: Function.identity }
  readonly name: string
  stages: ReadonlyArray<Compiled>
  circuitBreaker: CircuitBreaker.CircuitBreaker | undefined
  protect: Protect
  readonly #oneAtATime = Semaphore.makeUnsafe(1)
  #durations: Durations | undefined
  #measures: boolean

  constructor(
    name: string,
    stages: ReadonlyArray<Compiled>,
    breaker: CircuitBreaker.CircuitBreaker | undefined,
    measure: boolean
  ) {
    super()
    this.name = name
    this.stages = stages
    this.circuitBreaker = breaker
    this.#measures = measure
    this.protect = this.#protection()
  }

  #protection(): Protect {
    const plain = protection(this.stages, this.circuitBreaker)
    return this.#measures ? (this.#durations ??= new Durations(this.name)).around(plain) : plain
  }

  reconfigure(options: Options): Effect.Effect<void, ConfigError.InvalidValue> {
    return this.#take(Effect.succeed(options), `Policy.${this.name}`)
  }

  reload(path = this.name): Effect.Effect<void, ConfigError.InvalidValue> {
    return this.#take(read(path), path)
  }

  #take(
    options: Effect.Effect<Options, ConfigError.InvalidValue>,
    path: string
  ): Effect.Effect<void, ConfigError.InvalidValue> {
    return Effect.gen({ self: this }, function* () {
      const taken = yield* options
      const stages = yield* compiled(recommended(taken), this.name, path)
      const breaker = yield* breakerOf(stages, this.name, this.circuitBreaker)
      this.stages = stages
      this.circuitBreaker = breaker
      this.#measures = taken.measure ?? this.#measures
      this.protect = this.#protection()
    }).pipe(this.#oneAtATime.withPermit, Effect.uninterruptible)
  }

  override toString(): string {
    return `${this.name}: ${this.stages.map(({ text }) => text).join(" → ")}`
  }
}

const compiled = (steps: ReturnType<typeof recommended>, name: string, path: string) =>
  refusing(() => compileAll(steps, name, path))

/** The breaker of the stages: the living one with other options, or a new one. */
const breakerOf = (
  stages: ReadonlyArray<Compiled>,
  name: string,
  living?: CircuitBreaker.CircuitBreaker
): Effect.Effect<CircuitBreaker.CircuitBreaker | undefined, ConfigError.InvalidValue> => {
  const stage = stages.find((stage) => stage.kind === "circuitBreaker")
  if (stage?.kind !== "circuitBreaker") return Effect.succeed(undefined)
  return living === undefined
    ? CircuitBreaker.make({ ...stage.options, name })
    : Effect.as(living.reconfigure(stage.options), living)
}

/** Checks the stages and puts them together, with a circuit of their own if they have one. */
export const build = (steps: ReturnType<typeof recommended>, name: string, path: string, measure = false) =>
  Effect.gen(function* () {
    if (name === "") {
      return yield* new ConfigError.InvalidValue({ path: "Policy.name", expected: "a text that is not empty" })
    }
    const stages = yield* compiled(steps, name, path)
    return new Pipeline(name, stages, yield* breakerOf(stages, name), measure)
  })
