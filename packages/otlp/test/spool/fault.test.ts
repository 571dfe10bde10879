import { assert, describe, it } from "@effect/vitest"
import type { Spool } from "@holdfast/otlp"
import { Cause, Effect, Exit, Fiber, Option, Scope } from "effect"
import * as fc from "fast-check"
import { Disk, type Fault, Mount, openOn } from "./disk.ts"
import { Model, op, type Op, payloadOf, play } from "./history.ts"

const runs = Number(process.env["HOLDFAST_RUNS"] ?? 1)

/** After so many operations of the disk that work, some that fail. */
interface Trouble {
  readonly after: number
  readonly fault: Fault
  readonly times: number
}

interface Case {
  readonly ops: ReadonlyArray<Op>
  readonly troubles: ReadonlyArray<Trouble>
  readonly maxBytes: number
  readonly fsync: Spool.Fsync
}

const cases: fc.Arbitrary<Case> = fc.record({
  ops: fc.array(op, { minLength: 4, maxLength: 40 }),
  troubles: fc.array(
    fc.record({
      after: fc.nat(40),
      fault: fc.constantFrom("before" as const, "half", "after"),
      times: fc.integer({ min: 1, max: 8 })
    }),
    { minLength: 1, maxLength: 6 }
  ),
  maxBytes: fc.constantFrom(4096, 1 << 20),
  fsync: fc.constantFrom("always" as const, "never")
})

/** Says for one operation after the other whether it fails. */
const faults = (troubles: ReadonlyArray<Trouble>): Mount["fault"] => {
  const plan = troubles.flatMap(({ after, fault, times }) => [
    ...Array.from({ length: after }, () => undefined),
    ...Array.from({ length: times }, () => fault)
  ])
  let at = 0
  // A cursor that cannot be read is one that is missing.
  return (method, path) => (method === "readFile" && path.endsWith("/cursor") ? undefined : plan[at++])
}

const run = Effect.fnUntraced(function* ({ fsync, maxBytes, ops, troubles }: Case) {
  const mount = new Mount(new Disk())
  mount.fault = faults(troubles)
  const options = { fsync, maxBytes }
  const model = new Model()
  const open = Effect.retry(openOn(mount, options), { times: 60 })

  /** What the disk really has. It looks at a copy, on which nothing fails. */
  const look = Effect.gen(function* () {
    const copy = new Mount(mount.disk)
    const spool = yield* openOn(copy, options)
    const { bytes, corrupted } = yield* spool.stats
    assert.strictEqual(bytes, copy.disk.segmentBytes)
    const found: Array<Spool.Spooled> = []
    for (let next = yield* spool.take; Option.isSome(next); next = yield* spool.take) found.push(next.value)
    return { corrupted, found }
  })

  const is = ({ payload }: Spool.Spooled, record: { readonly fill: number; readonly size: number }): boolean =>
    payload.length === record.size && payload.every((byte) => byte === record.fill)

  /** What was owed is there, in order and whole; what else is there was once given to the spool. */
  const owed = Effect.fnUntraced(function* (when: string) {
    const { corrupted, found } = yield* look
    // Only a full disk makes a spool forget what is done before it is written down.
    if (troubles.every(({ fault }) => fault !== "half")) assert.strictEqual(corrupted, 0)
    for (const record of model.pending) {
      const there = found.find(({ sequence }) => sequence === record.sequence)
      assert.isTrue(there !== undefined && is(there, record), `${record.sequence} is lost ${when}`)
    }
    for (const [at, record] of found.entries()) {
      if (at > 0) assert.isAbove(record.sequence, found[at - 1]!.sequence)
      assert.isTrue(
        [...model.pending, ...model.done].some((known) => known.sequence === record.sequence && is(record, known)) ||
          model.refused.some((known) => is(record, known)),
        `${record.sequence} was never written`
      )
    }
  })

  const { close, spool } = yield* play(model, ops, {
    open: Effect.tap(open, (spool) =>
      Effect.gen(function* () {
        // What was done and came again is done again.
        const pending = new Set(model.pending.map(({ sequence }) => sequence))
        const fault = mount.fault
        mount.fault = () => undefined
        const found: Array<Spool.Spooled> = []
        for (let next = yield* spool.take; Option.isSome(next); next = yield* spool.take) found.push(next.value)
        for (const { sequence } of found) {
          yield* pending.has(sequence) ? spool.release(sequence) : spool.acknowledge(sequence)
        }
        mount.fault = fault
        const { acknowledged, records } = yield* spool.stats
        model.base = records + acknowledged
      })
    ),
    crash: () => Effect.void,
    check: Effect.fnUntraced(function* (spool) {
      yield* model.counts(spool)
      yield* owed("while the disk fails")
    })
  })

  // The disk is well again.
  mount.fault = () => undefined
  yield* model.agrees(spool)
  const failures = model.failures
  yield* model.perform(spool, { op: "append", size: 10 })
  assert.strictEqual(model.failures, failures, "the append after the disk is well")
  const last = model.pending.at(-1)!
  yield* spool.acknowledge(last.sequence)
  model.end([last.sequence], 0)
  const { bytes } = yield* model.agrees(spool)
  assert.strictEqual(bytes, mount.disk.segmentBytes)
  for (const how of ["killed", "closed"]) {
    if (how === "closed") yield* close
    const { corrupted, found } = yield* look
    assert.strictEqual(corrupted, 0, "corrupted")
    assert.deepStrictEqual(
      found.map(({ payload, sequence }) => ({ sequence, payload })),
      model.pending.map((record) => ({ sequence: record.sequence, payload: payloadOf(record) })),
      how
    )
  }
  return mount.changes.length
})

it(
  "on a disk that fails now and then loses nothing that it took, and is itself again when the disk is",
  () =>
    fc.assert(
      fc.asyncProperty(cases, async (input) => {
        assert.isAbove(await run(input).pipe(Effect.scoped, Effect.runPromise), 0)
      }),
      { numRuns: 300 * runs }
    ),
  60_000 * runs
)

describe("a disk on which", () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const append = (spool: Spool.Service, text: string) => spool.append(bytes(text), { items: 1 })
  const drain = Effect.fnUntraced(function* (spool: Spool.Service) {
    const out: Array<string> = []
    for (let next = yield* spool.take; Option.isSome(next); next = yield* spool.take) {
      out.push(new TextDecoder().decode(next.value.payload))
      yield* spool.acknowledge(next.value.sequence)
    }
    return out
  })
  const slowFlush = (method: string) => Effect.repeat(Effect.yieldNow, { times: method === "sync" ? 50 : 0 })
  const segmentsOf = (mount: Mount) => [...mount.disk.names.keys()].filter((name) => name.endsWith(".seg"))

  it.effect("the first record of a segment cannot be written loses none of those that come after it", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, {})
      let writes = 0
      mount.fault = (method) => (method === "write" && ++writes === 2 ? "half" : undefined)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(append(spool, "no"))))
      yield* append(spool, "a".repeat(900))
      yield* append(spool, "b".repeat(900))
      assert.strictEqual((yield* spool.stats).bytes, mount.disk.segmentBytes)
      const again = yield* openOn(new Mount(mount.disk), {})
      for (const each of [spool, again]) {
        assert.deepStrictEqual(
          (yield* drain(each)).map((text) => text[0]),
          ["a", "b"]
        )
        assert.strictEqual((yield* each.stats).corrupted, 0)
      }
    })
  )

  it.effect("a refused record is all there, and cannot be cut off at once, does not give it in place of the next", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, {})
      yield* append(spool, "a")
      mount.fault = (method) => (method === "write" ? "after" : method === "truncate" ? "before" : undefined)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(append(spool, "no"))))
      mount.fault = () => undefined
      yield* append(spool, "b")
      assert.strictEqual((yield* spool.stats).bytes, mount.disk.segmentBytes)
      const again = yield* openOn(new Mount(mount.disk), {})
      assert.deepStrictEqual(yield* drain(spool), ["a", "b"])
      assert.deepStrictEqual(yield* drain(again), ["a", "b"])
    })
  )

  it.effect("a segment cannot be removed counts it until it can", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, {})
      for (const name of ["a", "b", "c"]) yield* append(spool, name.repeat(900))
      mount.fault = (method) => (method === "remove" ? "before" : undefined)
      yield* spool.acknowledge(1)
      assert.deepInclude(yield* spool.stats, { records: 2, segments: 3, bytes: mount.disk.segmentBytes })
      mount.fault = () => undefined
      yield* spool.acknowledge(2)
      assert.deepInclude(yield* spool.stats, { records: 1, segments: 1, bytes: mount.disk.segmentBytes })
      assert.strictEqual(segmentsOf(mount).length, 1)
    })
  )

  it.effect("nothing can be removed does not let an evicting spool grow, and counts what it evicted once", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, { maxBytes: 2048 })
      for (const name of ["a", "b"]) yield* append(spool, name.repeat(900))
      mount.fault = (method) => (method === "remove" ? "before" : undefined)
      for (let at = 0; at < 3; at++) {
        const error = yield* Effect.flip(append(spool, "c".repeat(900)))
        assert.strictEqual(error.reason._tag, "SpoolUnavailable")
      }
      assert.isAtMost(mount.disk.segmentBytes, 2048)
      assert.deepInclude(yield* spool.stats, { records: 1, dropped: { records: 1, items: 1 } })
      mount.fault = () => undefined
      yield* append(spool, "c".repeat(900))
      assert.deepStrictEqual(
        (yield* drain(spool)).map((text) => text[0]),
        ["b", "c"]
      )
    })
  )

  it.effect("the cursor finds room only after a segment has gone counts no loss after a kill", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, {})
      for (const name of ["a", "b", "c"]) yield* append(spool, name.repeat(900))
      yield* spool.acknowledge(3)
      mount.fault = (_, path) => (path.includes("cursor") && segmentsOf(mount).length === 3 ? "half" : undefined)
      yield* spool.acknowledge(1)
      const again = yield* openOn(new Mount(mount.disk), {})
      assert.deepInclude(yield* again.stats, { corrupted: 0, records: 1 })
    })
  )

  it.effect(
    "a segment was begun and got no record, and no cursor can be written, keeps what that segment gets later",
    () =>
      Effect.gen(function* () {
        const mount = new Mount(new Disk())
        const spool = yield* openOn(mount, { maxBytes: 2048 })
        yield* append(spool, "a".repeat(900))
        yield* append(spool, "b".repeat(500))
        let writes = 0
        mount.fault = (method) => (method === "write" && ++writes === 2 ? "half" : undefined)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(append(spool, "c".repeat(462)))))
        // Needs the room of the first segment, and cannot get it.
        mount.fault = (_, path) => (path.includes("cursor") ? "before" : undefined)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(append(spool, "d".repeat(900)))))
        yield* append(spool, "e".repeat(100))
        mount.fault = () => undefined
        yield* append(spool, "f".repeat(900))
        assert.strictEqual((yield* spool.stats).bytes, mount.disk.segmentBytes)
        const again = yield* openOn(new Mount(mount.disk), {})
        for (const each of [spool, again]) {
          assert.deepStrictEqual(
            (yield* drain(each)).map((text) => text[0]),
            ["b", "e", "f"]
          )
        }
      })
  )

  it.effect("there is no room for the cursor keeps the last segment, which knows the next sequence", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      mount.fault = (_, path) => (path.includes("cursor") ? "half" : undefined)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const spool = yield* openOn(mount, {})
          for (const name of ["a", "b"]) yield* append(spool, name.repeat(900))
          for (const sequence of [1, 2]) yield* spool.acknowledge(sequence)
        })
      )
      assert.strictEqual(segmentsOf(mount).length, 1)
      mount.fault = () => undefined
      assert.strictEqual((yield* append(yield* openOn(mount, {}), "c")).sequence, 3)
    })
  )

  it.effect("something is left of a segment that was never begun goes on at the first append", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, {})
      mount.fault = (method) => (method === "write" ? "half" : method === "remove" ? "before" : undefined)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(append(spool, "no"))))
      mount.fault = () => undefined
      assert.strictEqual((yield* append(spool, "a")).sequence, 1)
    })
  )

  it.effect("a flush fails fails every append that it was for, though a second flush seems to work", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, { fsync: "always" })
      yield* append(spool, "a")
      let syncs = 0
      mount.fault = (method, path) =>
        method === "sync" && path.endsWith(".seg") && ++syncs === 1 ? "before" : undefined
      mount.pause = slowFlush
      const fibers = yield* Effect.forEach(["b", "c", "d"], (name) => Effect.forkChild(append(spool, name)))
      const exits = yield* Effect.forEach(fibers, Fiber.await)
      // Whatever was written when the flush failed is not on the disk, and no later flush will say so.
      assert.deepStrictEqual(exits.map(Exit.isFailure), [true, true, true])
      assert.deepInclude(yield* spool.stats, { appended: 1, records: 1 })
      yield* append(spool, "e")
      assert.deepStrictEqual(yield* drain(spool), ["a", "e"])
    })
  )

  it.effect("no flush works fails every append, that for which a segment ends too, and counts none", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, { fsync: "always" })
      let broken = false
      mount.fault = (method, path) => (broken && method === "sync" && path.endsWith(".seg") ? "before" : undefined)
      broken = true
      mount.pause = slowFlush
      const first = yield* Effect.forkChild(append(spool, "a".repeat(900)))
      const second = yield* Effect.forkChild(append(spool, "b".repeat(900)))
      const exits = yield* Effect.forEach([first, second], Fiber.await)
      assert.deepStrictEqual(exits.map(Exit.isFailure), [true, true])
      broken = false
      assert.deepInclude(yield* spool.stats, { appended: 0, records: 0 })
    })
  )

  it.effect("a spool was closed is left alone by it: it refuses, and forgets nothing", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const scope = yield* Scope.make()
      const spool = yield* Scope.provide(openOn(mount, {}), scope)
      yield* append(spool, "a")
      const taken = Option.getOrThrow(yield* spool.take)
      yield* Scope.close(scope, Exit.void)
      const { disk } = mount
      for (const use of [
        append(spool, "b"),
        spool.take,
        spool.peek,
        spool.reject(1, { code: "sys.http_rejected" }),
        spool.deadLetter(bytes("c"), { items: 1 }, { code: "sys.http_rejected" })
      ]) {
        const exit = yield* Effect.exit(use)
        assert.isTrue(Exit.isFailure(exit))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "closed")
      }
      yield* spool.acknowledge(taken.sequence)
      yield* spool.release(taken.sequence)
      assert.strictEqual(mount.disk, disk)
      assert.deepStrictEqual(yield* drain(yield* openOn(mount, {})), ["a"])
    })
  )

  it.effect("a note was half written counts no letter that is forgotten for it", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, { maxDeadLetterBytes: 1024 })
      yield* append(spool, "poison")
      mount.fault = (method, path) => (method === "rename" && path.endsWith(".draft") ? "before" : undefined)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(spool.reject(1, { code: "sys.http_rejected" }))))
      mount.fault = () => undefined
      yield* spool.deadLetter(new Uint8Array(900), { items: 1 }, { code: "sys.http_rejected" })
      assert.strictEqual((yield* spool.stats).forgotten, 1)
    })
  )
})
