import { Schema } from "effect"
import * as Control from "./control.ts"
import * as Machine from "./machine.ts"
import { describeRule } from "./rule.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Millis = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * A circuit that is put away and taken up again, in another process or after a deployment. Instants are wall time in
 * milliseconds since 1970: it is all that two processes share.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { CircuitBreaker } from "@holdfast/resilience"
 * import { Effect, Schema } from "effect"
 *
 * const Stored = Schema.fromJsonString(CircuitBreaker.Snapshot)
 * const program = Effect.gen(function* () {
 *   const options = { name: "payments", trip: CircuitBreaker.consecutive(1) }
 *   const before = yield* CircuitBreaker.make(options)
 *   yield* Effect.exit(CircuitBreaker.protect(Effect.fail(new Reasons.NetworkError({})), before))
 *   const text = yield* Schema.encodeEffect(Stored)(yield* before.snapshot)
 *   const after = yield* CircuitBreaker.make(options)
 *   yield* after.restore(yield* Schema.decodeEffect(Stored)(text))
 *   return yield* after.state
 * })
 * await Effect.runPromise(program) // => "open"
 * ```
 */
export const Snapshot = Schema.Struct({
  version: Schema.Literal(1),
  circuit: Schema.String,
  /** When it was taken. */
  at: Schema.Finite,
  state: Schema.Literals(["closed", "open", "half_open"]),
  openings: Count,
  lastOpenFor: Millis,
  /** How much longer it would have been open. */
  opensFor: Millis,
  /** How long it had been closed again. */
  closedFor: Schema.optionalKey(Millis),
  /** The rule for opening in words. What it has counted is taken over only by the same rule. */
  rule: Schema.String,
  counted: Schema.Array(Schema.Array(Schema.Finite))
})

export interface Snapshot extends Schema.Schema.Type<typeof Snapshot> {}

export const take = (self: Machine.Circuit, circuit: string, now: number, wall: number): Snapshot => {
  const { state, trouble } = self
  const closedFor = trouble === undefined ? Infinity : now - trouble.closedAt
  return {
    version: 1,
    circuit,
    at: wall,
    // What an operator decided is not the circuit's to remember.
    state: state === "open" || state === "half_open" ? state : "closed",
    openings: trouble?.openings ?? 0,
    lastOpenFor: trouble?.lastOpenFor ?? 0,
    opensFor: state === "open" ? Math.max(0, trouble!.openUntil - now) : 0,
    ...(closedFor === Infinity ? undefined : { closedFor }),
    rule: describeRule(self.settings.trip),
    counted: self.tally.save(now)
  }
}

/** Probes that were running are gone with their process, so a half-open circuit starts its probing again. */
export const restore = (
  self: Machine.Circuit,
  snapshot: Snapshot,
  now: number,
  wall: number,
  draw: () => number,
  steps: Array<Machine.Step>
): void => {
  const age = Math.max(0, wall - snapshot.at)
  Control.reset(self, now, draw, steps)
  const trouble = Machine.troubleOf(self)
  trouble.openings = snapshot.openings
  trouble.lastOpenFor = snapshot.lastOpenFor
  trouble.delays = undefined
  if (snapshot.closedFor !== undefined) trouble.closedAt = now - snapshot.closedFor - age
  if (self.state !== "closed") return
  if (snapshot.state === "closed") {
    if (snapshot.rule === describeRule(self.settings.trip)) self.tally.load(snapshot.counted, now, age)
    return
  }
  Control.resume(self, snapshot.state === "open" ? snapshot.opensFor - age : 0, now, steps)
}
