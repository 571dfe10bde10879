import { Effect, type FileSystem, type PlatformError } from "effect"
import { replace, syncDirectory } from "./files.ts"

/** Where refused records, and segments of which nothing can be read, are kept for a person to look at. */
export const folderOf = (directory: string): string => `${directory}/dead-letter`

/** Makes room by removing the oldest letters. Returns how many. Names begin with the sequence, so they sort by age. */
const makeRoom = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, folder: string, size: number, limit: number) {
  const names = (yield* fs.readDirectory(folder)).toSorted()
  const files = yield* Effect.forEach(names, (name) =>
    fs.stat(`${folder}/${name}`).pipe(
      Effect.map((info) => ({ name, size: Number(info.size) })),
      Effect.orElseSucceed(() => ({ name, size: 0 }))
    )
  )
  let used = files.reduce((sum, file) => sum + file.size, size)
  let removed = 0
  for (const file of files) {
    if (used <= limit) break
    yield* Effect.ignore(fs.remove(`${folder}/${file.name}`, { force: true }))
    used -= file.size
    if (!/\.(json|draft)$/.test(file.name)) removed++
  }
  return removed
})

/**
 * Writes the payload and, beside it, the note. With `durable` both are on the disk itself before this returns, because the
 * record leaves the log right after. Returns how many older letters had to go.
 */
export const write = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  directory: string,
  letter: {
    readonly name: string
    readonly payload: Uint8Array
    readonly note: string
    readonly durable: boolean
    readonly maxBytes: number
  }
): Effect.fn.Return<number, PlatformError.PlatformError> {
  const { durable, maxBytes, name, note, payload } = letter
  const folder = folderOf(directory)
  yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
  if (durable) yield* syncDirectory(fs, directory)
  const removed = yield* makeRoom(fs, folder, payload.length + note.length, maxBytes)
  yield* fs.open(`${folder}/${name}.bin`, { flag: "w", mode: 0o600 }).pipe(
    Effect.tap((file) => file.writeAll(payload)),
    Effect.tap((file) => (durable ? file.sync : Effect.void)),
    Effect.scoped
  )
  yield* replace(fs, { folder, name: `${name}.json`, text: note, durable })
  return removed
})
