import { assert } from "@effect/vitest"
import type { Spool } from "@holdfast/otlp"
import { Effect, Exit, Option, Scope } from "effect"
import * as fc from "fast-check"

/** What a program does with a spool. */
export type Op =
  | { readonly op: "append"; readonly size: number }
  | { readonly op: "take" | "crash" | "close" }
  | { readonly op: "acknowledge" | "release" | "reject"; readonly pick: number }

export const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("append" as const), size: fc.nat(900) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom("take" as const, "take", "take", "crash", "close") }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constantFrom("acknowledge" as const, "acknowledge", "release", "reject"),
      pick: fc.nat(9)
    })
  }
)

/** A record and its life, in the moments of the model's clock: it was there from `written` on, and is owed until `ending`. */
export interface Stored {
  readonly sequence: number
  readonly fill: number
  readonly size: number
  readonly begun: number
  readonly written: number
  ending: number
  ended: number
}

export const payloadOf = ({ fill, size }: Pick<Stored, "fill" | "size">): Uint8Array => new Uint8Array(size).fill(fill)

/** What a spool is, said with two lists. */
export class Model {
  pending: Array<Stored> = []
  readonly taken = new Set<number>()
  /** Acknowledged, rejected or evicted. */
  readonly done: Array<Stored> = []
  /** Appends that failed. */
  readonly refused: Array<Pick<Stored, "fill" | "size">> = []
  /** How many operations failed. */
  failures = 0
  /** What the spool had when it was opened. */
  base = 0
  private readonly now: () => number
  private attempts = 0

  constructor(now: () => number = () => 0, attempts = 0) {
    this.now = now
    this.attempts = attempts
  }

  end(sequences: ReadonlyArray<number>, ending: number): void {
    const gone = new Set(sequences)
    const ended = this.now()
    for (const record of this.pending) {
      if (gone.has(record.sequence)) this.done.push(Object.assign(record, { ending, ended }))
    }
    this.pending = this.pending.filter((record) => !gone.has(record.sequence))
    for (const sequence of gone) this.taken.delete(sequence)
  }

  /** Does to the spool what the model then is told of. */
  readonly perform = Effect.fnUntraced(function* (this: Model, spool: Spool.Service, step: Op) {
    const begun = this.now()
    switch (step.op) {
      case "append": {
        const record = { fill: ++this.attempts % 251, size: step.size }
        const { dropped } = yield* spool.stats
        const entry = yield* Effect.option(spool.append(payloadOf(record), { items: step.size }))
        // Room is made at the old end, a segment at a time, and what was out for delivery goes with it.
        const evicted = (yield* spool.stats).dropped.records - dropped.records
        this.end(
          this.pending.slice(0, evicted).map(({ sequence }) => sequence),
          begun
        )
        if (Option.isNone(entry)) {
          this.failures++
          this.refused.push(record)
          return
        }
        const { sequence } = entry.value
        assert.isAbove(sequence, Math.max(0, ...[...this.pending, ...this.done].map((record) => record.sequence)))
        this.pending.push({ ...record, sequence, begun, written: this.now(), ending: Infinity, ended: Infinity })
        return
      }
      case "take": {
        const got = yield* Effect.option(spool.take)
        if (Option.isNone(got)) this.failures++
        else if (Option.isSome(got.value)) this.taken.add(got.value.value.sequence)
        return
      }
      case "acknowledge":
      case "release":
      case "reject": {
        const sequence = [...this.taken][step.pick % Math.max(1, this.taken.size)]
        if (sequence === undefined) return
        if (step.op === "release") {
          yield* spool.release(sequence)
          this.taken.delete(sequence)
          return
        }
        if (step.op === "acknowledge") yield* spool.acknowledge(sequence)
        else if (Exit.isFailure(yield* Effect.exit(spool.reject(sequence, { code: "sys.http_rejected" })))) {
          this.failures++
          return
        }
        this.end([sequence], begun)
      }
    }
  })

  /** Whether the spool's own books are those of the model, and agree with each other. */
  readonly counts = Effect.fnUntraced(function* (this: Model, spool: Spool.Service) {
    const stats = yield* spool.stats
    assert.strictEqual(stats.records, this.pending.length)
    assert.strictEqual(
      stats.items,
      this.pending.reduce((sum, record) => sum + record.size, 0)
    )
    assert.strictEqual(stats.inFlight, this.taken.size)
    assert.strictEqual(
      this.base + stats.appended - stats.acknowledged - stats.rejected - stats.dropped.records,
      stats.records
    )
    return stats
  })

  /** Whether the spool would give the record that the model would give, with its bytes. */
  readonly agrees = Effect.fnUntraced(function* (this: Model, spool: Spool.Service) {
    const stats = yield* this.counts(spool)
    const expected = this.pending.find((record) => !this.taken.has(record.sequence))
    const actual = Option.getOrUndefined(yield* spool.peek)
    assert.strictEqual(actual?.sequence, expected?.sequence)
    if (actual !== undefined) assert.deepStrictEqual(actual.payload, payloadOf(expected!))
    return stats
  })
}

/** How the world around a history looks: how a spool is opened in it, how one dies, and what must hold after every step. */
export interface World<E, R> {
  readonly open: Effect.Effect<Spool.Service, E, R | Scope.Scope>
  readonly crash: (close: Effect.Effect<void>) => Effect.Effect<void, E, R>
  readonly check: (spool: Spool.Service, reopened: boolean) => Effect.Effect<void, E, R>
}

/** Lives through a history. Returns the last spool, still open, and how to close it. */
export const play = Effect.fnUntraced(function* <E, R>(model: Model, ops: ReadonlyArray<Op>, world: World<E, R>) {
  let scope = yield* Scope.make()
  let spool = yield* Scope.provide(world.open, scope)
  for (const step of ops) {
    const restarts = step.op === "crash" || step.op === "close"
    if (restarts) {
      const close = Scope.close(scope, Exit.void)
      yield* step.op === "crash" ? world.crash(close) : close
      model.taken.clear()
      model.base = model.pending.length
      scope = yield* Scope.make()
      spool = yield* Scope.provide(world.open, scope)
    } else {
      yield* model.perform(spool, step)
    }
    yield* world.check(spool, restarts)
  }
  return { spool, close: Scope.close(scope, Exit.void) }
})
