import { NodeFileSystem } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Spool } from "@holdfast/otlp"
import { Effect, Exit, FileSystem, Option, Scope } from "effect"
import * as fc from "fast-check"

type Op =
  | { readonly op: "append"; readonly size: number }
  | { readonly op: "take" | "crash" | "close" }
  | { readonly op: "acknowledge" | "release" | "reject"; readonly pick: number }

const op: fc.Arbitrary<Op> = fc.oneof(
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

/** What a spool is, said with two lists. */
class Model {
  pending: Array<{ sequence: number; fill: number; size: number }> = []
  readonly taken = new Set<number>()
  next = 1
}

const run = Effect.fnUntraced(function* (ops: ReadonlyArray<Op>, maxBytes: number) {
  let steps = 0
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "holdfast-model-" })
  const model = new Model()
  let scope = yield* Scope.make()
  const open = () =>
    Scope.provide(Spool.make({ directory, segmentBytes: 1024, maxBytes, onFull: "evict", fsync: "never" }), scope)
  let spool = yield* open()

  const check = Effect.gen(function* () {
    const stats = yield* spool.stats
    assert.strictEqual(stats.records, model.pending.length)
    assert.strictEqual(
      stats.items,
      model.pending.reduce((sum, record) => sum + record.size, 0)
    )
    assert.strictEqual(stats.inFlight, model.taken.size)
    assert.strictEqual(stats.corrupted, 0)
    const expected = model.pending.find((record) => !model.taken.has(record.sequence))
    const actual = yield* spool.peek
    assert.strictEqual(Option.getOrUndefined(actual)?.sequence, expected?.sequence)
    if (Option.isSome(actual)) {
      assert.deepStrictEqual(
        [...actual.value.payload],
        Array.from({ length: expected!.size }, () => expected!.fill)
      )
    }
    const onDisk = yield* Effect.forEach(
      (yield* fs.readDirectory(directory)).filter((name) => name.endsWith(".seg")),
      (name) => Effect.map(fs.stat(`${directory}/${name}`), (info) => Number(info.size))
    )
    assert.strictEqual(
      stats.bytes,
      onDisk.reduce((sum, size) => sum + size, 0)
    )
  })

  for (const step of ops) {
    switch (step.op) {
      case "append": {
        const fill = model.next % 251
        const { dropped } = yield* spool.stats
        const { sequence } = yield* spool.append(new Uint8Array(step.size).fill(fill), { items: step.size })
        assert.strictEqual(sequence, model.next)
        // Room is made at the old end, a segment at a time, and what was out for delivery goes with it.
        const evicted = (yield* spool.stats).dropped.records - dropped.records
        for (const { sequence } of model.pending.splice(0, evicted)) model.taken.delete(sequence)
        model.pending.push({ sequence, fill, size: step.size })
        model.next++
        break
      }
      case "take": {
        const got = yield* spool.take
        if (Option.isSome(got)) model.taken.add(got.value.sequence)
        break
      }
      case "close":
      case "crash": {
        if (step.op === "crash") {
          // The disk as SIGKILL leaves it, under another name: the living one still has its lock and its open file.
          const copy = `${directory}-crashed`
          yield* fs.copy(directory, copy, { overwrite: true })
          yield* Scope.close(scope, Exit.void)
          yield* fs.remove(directory, { recursive: true })
          yield* fs.rename(copy, directory)
          yield* fs.writeFileString(`${directory}/LOCK`, JSON.stringify({ pid: 999_999_999, started: "" }))
        } else {
          yield* Scope.close(scope, Exit.void)
        }
        model.taken.clear()
        scope = yield* Scope.make()
        spool = yield* open()
        break
      }
      default: {
        const sequence = [...model.taken][step.pick % Math.max(1, model.taken.size)]
        if (sequence === undefined) break
        model.taken.delete(sequence)
        if (step.op === "release") {
          yield* spool.release(sequence)
        } else {
          yield* step.op === "acknowledge"
            ? spool.acknowledge(sequence)
            : spool.reject(sequence, { code: "sys.http_rejected" })
          model.pending = model.pending.filter((record) => record.sequence !== sequence)
        }
      }
    }
    yield* check
    steps++
  }
  yield* Scope.close(scope, Exit.void)
  return steps
})

it(
  "behaves like two lists through any sequence of operations, restarts and crashes, full or not",
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(op, { minLength: 15, maxLength: 80 }),
        fc.constantFrom(4096, 1 << 20),
        async (ops, maxBytes) => {
          const steps = await Effect.runPromise(
            run(ops, maxBytes).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))
          )
          assert.strictEqual(steps, ops.length)
        }
      ),
      { numRuns: 200 }
    ),
  60_000
)
