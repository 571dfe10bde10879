import { Clock, Duration, Effect, Metric, PubSub } from "effect"
import { type AnyFiber, nowOf, spanEvent } from "../internal/fiber.ts"
import type { State, Step } from "./machine.ts"

/** One change of state of a circuit. */
export interface Transition {
  readonly circuit: string
  readonly from: State
  readonly to: State
  /** When, in milliseconds since 1970. A transition is dated when it was due, not when a call noticed. */
  readonly at: number
  /** Openings in a row, this one included. */
  readonly openings: number
  /** How long it stays open. Only when `to` is `open`. */
  readonly openFor?: Duration.Duration
}

const describe: Readonly<Record<State, string>> = {
  closed: "closed",
  open: "opened",
  half_open: "half-opened",
  isolated: "isolated"
}

/** Everything a circuit tells the world. Nothing of it can change the result of a call. */
export class Observer {
  readonly circuit: string
  hub: PubSub.PubSub<Transition> | undefined
  #rejections: Metric.Counter<number> | undefined
  #transitions: Map<string, Metric.Counter<number>> | undefined

  constructor(circuit: string) {
    this.circuit = circuit
  }

  rejected(fiber: AnyFiber): void {
    this.#rejections ??= Metric.counter("resilience.circuit_breaker.rejections", {
      description: "Calls that an open, half-open or isolated circuit refused",
      attributes: { name: this.circuit },
      incremental: true
    })
    this.#rejections.updateUnsafe(1, fiber.context)
  }

  transitioned(steps: ReadonlyArray<Step>): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const wallMinusMonotonic = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() - nowOf(fiber)
      return Effect.forEach(steps, (step) => this.#transitioned(step, wallMinusMonotonic, fiber), { discard: true })
    }).pipe(
      // A listener that fails must not fail the call; an interruption must not lose the event.
      Effect.catchCause(() => Effect.void),
      Effect.uninterruptible
    )
  }

  #transitioned(step: Step, wallMinusMonotonic: number, fiber: AnyFiber): Effect.Effect<void> {
    const { from, openFor, openings, to } = step
    this.#counter(from, to).updateUnsafe(1, fiber.context)
    spanEvent(fiber, "resilience.circuit_breaker.transition", {
      "resilience.circuit_breaker.name": this.circuit,
      "resilience.circuit_breaker.previous_state": from,
      "resilience.circuit_breaker.state": to
    })
    const log = to === "open" ? Effect.logWarning : Effect.logInfo
    const logged = log(`circuit ${this.circuit} ${describe[to]}`).pipe(
      Effect.annotateLogs({
        circuit: this.circuit,
        from,
        to,
        openings,
        ...(openFor === undefined ? undefined : { open_for_ms: openFor })
      })
    )
    const { hub } = this
    if (hub === undefined) return logged
    const transition: Transition = {
      circuit: this.circuit,
      from,
      to,
      at: step.at + wallMinusMonotonic,
      openings,
      ...(openFor === undefined ? undefined : { openFor: Duration.millis(openFor) })
    }
    return Effect.ensuring(Effect.asVoid(PubSub.publish(hub, transition)), logged)
  }

  #counter(from: State, to: State): Metric.Counter<number> {
    const key = `${from} ${to}`
    this.#transitions ??= new Map()
    let counter = this.#transitions.get(key)
    if (counter === undefined) {
      counter = Metric.counter("resilience.circuit_breaker.transitions", {
        description: "Changes of state of a circuit",
        attributes: { name: this.circuit, from, to },
        incremental: true
      })
      this.#transitions.set(key, counter)
    }
    return counter
  }
}
