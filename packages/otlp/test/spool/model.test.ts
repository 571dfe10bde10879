import { NodeFileSystem } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Spool } from "@holdfast/otlp"
import { Effect, FileSystem } from "effect"
import * as fc from "fast-check"
import { Model, op, type Op, play } from "./history.ts"

const run = Effect.fnUntraced(function* (ops: ReadonlyArray<Op>, maxBytes: number) {
  let steps = 0
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "holdfast-model-" })
  const model = new Model()
  const { close } = yield* play(model, ops, {
    open: Spool.make({ directory, segmentBytes: 1024, maxBytes, onFull: "evict", fsync: "never" }),
    // The disk as SIGKILL leaves it, under another name: the living one still has its lock and its open file.
    crash: Effect.fnUntraced(function* (close) {
      const copy = `${directory}-crashed`
      yield* fs.copy(directory, copy, { overwrite: true })
      yield* close
      yield* fs.remove(directory, { recursive: true })
      yield* fs.rename(copy, directory)
      yield* fs.writeFileString(`${directory}/LOCK`, JSON.stringify({ pid: 999_999_999, started: "" }))
    }),
    check: Effect.fnUntraced(function* (spool) {
      const stats = yield* model.agrees(spool)
      assert.strictEqual(model.failures, 0)
      assert.strictEqual(stats.corrupted, 0)
      const onDisk = yield* Effect.forEach(
        (yield* fs.readDirectory(directory)).filter((name) => name.endsWith(".seg")),
        (name) => Effect.map(fs.stat(`${directory}/${name}`), (info) => Number(info.size))
      )
      assert.strictEqual(
        stats.bytes,
        onDisk.reduce((sum, size) => sum + size, 0)
      )
      steps++
    })
  })
  yield* close
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
      { numRuns: 100 }
    ),
  60_000
)
