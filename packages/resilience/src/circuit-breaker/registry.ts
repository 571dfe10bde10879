import type { Draw } from "../backoff/formulas.ts"
import type { AnyFiber } from "../internal/fiber.ts"
import * as Machine from "./machine.ts"
import { drawOf } from "./shell.ts"

/** Entries that one new key looks at for room. Bounds the work of a call when almost nothing may be forgotten. */
const looks = 16

/** How much later a use must be to count as a later one. Keeps the order of use without moving an entry at every call. */
const grain = 1000

/**
 * The circuits of a keyed breaker: at most `capacity` beside what an operator has decided, idle ones for at most
 * `timeToLive`. What must not be forgotten (an open circuit, a probe that is waited for, an operator's decision) stays; so
 * does, until its time to live is over, what has not yet recovered. When there is only that, further keys go untracked.
 */
export class Registry {
  settings: Machine.Settings
  readonly capacity: number
  readonly timeToLive: number
  /** Least recently used first, within the grain. */
  readonly #circuits = new Map<string, Machine.Circuit>()
  /**
   * Where the search in a full map goes on; everything before it is gone. A search from the front would walk over every
   * entry that was deleted there since the map last tidied itself.
   */
  #rest: MapIterator<[string, Machine.Circuit]> | undefined
  /** How many are in an operator's hands; `undefined` since an operator has acted. */
  #held: number | undefined = 0

  constructor(settings: Machine.Settings, capacity: number, timeToLive: number) {
    this.settings = settings
    this.capacity = capacity
    this.timeToLive = timeToLive
  }

  /**
   * The circuit of a key, made if there is none. One step, so that concurrent first uses get one circuit. `isKept` if it must
   * be remembered, whether there is room or not.
   */
  locate(key: string, now: number, fiber: AnyFiber, isKept = false): Machine.Circuit {
    const circuits = this.#circuits
    let circuit = circuits.get(key)
    if (circuit !== undefined && this.#isIdle(circuit, now) && this.#isExpired(circuit, now, drawOf(fiber))) {
      circuits.delete(key)
      circuit = undefined
    }
    const today = Math.floor(now)
    if (circuit === undefined) {
      this.#makeRoom(now, drawOf(fiber))
      circuit = Machine.make(this.settings)
      circuit.usedAt = today
      if (isKept || !this.#isFull()) circuits.set(key, circuit)
    } else if (today - circuit.usedAt >= grain) {
      circuit.usedAt = today
      circuits.delete(key)
      circuits.set(key, circuit)
    }
    return circuit
  }

  /** An operator has acted, or the options for all have changed: who is in whose hands has to be counted again. */
  operated(): void {
    this.#held = undefined
  }

  /** Everything that is not expired. */
  entries(now: number, draw: Draw): ReadonlyArray<readonly [key: string, circuit: Machine.Circuit]> {
    for (const [key, circuit] of this.#circuits) if (this.#isExpired(circuit, now, draw)) this.#circuits.delete(key)
    return [...this.#circuits]
  }

  count(state: Machine.State, now: number, draw: Draw): number {
    let found = 0
    for (const circuit of this.#circuits.values()) {
      if (!this.#isExpired(circuit, now, draw) && Machine.stateAt(circuit, now, draw) === state) found++
    }
    return found
  }

  #isExpired(circuit: Machine.Circuit, now: number, draw: Draw): boolean {
    if (!this.#isIdle(circuit, now)) return false
    if (circuit.state !== "half_open") return true
    // Probes that hung have opened it again, for a time that nobody has drawn yet.
    Machine.stateAt(circuit, now, draw)
    return this.#isIdle(circuit, now)
  }

  #isIdle(circuit: Machine.Circuit, now: number): boolean {
    const since = Machine.idleSince(circuit)
    return since !== undefined && now - since >= this.timeToLive
  }

  /** Whether there is no room for another key. What an operator has decided takes none. */
  #isFull(): boolean {
    if (this.#circuits.size < this.capacity) return false
    if (this.#held === undefined) {
      this.#held = 0
      for (const circuit of this.#circuits.values()) if (Machine.isHeld(circuit)) this.#held++
    }
    return this.#circuits.size - this.#held >= this.capacity
  }

  #makeRoom(now: number, draw: Draw): void {
    const circuits = this.#circuits
    if (!this.#isFull()) {
      // An iterator that rests keeps the smaller tables of a growing map alive.
      this.#rest = undefined
      for (const [key, circuit] of circuits) {
        if (!this.#isExpired(circuit, now, draw)) return
        circuits.delete(key)
      }
      return
    }
    for (let left = looks; left > 0; left--) {
      const [key, circuit] = this.#leastRecent()
      circuits.delete(key)
      if (this.#isExpired(circuit, now, draw) || Machine.isSpare(circuit, now)) {
        if (!this.#isFull()) return
        continue
      }
      // It must stay. At the end it is out of the way of the next search.
      circuits.set(key, circuit)
    }
  }

  /** Of a map that has entries. What is met is deleted or put at the end, so the rest begins with the front. */
  #leastRecent(): [string, Machine.Circuit] {
    let next = this.#rest?.next()
    if (next === undefined || next.done) next = (this.#rest = this.#circuits.entries()).next()
    return next.value!
  }
}
