/**
 * Which batches of the input are accounted for (delivered, spooled or dead-lettered), kept on disk until the whole input
 * is. A program that was killed and started again on the same files goes on where it was instead of sending them twice.
 */
import { Context, Effect, FileSystem, Layer, type PlatformError } from "effect"
import { createHash } from "node:crypto"
import type { Batch } from "./batches.ts"

export interface Service {
  readonly isAccounted: (batch: Batch) => boolean
  /**
   * Call it once the batch is safe: a crash in between sends it twice, never not at all. A disk that refuses the line does
   * the same, so it is a warning and no failure.
   */
  readonly account: (batch: Batch) => Effect.Effect<void>
  /** The input is done; the next run starts from the beginning. */
  readonly clear: Effect.Effect<void, PlatformError.PlatformError>
}

export class Journal extends Context.Service<Journal, Service>()("examples/otlp-system/Journal") {}

const keyOf = (batch: Batch): string => createHash("sha256").update(batch.body).digest("hex")

/** Opens the journal of a spool directory. A line that a crash cut short counts for nothing. */
export const make = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = `${directory}/accounted.log`
  const text = yield* fs.readFileString(path).pipe(
    Effect.catchIf(
      (error) => error.reason._tag === "NotFound",
      () => Effect.succeed("")
    )
  )
  const known = new Set(text.split("\n").filter((line) => /^[0-9a-f]{64}$/.test(line)))
  const file = yield* fs.open(path, { flag: "a", mode: 0o600 })
  return Journal.of({
    isAccounted: (batch) => known.has(keyOf(batch)),
    account: (batch) => {
      const key = keyOf(batch)
      // The line break comes first, so that a line cut short by a crash does not spoil this one.
      known.add(key)
      return file
        .writeAll(new TextEncoder().encode(`\n${key}\n`))
        .pipe(Effect.catch((error) => Effect.logWarning(`${path}: the next run may send a batch twice`, error)))
    },
    clear: Effect.suspend(() => {
      known.clear()
      return fs.remove(path, { force: true })
    })
  })
})

export const layer = (directory: string) => Layer.effect(Journal, make(directory))

/** Remembers nothing: for programs whose input cannot come twice. */
export const layerNone = Layer.succeed(
  Journal,
  Journal.of({ isAccounted: () => false, account: () => Effect.void, clear: Effect.void })
)
