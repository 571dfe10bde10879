import { Effect, type FileSystem, type PlatformError, Predicate, Schema } from "effect"
import { crc32c } from "./crc32c.ts"
import { SpoolError, SpoolFull, SpoolUnavailable } from "./SpoolError.ts"

/** Says what the disk refused, in the spool's own terms. */
export const refused =
  (directory: string, operation: string, path: string, size = 0) =>
  (error: PlatformError.PlatformError): SpoolError => {
    const { cause } = error.reason
    const code = Predicate.hasProperty(cause, "code") ? cause.code : undefined
    return SpoolError.from(
      code === "ENOSPC" || code === "EDQUOT"
        ? new SpoolFull({ directory, size, cause: error })
        : new SpoolUnavailable({ path, operation, cause: error })
    )
  }

export const segmentPath = (directory: string, first: number): string =>
  `${directory}/${String(first).padStart(16, "0")}.seg`

/** The sequence a segment file was named after; `undefined` for any other file. */
export const sequenceOf = (name: string): number | undefined => {
  const match = /^(\d{16})\.seg$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/**
 * Makes the names in a directory durable, where the file system can. It is the second half of making a new file durable,
 * and not every system knows it: without it the file is as durable as the system makes it on its own.
 */
export const syncDirectory = (fs: FileSystem.FileSystem, directory: string): Effect.Effect<void> =>
  fs.open(directory, { flag: "r" }).pipe(
    Effect.flatMap((file) => file.sync),
    Effect.scoped,
    Effect.ignore
  )

/** Presses a file onto the disk itself that somebody else wrote. */
export const syncFile = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, PlatformError.PlatformError> =>
  fs.open(path, { flag: "r+" }).pipe(
    Effect.flatMap((file) => file.sync),
    Effect.scoped
  )

/** Replaces `<folder>/<name>` in one step: readers see the old text or the new one, with `durable` after a power cut, too. */
export const replace = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  options: { readonly folder: string; readonly name: string; readonly text: string; readonly durable: boolean }
): Effect.fn.Return<void, PlatformError.PlatformError> {
  const { durable, folder, name, text } = options
  const draft = `${folder}/${name}.draft`
  yield* fs.writeFileString(draft, text, { flag: "w", mode: 0o600 })
  if (durable) yield* syncFile(fs, draft)
  yield* fs.rename(draft, `${folder}/${name}`)
  if (durable) yield* syncDirectory(fs, folder)
})

/** Which records are done, as remembered on disk. */
export interface Cursor {
  readonly done: number
  /** Done beyond `done`, out of order: `[from, to]`, oldest first. */
  readonly beyond: ReadonlyArray<readonly [from: number, to: number]>
  /** The sequence of the next record, so that none is given twice even if the tail of the log is lost. */
  readonly next: number
}

const CursorText = Schema.fromJsonString(
  Schema.Struct({
    done: Schema.Natural,
    beyond: Schema.Array(Schema.Tuple([Schema.Natural, Schema.Natural])),
    next: Schema.Natural,
    check: Schema.Natural
  })
)

/** A longer list would make every acknowledgement slow. What is cut off, the newest, is sent again after a restart. */
const maxBeyond = 512

const checkOf = (cursor: Cursor): number =>
  crc32c(Uint8Array.from(`${cursor.done}:${cursor.beyond.join(",")}:${cursor.next}`, (char) => char.charCodeAt(0)))

export const writeCursor = (
  fs: FileSystem.FileSystem,
  directory: string,
  state: Cursor,
  options: { readonly durable: boolean }
): Effect.Effect<void, PlatformError.PlatformError> => {
  const cursor: Cursor = { ...state, beyond: state.beyond.slice(0, maxBeyond) }
  const text = JSON.stringify({ ...cursor, check: checkOf(cursor) })
  return replace(fs, { folder: directory, name: "cursor", text, durable: options.durable })
}

/** The cursor is a hint: one that is missing or damaged means that records are sent again, never that one is skipped. */
export const readCursor = (fs: FileSystem.FileSystem, directory: string): Effect.Effect<Cursor | undefined> =>
  fs.readFileString(`${directory}/cursor`).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(CursorText)),
    Effect.map((cursor) => (cursor.check === checkOf(cursor) ? cursor : undefined)),
    Effect.orElseSucceed(() => undefined)
  )
