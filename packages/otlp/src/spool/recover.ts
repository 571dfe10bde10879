import { Effect, type FileSystem } from "effect"
import { folderOf } from "./deadLetter.ts"
import { readCursor, refused, sequenceOf, syncDirectory } from "./files.ts"
import * as Ledger from "./ledger.ts"
import * as Ranges from "./ranges.ts"
import type { Entry } from "./record.ts"
import { scan } from "./scan.ts"
import { SpoolCorrupt, SpoolError } from "./SpoolError.ts"

export interface Recovered {
  readonly ledger: Ledger.Ledger
  /** Records that were acknowledged to their writer, not yet delivered, and cannot be read any more. */
  readonly corrupted: number
}

/** Reads a directory as a crash, a bad disk or a person may have left it. */
export const recover = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  directory: string
): Effect.fn.Return<Recovered, SpoolError> {
  const names = yield* fs
    .readDirectory(directory)
    .pipe(Effect.mapError(refused(directory, "read the directory", directory)))
  const segments = names.flatMap((name) => {
    const first = sequenceOf(name)
    return first === undefined ? [] : [{ first, path: `${directory}/${name}` }]
  })
  segments.sort((a, b) => a.first - b.first)
  const cursor = yield* readCursor(fs, directory)
  const ledger = Ledger.empty(cursor?.done ?? 0)
  if (cursor !== undefined) {
    // The disk may have less than was acknowledged. A sequence that is done must not be given to a new record.
    for (const [from, to] of cursor.beyond) Ranges.addRange(ledger.done, from, to)
    ledger.next = Math.max(ledger.next, cursor.next, (ledger.done.at(-1)?.[1] ?? 0) + 1)
  }

  const lost: Ranges.Ranges = []
  const lose = (from: number, to: number): number => {
    if (from < to) Ranges.addRange(lost, from, to - 1)
    return Ledger.owed(ledger, from, to)
  }

  /** The sequence that must come next if no segment is missing; unknown until something tells it. */
  let expected = cursor === undefined ? undefined : cursor.done + 1
  for (const { first, path } of segments) {
    const bytes = yield* fs.readFile(path).pipe(Effect.mapError(refused(directory, "read", path)))
    const found = scan(bytes, first, lose)
    if (found.header === "newer") {
      return yield* SpoolError.from(new SpoolCorrupt({ path, what: "it was written by a newer version" }))
    }
    if (expected !== undefined) lose(expected, first)
    expected = Math.max(expected ?? 0, found.next)
    ledger.next = Math.max(ledger.next, found.next)
    if (found.entries.length === 0) {
      yield* found.corrupted === 0 ? remove(fs, path) : setAside(fs, directory, path)
      continue
    }
    Ledger.addSegment(ledger, { first, path, entries: found.entries as Array<Entry>, bytes: bytes.length })
  }
  // What the cursor knows of and no segment has: the end of the last one, or all of them.
  if (expected !== undefined) lose(expected, ledger.next)
  if (lost.length > 0) {
    for (const { entries } of ledger.segments) for (const { sequence } of entries) Ranges.remove(lost, sequence)
  }
  // What is lost is done, so that it is counted now and never again.
  let corrupted = 0
  for (const [from, to] of lost) {
    corrupted += Ledger.owed(ledger, from, to + 1)
    Ranges.addRange(ledger.done, from, to)
  }
  // Only now: with a segment still unread, all that is in the unread would be taken for done.
  Ledger.moveCursor(ledger)
  return { ledger, corrupted }
})

const remove = (fs: FileSystem.FileSystem, path: string) => Effect.ignore(fs.remove(path, { force: true }))

const setAside = (fs: FileSystem.FileSystem, directory: string, path: string) => {
  const folder = folderOf(directory)
  const name = path.slice(path.lastIndexOf("/") + 1)
  return fs
    .makeDirectory(folder, { recursive: true, mode: 0o700 })
    .pipe(
      Effect.andThen(fs.rename(path, `${folder}/${name}.corrupt`)),
      Effect.andThen(syncDirectory(fs, directory)),
      Effect.ignore
    )
}
