import { type At, check, fitting, refuse, type Table, under } from "@holdfast/core/options"
import { Schema, SchemaAST } from "effect"
import type * as Machine from "./machine.ts"
import { keyOf } from "./rule.ts"
import { tallyOf } from "./tally.ts"

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
  /** Which circuit of a keyed breaker. */
  key: Schema.optionalKey(Schema.String),
  /** When it was taken. */
  at: Schema.Finite,
  state: Schema.Literals(["closed", "open", "half_open"]),
  openings: Count,
  lastOpenFor: Millis,
  /** How much longer it would have been open. */
  opensFor: Millis,
  /** How long it had been closed again. */
  closedFor: Schema.optionalKey(Millis),
  /** The rule for opening, exactly. What it has counted is taken over only by the same rule. */
  rule: Schema.String,
  counted: Schema.Array(Schema.Array(Count))
})

export interface Snapshot extends Schema.Schema.Type<typeof Snapshot> {}

const words: Readonly<Record<keyof Snapshot, string>> = {
  version: "1",
  circuit: "a text",
  key: "a text",
  at: "a finite number",
  state: '"closed" or "open" or "half_open"',
  openings: "a whole number, 0 or more",
  lastOpenFor: "milliseconds, 0 or more",
  opensFor: "milliseconds, 0 or more",
  closedFor: "milliseconds, 0 or more",
  rule: "a text",
  counted: "lists of whole numbers, 0 or more"
}

const members = Object.entries(Snapshot.fields)

const table: Table = Object.fromEntries(
  members.map(([name, member]) => [name, fitting(words[name as keyof Snapshot], member)])
)

const required = members.filter(([, { ast }]) => !SchemaAST.isOptional(ast)).map(([name]) => name)

/** No circuit of these settings stays open longer. */
const longestOf = ({ maxHint, openFor }: Machine.Settings): number => Math.max(openFor.cap, maxHint)

/** Refuses what cannot have been taken of this circuit: a store may hand out anything. */
export const checkSnapshot = (
  at: At,
  snapshot: Snapshot,
  circuit: string,
  key: string | undefined,
  settings: Machine.Settings
): void => {
  check(at, table, snapshot, required)
  const { counted, lastOpenFor, openings, opensFor, rule, state } = snapshot
  if (snapshot.circuit !== circuit) refuse(under(at, "circuit"), `must be ${JSON.stringify(circuit)}`)
  if (snapshot.key !== key) {
    refuse(under(at, "key"), key === undefined ? "must be left out" : "must be the key of this circuit")
  }
  if (state !== "closed" && openings === 0)
    refuse(under(at, "openings"), `must be 1 or more if it is ${state}`, openings)
  const longest = longestOf(settings)
  if (lastOpenFor > longest) {
    refuse(
      under(at, "lastOpenFor"),
      `must be no more than the ${longest} ms that this circuit may stay open`,
      lastOpenFor
    )
  }
  if (opensFor > lastOpenFor) refuse(under(at, "opensFor"), "must be no more than lastOpenFor", opensFor)
  if (rule === keyOf(settings.trip) && !tallyOf(settings.trip).fits(counted)) {
    refuse(under(at, "counted"), "must be what its rule can have counted")
  }
}

export const take = (
  self: Machine.Circuit,
  circuit: string,
  key: string | undefined,
  now: number,
  wall: number
): Snapshot => {
  const { state, trouble } = self
  const kept = trouble?.kept
  const closedFor = trouble === undefined ? Infinity : now - trouble.closedAt
  // Other options may have come since it opened, and whoever takes it up has those.
  const longest = longestOf(self.settings)
  if (kept !== undefined) {
    const { lastOpenFor, opensFor } = kept.snapshot
    return {
      ...kept.snapshot,
      at: wall - (now - kept.takenAt),
      lastOpenFor: Math.min(lastOpenFor, longest),
      opensFor: Math.min(opensFor, longest)
    }
  }
  return {
    version: 1,
    circuit,
    ...(key === undefined ? undefined : { key }),
    at: wall,
    // What an operator decided is not the circuit's to remember.
    state: state === "open" || state === "half_open" ? state : "closed",
    openings: trouble?.openings ?? 0,
    lastOpenFor: Math.min(trouble?.lastOpenFor ?? 0, longest),
    opensFor: state === "open" ? Math.min(Math.max(0, trouble!.openUntil - now), longest) : 0,
    ...(closedFor === Infinity ? undefined : { closedFor }),
    rule: keyOf(self.settings.trip),
    counted: self.tally.save(now)
  }
}
