import { Redaction } from "@holdfast/core"
import { Clock, Context, Duration, Effect, Function, Metric, PubSub, Random, Stream } from "effect"
import type { Draw } from "../backoff/formulas.ts"
import { Listener, tell } from "../events/event.ts"
import { Counters } from "../internal/counters.ts"
import { type AnyFiber, monotonicMillis, nowOf, spanEvent } from "../internal/fiber.ts"
import { printable } from "./key.ts"
import type { State, Step } from "./machine.ts"
import type { Transition } from "./transition.ts"

const describe: Readonly<Record<State, string>> = {
  closed: "closed",
  open: "opened",
  half_open: "half-opened",
  isolated: "isolated",
  disabled: "disabled",
  metrics_only: "reduced to counting"
}

/** Every state, in the order of the series. */
export const states = Object.keys(describe) as ReadonlyArray<State>

/** Everything a circuit tells the world. Nothing of it can change the result of a call. */
export class Observer {
  readonly circuit: string
  /** Calls refused so far. */
  rejections = 0
  /** Results that came after the state had changed, and counted for nothing. */
  lateResults = 0
  #hub: PubSub.PubSub<Transition> | undefined
  readonly #changes: Counters

  constructor(circuit: string) {
    this.circuit = circuit
    this.#changes = new Counters("resilience.circuit_breaker.transitions", "Changes of state of a circuit", {
      name: circuit
    })
  }

  get transitions(): Stream.Stream<Transition> {
    return Stream.unwrap(Effect.map(PubSub.sliding<Transition>(128), (hub) => Stream.fromPubSub((this.#hub ??= hub))))
  }

  /**
   * Series that are read when somebody asks: a rejection costs no more than a count, and the states can never disagree with
   * the circuit. A later breaker of the same name takes them over.
   */
  register(fiber: AnyFiber, count?: (state: State, now: number, draw: Draw) => number): void {
    this.#counter(
      "rejections",
      "Calls that an open, half-open or isolated circuit refused",
      () => this.rejections,
      fiber
    )
    this.#counter(
      "late_results",
      "Results of calls that were admitted before the state or the rule changed, and count for nothing",
      () => this.lateResults,
      fiber
    )
    if (count === undefined) return
    for (const state of states) {
      const gauge = Metric.gauge("resilience.circuit_breaker.state", {
        description: "Circuits in this state now: 0 or 1 for a breaker without keys",
        attributes: { name: this.circuit, state }
      })
      Metric.registerUnsafe(gauge, fiber.context, {
        get: (context) => {
          const random = Context.get(context, Random.Random)
          const now = monotonicMillis(Context.get(context, Clock.Clock))
          return { value: count(state, now, () => random.nextDoubleUnsafe()) }
        },
        update: Function.constVoid,
        modify: Function.constVoid
      })
    }
  }

  transitioned(steps: ReadonlyArray<Step>, key: string | undefined): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const wallMinusMonotonic = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() - nowOf(fiber)
      return Effect.forEach(steps, (step) => this.#transitioned(step, key, wallMinusMonotonic, fiber), {
        discard: true
      })
    }).pipe(
      // A listener that fails must not fail the call; an interruption must not lose the event.
      Effect.catchCause(() => Effect.void),
      Effect.uninterruptible
    )
  }

  #transitioned(step: Step, key: string | undefined, wallMinusMonotonic: number, fiber: AnyFiber): Effect.Effect<void> {
    const { from, openFor, openings, reason, to } = step
    this.#changes.add(fiber, { from, to })
    spanEvent(fiber, "resilience.circuit_breaker.transition", {
      "resilience.circuit_breaker.name": this.circuit,
      "resilience.circuit_breaker.previous_state": from,
      "resilience.circuit_breaker.state": to,
      ...(reason === undefined ? undefined : { "resilience.circuit_breaker.reason": reason })
    })
    const log = to === "open" ? Effect.logWarning : Effect.logInfo
    const logged = Effect.suspend(() => {
      const shown = key === undefined ? undefined : printable(fiber.getRef(Redaction.Redaction).text(key))
      const name = shown === undefined ? this.circuit : `${this.circuit}/${shown}`
      return log(`circuit ${name} ${describe[to]}`).pipe(
        Effect.annotateLogs({
          circuit: this.circuit,
          from,
          to,
          openings,
          ...(shown === undefined ? undefined : { key: shown }),
          ...(reason === undefined ? undefined : { reason }),
          ...(openFor === undefined ? undefined : { open_for_ms: openFor })
        })
      )
    })
    const hub = this.#hub
    const listener = fiber.getRef(Listener)
    if (hub === undefined && listener === undefined) return logged
    const transition: Transition = {
      circuit: this.circuit,
      from,
      to,
      at: step.at + wallMinusMonotonic,
      openings,
      ...(key === undefined ? undefined : { key }),
      ...(reason === undefined ? undefined : { reason }),
      ...(openFor === undefined ? undefined : { openFor: Duration.millis(openFor) })
    }
    if (listener !== undefined) tell(listener, { _tag: "CircuitTransition", ...transition })
    return hub === undefined ? logged : Effect.ensuring(Effect.asVoid(PubSub.publish(hub, transition)), logged)
  }

  #counter(id: string, description: string, count: () => number, fiber: AnyFiber): void {
    const counter = Metric.counter(`resilience.circuit_breaker.${id}`, {
      description,
      attributes: { name: this.circuit },
      incremental: true
    })
    Metric.registerUnsafe(counter, fiber.context, {
      get: () => ({ count: count(), incremental: true }),
      update: Function.constVoid,
      modify: Function.constVoid
    })
  }
}
