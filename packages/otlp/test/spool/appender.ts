import { NodeFileSystem } from "@effect/platform-node"
import { Effect } from "effect"
import { writeSync } from "node:fs"
import * as Spool from "../../src/spool/Spool.ts"

/** Appends for ever and says after each append that it is done, until somebody kills it. */
const [directory, fsync] = process.argv.slice(2) as [string, Spool.Fsync]

const program = Effect.gen(function* () {
  const spool = yield* Spool.make({ directory, fsync, segmentBytes: 4096 })
  for (;;) {
    const { sequence } = yield* spool.append(new Uint8Array(200).fill(1), { items: 1 })
    writeSync(1, `${sequence}\n`)
  }
})

Effect.runFork(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
