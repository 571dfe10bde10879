import type { ConfigError, Reasons } from "@holdfast/core"
import { checkOne, placeOf, refusing, section, under } from "@holdfast/core/options"
import { Clock, Effect, Function, type Scope, type Stream } from "effect"
import { type AnyFiber, nowOf } from "../internal/fiber.ts"
import { type Guard, GuardId, type Guarding } from "./guard.ts"
import * as Control from "./control.ts"
import * as Machine from "./machine.ts"
import type { Transition } from "./transition.ts"
import { type Options, table } from "./options.ts"
import type { Registry } from "./registry.ts"
import { decodeScheduled, type Scheduled } from "./schedule.ts"
import { drawOf, type Event, type Health, type Shell } from "./shell.ts"
import * as Snapshots from "./snapshot.ts"

/** One circuit, for one dependency. Make it once and share it: a breaker per call can never open. */
export interface CircuitBreaker extends Guard {
  /** The state now. A circuit whose open time is over is `half_open`, even before the first probe. */
  readonly state: Effect.Effect<Machine.State>
  /**
   * Closes the circuit to traffic while the scope is open. Counted: traffic flows again, with a fresh circuit, when the
   * last of several isolations has ended.
   */
  readonly isolate: Effect.Effect<void, never, Scope.Scope>
  /**
   * Hands the circuit to an operator, until the next mode: `isolated` lets nothing through, `disabled` lets everything
   * through and looks at nothing, `metrics_only` lets everything through and counts, `automatic` gives it back, fresh. An
   * isolation goes before every mode. Anything else is refused.
   */
  readonly setMode: (mode: Machine.Mode) => Effect.Effect<void, ConfigError.InvalidValue>
  /** Closes the circuit and forgets what it saw. An isolation and a mode stay. */
  readonly reset: Effect.Effect<void>
  /** How it is doing. */
  readonly health: Effect.Effect<Health>
  /** What the circuit knows, to be taken up by another process. See {@link Snapshot}, its Schema. */
  readonly snapshot: Effect.Effect<Snapshots.Snapshot>
  /**
   * Takes up a snapshot: the time it was put away counts as time open. Counts are taken over if the rule for opening is
   * the same. In the hands of an operator it is taken up when they let go. Fails, and names the member, if it cannot be one of this circuit under these options.
   */
  readonly restore: (snapshot: Snapshots.Snapshot) => Effect.Effect<void, ConfigError.InvalidValue>
  /**
   * Other options for the living circuit. State, growth and open time stay, and what was counted if the rule for opening
   * is the same. Calls in flight finish, judged by the `classify` and `outcomes` that they were let through under; under
   * another rule than theirs they count for nothing. The name stays.
   */
  readonly reconfigure: (options: Omit<Scheduled<Options>, "name">) => Effect.Effect<void, ConfigError.InvalidValue>
}

/** What {@link CircuitBreaker} is inside. */
export abstract class Handle implements CircuitBreaker, Guarding {
  readonly [GuardId] = { _X: Function.identity }
  readonly shell: Shell

  constructor(shell: Shell) {
    this.shell = shell
  }

  /** Which circuit of a keyed breaker. */
  abstract readonly key: string | undefined
  /** `isKept` if what happens to it must not be forgotten. */
  abstract locate(fiber: AnyFiber, isKept?: boolean): Machine.Circuit
  abstract apply(settings: Machine.Settings): Effect.Effect<void>
  /** An operator has acted on the circuit. */
  abstract operated(): void

  get name(): string {
    return this.shell.name
  }

  guard<A, E, R>(fiber: AnyFiber, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Reasons.CircuitOpen, R> {
    return this.shell.run(fiber, this.locate(fiber), this.key, self)
  }

  get state(): Effect.Effect<Machine.State> {
    return this.#control(Machine.settle, (circuit) => circuit.state)
  }

  get reset(): Effect.Effect<void> {
    return this.#control(Control.reset, Function.constVoid)
  }

  get isolate(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(this.#control(Control.isolate, Function.constVoid, true), () =>
      this.#control((circuit, now, _draw, steps) => Control.endIsolation(circuit, now, steps), Function.constVoid, true)
    )
  }

  get transitions(): Stream.Stream<Transition> {
    return this.shell.observer.transitions
  }

  get health(): Effect.Effect<Health> {
    return Effect.withFiber((fiber) => this.shell.health(this.locate(fiber), this.key))
  }

  get snapshot(): Effect.Effect<Snapshots.Snapshot> {
    return Effect.withFiber((fiber) =>
      this.#control(Machine.settle, (circuit, now) => Snapshots.take(circuit, this.name, this.key, now, wallOf(fiber)))
    )
  }

  setMode(mode: Machine.Mode): Effect.Effect<void, ConfigError.InvalidValue> {
    return Effect.andThen(
      refusing(() => checkOne(under(placeOf("CircuitBreaker", this.name), "setMode"), table.mode, mode)),
      this.#control(
        (circuit, now, draw, steps) => Control.setMode(circuit, mode, now, draw, steps),
        Function.constVoid,
        true
      )
    )
  }

  restore(snapshot: Snapshots.Snapshot): Effect.Effect<void, ConfigError.InvalidValue> {
    const at = under(placeOf("CircuitBreaker", this.name), "restore")
    return Effect.withFiber((fiber) => {
      const { settings } = this.locate(fiber)
      return Effect.andThen(
        refusing(() => Snapshots.checkSnapshot(at, snapshot, this.name, this.key, settings)),
        this.#control(
          (circuit, now, draw, steps) => {
            const age = Math.max(0, wallOf(fiber) - snapshot.at)
            Control.restore(circuit, snapshot, now - age, now, draw, steps)
          },
          Function.constVoid,
          true
        )
      )
    })
  }

  reconfigure(options: Omit<Scheduled<Options>, "name">): Effect.Effect<void, ConfigError.InvalidValue> {
    const at = placeOf("CircuitBreaker", this.name)
    return Effect.flatMap(
      Effect.andThen(
        refusing(() => checkOne(at, section, options)),
        decodeScheduled(at, { ...options, name: this.name })
      ),
      (settings) => {
        this.shell.judge = { classify: options.classify, outcomes: options.outcomes }
        return this.apply(settings)
      }
    )
  }

  protected play(event: Event): Effect.Effect<void> {
    return this.#control(event, Function.constVoid)
  }

  #control<A>(event: Event, view: (circuit: Machine.Circuit, now: number) => A, isKept?: boolean): Effect.Effect<A> {
    return Effect.withFiber((fiber) => {
      const circuit = this.locate(fiber, isKept)
      return this.shell.control(circuit, this.key, event, (now) => {
        if (isKept === true) this.operated()
        return view(circuit, now)
      })
    })
  }
}

const wallOf = (fiber: AnyFiber): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

export class Single extends Handle {
  readonly circuit: Machine.Circuit

  constructor(shell: Shell, circuit: Machine.Circuit) {
    super(shell)
    this.circuit = circuit
  }

  get key(): undefined {
    return undefined
  }

  locate(): Machine.Circuit {
    return this.circuit
  }

  operated(): void {}

  apply(settings: Machine.Settings): Effect.Effect<void> {
    return this.play((circuit, now, draw, steps) => Control.reconfigure(circuit, settings, now, draw, steps))
  }
}

/** One circuit of many. It is looked up anew at every use, because an idle one may be forgotten. */
export class KeyHandle extends Handle {
  readonly registry: Registry
  readonly key: string

  constructor(shell: Shell, registry: Registry, key: string) {
    super(shell)
    this.registry = registry
    this.key = key
  }

  locate(fiber: AnyFiber, isKept?: boolean): Machine.Circuit {
    return this.registry.locate(this.key, nowOf(fiber), fiber, isKept)
  }

  operated(): void {
    this.registry.operated()
  }

  apply(settings: Machine.Settings): Effect.Effect<void> {
    return reconfigureAll(this.shell, this.registry, settings)
  }
}

/** Every circuit of the breaker gets them, and every later one: one breaker has one set of options. */
const reconfigureAll = (shell: Shell, registry: Registry, settings: Machine.Settings): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    registry.settings = settings
    const applied = Effect.forEach(
      registry.entries(nowOf(fiber), drawOf(fiber)),
      ([key, circuit]) =>
        shell.control(
          circuit,
          key,
          (circuit, now, draw, steps) => Control.reconfigure(circuit, settings, now, draw, steps),
          Function.constVoid
        ),
      { discard: true }
    )
    return Effect.ensuring(
      applied,
      Effect.sync(() => registry.operated())
    )
  })
