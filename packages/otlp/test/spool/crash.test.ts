import { assert, describe, it } from "@effect/vitest"
import type { Spool } from "@holdfast/otlp"
import { Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Disk, Mount, openOn, type PowerCut } from "./disk.ts"
import { Model, op, type Op, payloadOf, play, type Stored } from "./history.ts"

const runs = Number(process.env["HOLDFAST_RUNS"] ?? 1)

/** Takes all there is. The scope stays open for good: this is a program that will be killed. */
const takeAll = Effect.fnUntraced(function* (spool: Spool.Service) {
  const out: Array<Spool.Spooled> = []
  for (let next = yield* spool.take; Option.isSome(next); next = yield* spool.take) out.push(next.value)
  return out
})

interface Case {
  readonly first: ReadonlyArray<Op>
  readonly second: ReadonlyArray<Op>
  readonly maxBytes: number
  readonly fsync: Spool.Fsync
  readonly where: number
  readonly lost: PowerCut
}

const cases: fc.Arbitrary<Case> = fc.record({
  first: fc.array(op, { minLength: 4, maxLength: 30 }),
  second: fc.array(op, { minLength: 4, maxLength: 12 }),
  maxBytes: fc.constantFrom(4096, 1 << 20),
  fsync: fc.constantFrom("always" as const, "never"),
  where: fc.nat(),
  lost: fc.record({ names: fc.nat(1000), data: fc.nat(1000), zeros: fc.boolean() })
})

/** What a spool has in it that is opened on this disk, and that it goes on as if nothing had been. */
const revive = Effect.fnUntraced(function* (disk: Disk, options: Omit<Spool.Options, "directory">) {
  const mount = new Mount(disk)
  const spool = yield* openOn(mount, options)
  const { bytes, corrupted } = yield* spool.stats
  assert.strictEqual(corrupted, 0, "corrupted")
  assert.strictEqual(bytes, mount.disk.segmentBytes, "bytes")
  const found = yield* takeAll(spool)
  const added = yield* spool.append(Uint8Array.of(1, 2, 3), { items: 1 })
  // Every second one is done, the newest first; then this one dies, too.
  const odd = found.filter((_, at) => at % 2 === 1)
  for (const { sequence } of odd.toReversed()) yield* spool.acknowledge(sequence)

  const next = yield* openOn(new Mount(mount.disk), options)
  const left = [...found.filter((_, at) => at % 2 === 0).map(({ sequence }) => sequence), added.sequence]
  const taken = yield* takeAll(next)
  assert.strictEqual((yield* next.stats).corrupted, 0, "corrupted in the next life")
  if (options.maxBytes! > 4096) {
    assert.deepStrictEqual(
      taken.map(({ sequence }) => sequence),
      left,
      "the next life"
    )
  }
  return { found, added }
})

/** Lives through a history, and again through every way in which it could have been cut short. */
const crashEverywhere = Effect.fnUntraced(function* (
  start: Disk,
  before: { readonly pending: ReadonlyArray<Stored>; readonly done: ReadonlyArray<Stored> },
  ops: ReadonlyArray<Op>,
  { fsync, lost, maxBytes }: Case
) {
  const options = { fsync, maxBytes }
  const mount = new Mount(start)
  const model = new Model(() => mount.changes.length, before.pending.length + before.done.length)
  model.pending.push(...before.pending)
  model.done.push(...before.done)
  model.base = before.pending.length
  yield* play(model, ops, {
    open: Effect.suspend(() => openOn(mount, options)),
    crash: () => Effect.void,
    check: Effect.fnUntraced(function* (spool) {
      const stats = yield* model.agrees(spool)
      assert.strictEqual(model.failures, 0)
      assert.strictEqual(stats.corrupted, 0)
      assert.strictEqual(stats.bytes, mount.disk.segmentBytes)
    })
  })

  const all = new Map([...model.done, ...model.pending].map((record) => [record.sequence, record]))
  const survives = Effect.fnUntraced(function* (disk: Disk, moment: number, how: "killed" | "power cut") {
    const durable = how === "killed" || fsync === "always"
    const revived = yield* revive(disk, options)
    let last = 0
    for (const { payload, sequence } of revived.found) {
      assert.isAbove(sequence, last, "order")
      last = sequence
      const record = all.get(sequence)!
      assert.isAtMost(record.begun, moment)
      assert.deepStrictEqual(payload, payloadOf(record))
      if (how === "killed") assert.isAbove(record.ended, moment, `${sequence} comes again`)
    }
    const found = new Set(revived.found.map(({ sequence }) => sequence))
    for (const { ending, sequence, written } of durable ? all.values() : []) {
      if (written > moment) continue
      assert.isAbove(revived.added.sequence, sequence, "given twice")
      if (ending > moment) assert.isTrue(found.has(sequence), `${sequence} is lost`)
    }
    return found
  })

  let disk = start
  const moments: Array<{ readonly disk: Disk; readonly found: ReadonlySet<number> }> = []
  for (const [moment, change] of mount.changes.entries()) {
    moments.push({ disk, found: yield* survives(disk, moment, "killed") })
    if (change.is === "write" && change.bytes.length > 1) {
      const bytes = change.bytes.slice(0, 1 + ((lost.data + moment) % (change.bytes.length - 1)))
      yield* survives(disk.apply({ ...change, bytes }), moment, "killed")
    }
    if (fsync === "always") yield* survives(disk.powerCut(lost), moment, "power cut")
    disk = disk.apply(change)
  }
  return { all: [...all.values()], moments }
})

it(
  "killed between any two operations on the disk, or in the middle of one, or by a power cut, keeps all that was appended, and gives nothing twice",
  () =>
    fc.assert(
      fc.asyncProperty(cases, async (input) => {
        const states = await Effect.gen(function* () {
          const { all, moments } = yield* crashEverywhere(new Disk(), { pending: [], done: [] }, input.first, input)
          const at = input.where % moments.length
          const { disk, found } = moments[at]!
          const past = all
            .filter(({ begun, sequence }) => begun <= at || found.has(sequence))
            // What was in the middle of its append when the program was killed may be there, and no power cut need leave it.
            .map((record) => ({ ...record, begun: 0, written: record.written > at ? Infinity : 0 }))
          const pending = past
            .filter(({ sequence }) => found.has(sequence))
            .map((record) => ({ ...record, ending: Infinity, ended: Infinity }))
            .toSorted((a, b) => a.sequence - b.sequence)
          const done = past
            .filter(({ sequence, written }) => !found.has(sequence) && written === 0)
            .map((record) => ({ ...record, ending: 0, ended: 0 }))
          const second = yield* crashEverywhere(disk, { pending, done }, input.second, input)
          return moments.length + second.moments.length
        }).pipe(Effect.scoped, Effect.runPromise)
        assert.isAbove(states, 0)
      }),
      { numRuns: 50 * runs }
    ),
  60_000 * runs
)

describe("a power cut", () => {
  const lost: PowerCut = { names: 0, data: 0, zeros: false }
  const one = Uint8Array.of(1)

  it.effect("takes nothing of a new segment that the interval has flushed, its name included", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, { fsync: "interval" })
      yield* spool.append(one, { items: 1 })
      yield* TestClock.adjust("500 millis")
      yield* spool.append(one, { items: 1 })
      const next = yield* openOn(new Mount(mount.disk.powerCut(lost)), { fsync: "interval" })
      assert.deepStrictEqual(
        (yield* takeAll(next)).map(({ sequence }) => sequence),
        [1]
      )
    })
  )

  it.effect("right after the last segment has gone does not give its sequence again", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      yield* Effect.scoped(
        Effect.flatMap(openOn(mount, { fsync: "always" }), (spool) =>
          Effect.andThen(spool.append(one, { items: 1 }), spool.acknowledge(1))
        )
      )
      // It closes once more, with nothing left to remove.
      yield* Effect.scoped(openOn(mount, { fsync: "always" }))
      // All names are on the disk, and nothing of what was not flushed.
      const spool = yield* openOn(new Mount(mount.disk.powerCut(lost)), {})
      assert.strictEqual((yield* spool.append(one, { items: 1 })).sequence, 2)
    })
  )

  it.effect("after a rejection leaves the letter and its note", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, { fsync: "always" })
      yield* spool.append(one, { items: 1 })
      yield* spool.reject(1, { code: "sys.http_rejected" })
      const disk = mount.disk.powerCut({ ...lost, names: mount.disk.unflushed })
      for (const name of [...disk.names.keys()].filter((name) => name.startsWith("/spool/dead-letter/"))) {
        assert.isAbove(disk.read(name)!.length, 0, name)
      }
    })
  )

  it.effect("takes nothing that a killed program had left unflushed, once the next one has opened the spool", () =>
    Effect.gen(function* () {
      const mount = new Mount(new Disk())
      const spool = yield* openOn(mount, { fsync: "interval" })
      yield* spool.append(one, { items: 1 })
      yield* openOn(mount, { fsync: "interval" })
      const again = yield* openOn(new Mount(mount.disk.powerCut({ ...lost, names: mount.disk.unflushed })), {})
      assert.strictEqual((yield* again.stats).records, 1)
    })
  )
})

it.effect("a finished segment that was not removed any more takes nothing with it that came behind it", () =>
  Effect.gen(function* () {
    const mount = new Mount(new Disk())
    const spool = yield* openOn(mount, {})
    yield* spool.append(new Uint8Array(900), { items: 1 })
    yield* spool.acknowledge(1)
    for (let at = 2; at <= 4; at++) yield* spool.append(new Uint8Array(200).fill(at), { items: 1 })
    const next = yield* openOn(mount, {})
    assert.deepInclude(yield* next.stats, { records: 3, segments: 1, corrupted: 0 })
    assert.deepStrictEqual(
      (yield* takeAll(next)).map(({ payload }) => payload[0]),
      [2, 3, 4]
    )
  })
)

it.effect("what the disk has lost is counted once, however often the spool is opened after that", () =>
  Effect.gen(function* () {
    const mount = new Mount(new Disk())
    const spool = yield* openOn(mount, {})
    for (let at = 1; at <= 6; at++) yield* spool.append(new Uint8Array(400).fill(at), { items: 1 })
    const segments = [...mount.disk.names].filter(([name]) => name.endsWith(".seg"))
    // The second segment is gone, the last one ends early, and a bit of the first is wrong.
    const [[, node]] = segments as [[string, number]]
    const whole = mount.disk.read("/spool/0000000000000001.seg")!
    const damaged = whole.slice()
    damaged[200]! ^= 4
    let disk = mount.disk
      .apply({ is: "remove", path: "/spool/0000000000000003.seg" })
      .apply({ is: "cut", node, size: 0 })
      .apply({ is: "write", node, bytes: damaged })
    for (const corrupted of [3, 0, 0]) {
      const next = new Mount(disk)
      assert.deepInclude(yield* (yield* openOn(next, {})).stats, { records: 3, corrupted })
      disk = next.disk
    }
  })
)
