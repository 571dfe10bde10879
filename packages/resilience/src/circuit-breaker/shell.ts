import { Classifier, Failure, Reasons } from "@holdfast/core"
import { Cause, Duration, Effect, Exit, Random } from "effect"
import { emit, Listener } from "../events/event.ts"
import { type AnyFiber, nowOf } from "../internal/fiber.ts"
import { readable } from "./key.ts"
import * as Machine from "./machine.ts"
import { Observer } from "./observe.ts"
import type { Options } from "./options.ts"
import { hintOf, outcomeOf } from "./outcome.ts"
import type { Standing } from "./tally.ts"

/** How a circuit is doing. */
export interface Health {
  readonly circuit: string
  /** Which circuit of a keyed breaker. */
  readonly key?: string
  readonly state: Machine.State
  /** Openings in a row without a recovery that lasted. */
  readonly openings: number
  /** When the next call may be let through. Only while calls are rejected and the end is known. */
  readonly retryAfter?: Duration.Duration
  /** What each rule for opening has counted. Empty for custom rules. */
  readonly rules: ReadonlyArray<Standing>
  /** Calls the circuit refused so far. */
  readonly rejections: number
  /** Results that came after the state or the rule had changed, and counted for nothing. */
  readonly lateResults: number
}

/** What a rejection says. */
interface Rejected {
  circuit: string
  state: Reasons.CircuitOpen["state"]
  key?: string
  retryAfter?: Duration.Duration
}

export const drawOf = (fiber: AnyFiber) => () => fiber.getRef(Random.Random).nextDoubleUnsafe()

/** One event of the machine. */
export type Event = (circuit: Machine.Circuit, now: number, draw: () => number, steps: Array<Machine.Step>) => void

/** How results are judged. A call keeps the one it was let through under. */
type Judge = Pick<Options, "classify" | "outcomes">

/** What all circuits of one breaker share: what it is called, how it judges, and whom it tells. */
export class Shell {
  readonly name: string
  readonly observer: Observer
  judge: Judge

  constructor({ classify, name, outcomes }: Judge & Pick<Options, "name">) {
    this.name = name
    this.observer = new Observer(name)
    this.judge = { classify, outcomes }
  }

  /** Plays an event, tells of its transitions, and gives what there is to see afterwards. */
  control<A>(
    circuit: Machine.Circuit,
    key: string | undefined,
    event: Event,
    view: (now: number) => A
  ): Effect.Effect<A> {
    return Effect.withFiber((fiber) => {
      const steps: Array<Machine.Step> = []
      const now = nowOf(fiber)
      // A custom rule for opening is the application's own function, and may throw when it is to forget.
      let result: Effect.Effect<A>
      try {
        event(circuit, now, drawOf(fiber), steps)
        result = Effect.succeed(view(now))
      } catch (error) {
        result = Effect.die(error)
      }
      return steps.length === 0 ? result : Effect.andThen(this.observer.transitioned(steps, key), result)
    })
  }

  health(circuit: Machine.Circuit, key: string | undefined): Effect.Effect<Health> {
    return this.control(circuit, key, Machine.settle, (now) => {
      const retryAfter = Machine.retryAfter(circuit, now)
      return {
        circuit: this.name,
        ...(key === undefined ? undefined : { key }),
        state: circuit.state,
        openings: circuit.trouble?.openings ?? 0,
        ...(retryAfter === undefined ? undefined : { retryAfter: Duration.millis(retryAfter) }),
        rules: circuit.tally.standing(now),
        rejections: circuit.trouble?.rejections ?? 0,
        lateResults: circuit.trouble?.lateResults ?? 0
      }
    })
  }

  /** Runs the effect if the circuit lets it through, and tells the circuit how it went. */
  run<A, E, R>(
    fiber: AnyFiber,
    circuit: Machine.Circuit,
    key: string | undefined,
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Reasons.CircuitOpen, R> {
    const { generation, state, tally } = circuit
    const { judge } = this
    if (state !== "closed" || tally.watches) {
      const now = nowOf(fiber)
      return Machine.rejects(circuit, now) ? this.#reject(fiber, circuit, key, now) : this.#probe(circuit, key, self)
    }
    // A closed circuit gives out no slots: a call that never reports has cost nothing.
    if (tally.dated || judge.classify !== undefined) {
      const startedAt = tally.measured ? nowOf(fiber) : 0
      return Effect.onExitPrimitive(self, (exit) =>
        this.#complete(fiber, circuit, key, judge, generation, startedAt, exit)
      )
    }
    // A success that needs no date needs no clock.
    return Effect.onExitPrimitive(self, (exit) => {
      if (exit._tag === "Failure" || generation !== circuit.generation) {
        return this.#complete(fiber, circuit, key, judge, generation, 0, exit)
      }
      tally.record(false, 0, 0)
      return undefined
    })
  }

  #reject(
    fiber: AnyFiber,
    circuit: Machine.Circuit,
    key: string | undefined,
    now: number
  ): Effect.Effect<never, Reasons.CircuitOpen> {
    this.observer.rejections++
    // Only a circuit that has moved refuses anything.
    circuit.trouble!.rejections++
    const props: Rejected = { circuit: this.name, state: circuit.state as Reasons.CircuitOpen["state"] }
    // Member by member and in whole milliseconds: in an outage this runs for every call, and spreading would be a third of it.
    if (key !== undefined) props.key = key
    const retryAfter = Machine.retryAfter(circuit, now)
    if (retryAfter !== undefined) props.retryAfter = Duration.millis(Math.ceil(retryAfter))
    // Asked here, so that nothing is allocated while nobody listens.
    if (fiber.getRef(Listener) !== undefined) emit(fiber, () => ({ _tag: "CallRejected", ...props }))
    return Effect.fail(Failure.stackless(Reasons.CircuitOpen, readable(props)))
  }

  /** The result of an admitted call. Runs uninterruptibly, once per call. */
  #complete(
    fiber: AnyFiber,
    circuit: Machine.Circuit,
    key: string | undefined,
    { classify, outcomes }: Judge,
    generation: number,
    startedAt: number,
    exit: Exit.Exit<unknown, unknown>
  ): Effect.Effect<void> | undefined {
    let outcome: Machine.Outcome = "ignored"
    let defect: Effect.Effect<never> | undefined
    if (classify === undefined) {
      outcome = outcomeOf(exit, fiber.getRef(Classifier.Classifier), outcomes)
    } else if (Exit.isSuccess(exit) || !Cause.hasInterruptsOnly(exit.cause)) {
      // The slot goes back whatever the application's own function does.
      try {
        outcome = classify(exit)
      } catch (error) {
        defect = Effect.die(error)
      }
    }
    const steps: Array<Machine.Step> = []
    const hint = outcome === "failure" ? hintOf(exit) : undefined
    // A custom rule for opening is the application's own function, too.
    try {
      const counted = Machine.release(circuit, generation, startedAt, outcome, hint, nowOf(fiber), drawOf(fiber), steps)
      if (!counted) this.observer.lateResults++
    } catch (error) {
      defect ??= Effect.die(error)
    }
    if (steps.length === 0) return defect
    const told = this.observer.transitioned(steps, key)
    return defect === undefined ? told : Effect.andThen(told, defect)
  }

  /** A call whose admission takes something. Whoever holds a probe's slot has its way back installed before. */
  #probe<A, E, R>(
    circuit: Machine.Circuit,
    key: string | undefined,
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Reasons.CircuitOpen, R> {
    let generation = -1
    let startedAt = 0
    let judge = this.judge
    const admitted = Effect.withFiber<A, E | Reasons.CircuitOpen, R>((fiber) => {
      startedAt = nowOf(fiber)
      judge = this.judge
      const steps: Array<Machine.Step> = []
      let next: Effect.Effect<A, E | Reasons.CircuitOpen, R>
      try {
        generation = Machine.acquire(circuit, startedAt, drawOf(fiber), steps)
        next = generation < 0 ? this.#reject(fiber, circuit, key, startedAt) : self
      } catch (error) {
        next = Effect.die(error)
      }
      return steps.length === 0 ? next : Effect.andThen(this.observer.transitioned(steps, key), next)
    })
    return Effect.withFiber((fiber) =>
      Effect.onExitPrimitive(admitted, (exit) =>
        generation < 0 ? undefined : this.#complete(fiber, circuit, key, judge, generation, startedAt, exit)
      )
    )
  }
}
