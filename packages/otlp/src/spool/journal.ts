import { Clock, Effect, Exit, type FileSystem, Schedule, Scope, Semaphore } from "effect"
import { refused, segmentPath, syncDirectory, syncFile, writeCursor } from "./files.ts"
import * as Ledger from "./ledger.ts"
import * as Ranges from "./ranges.ts"
import { recover } from "./recover.ts"
import * as Record from "./record.ts"
import { type Settings } from "./options.ts"
import { SpoolError, SpoolFull } from "./SpoolError.ts"

/** The segment that is being written. */
interface Writer {
  readonly segment: Ledger.Segment
  readonly file: FileSystem.File
  readonly scope: Scope.Closeable
  /** The last sequence that is known to be on the disk itself. */
  synced: number
  /** Behind the last record there is a part of one that could not be written. */
  torn: boolean
}

/** Counted since the spool was opened. */
export interface Counters {
  appended: number
  acknowledged: number
  rejected: number
  forgotten: number
  corrupted: number
  droppedRecords: number
  droppedItems: number
}

/** The log on disk: the ledger and the files agree after every operation. Every caller holds the spool's lock, except `sync`. */
export interface Journal {
  readonly ledger: Ledger.Ledger
  readonly counters: Counters
  readonly append: (
    payload: Uint8Array,
    options: { readonly items: number; readonly kind: number }
  ) => Effect.Effect<Record.Entry, SpoolError>
  readonly read: (found: Ledger.Found) => Effect.Effect<Uint8Array | undefined, SpoolError>
  /** Marks a record done; `false` when it was done already. */
  readonly complete: (sequence: number) => Effect.Effect<boolean>
  /** Returns once the record is on the disk itself. Callers that wait together share one `fsync`. */
  readonly sync: (sequence: number) => Effect.Effect<void, SpoolError>
}

export const open = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  settings: Settings
): Effect.fn.Return<Journal, SpoolError, Scope.Scope> {
  const { directory } = settings
  const { ledger, corrupted } = yield* recover(fs, directory)
  const counters: Counters = {
    appended: 0,
    acknowledged: 0,
    rejected: 0,
    forgotten: 0,
    corrupted,
    droppedRecords: 0,
    droppedItems: 0
  }
  const syncing = yield* Semaphore.make(1)
  let writer: Writer | undefined

  /** Records that a failed flush was for. The system may call the next flush good without having written them. */
  const unflushed: Ranges.Ranges = []
  let failure: SpoolError | undefined

  const remove = (path: string): Effect.Effect<void, SpoolError> =>
    Effect.mapError(fs.remove(path, { force: true }), refused(directory, "remove", path))

  /** Presses the writer's records onto the disk. The caller holds `syncing`. */
  const flush = (current: Writer): Effect.Effect<void, SpoolError> => {
    const last = ledger.next - 1
    if (current.synced >= last) return Effect.void
    // The records of a segment are worth nothing without its name. Under `always` it was flushed when the segment began.
    const isNamed = settings.fsync === "always" || current.synced >= current.segment.first
    return (isNamed ? current.file.sync : Effect.andThen(syncDirectory(fs, directory), current.file.sync)).pipe(
      Effect.mapError(refused(directory, "flush", current.segment.path)),
      Effect.tap(() => Effect.sync(() => (current.synced = last))),
      Effect.tapError((error) =>
        Effect.sync(() => {
          failure = error
          Ranges.dropThrough(unflushed, ledger.cursor)
          // Those, too, that were written while it ran.
          if (current.synced < ledger.next - 1) Ranges.addRange(unflushed, current.synced + 1, ledger.next - 1)
        })
      )
    )
  }

  const sync = (sequence: number): Effect.Effect<void, SpoolError> =>
    syncing.withPermit(
      Effect.suspend(() => {
        if (failure !== undefined && Ranges.has(unflushed, sequence)) return Effect.fail(failure)
        const current = writer
        // A segment is flushed before it is sealed, so a record outside the writer is on the disk.
        if (current === undefined || sequence < current.segment.first || current.synced >= sequence) return Effect.void
        return flush(current)
      })
    )

  /** Ends the writer's segment; the next append begins a new one. */
  const seal = syncing.withPermit(
    Effect.suspend(() => {
      const current = writer
      if (current === undefined) return Effect.void
      const flushed = settings.fsync === "never" ? Effect.void : flush(current)
      return Effect.ensuring(
        flushed,
        Effect.suspend(() => {
          writer = undefined
          return Scope.close(current.scope, Exit.void)
        })
      )
    })
  )

  /** Half a record is no record: nothing may follow it before it is cut off. */
  const cut = Effect.suspend(() => {
    const current = writer
    if (current === undefined || !current.torn) return Effect.void
    const { bytes, path } = current.segment
    return fs.truncate(path, bytes).pipe(
      Effect.mapError(refused(directory, "truncate", path)),
      Effect.tap(() => Effect.sync(() => (current.torn = false)))
    )
  })

  const begin = Effect.gen(function* () {
    const first = ledger.next
    const path = segmentPath(directory, first)
    const scope = yield* Scope.make()
    const header = Record.encodeHeader({ created: yield* Clock.currentTimeMillis, first })
    // What has this name holds no record: the remains of a segment that could not be begun.
    yield* remove(path)
    const file = yield* fs.open(path, { flag: "ax", mode: 0o600 }).pipe(
      Effect.tap((file) => file.writeAll(header)),
      Scope.provide(scope),
      Effect.mapError(refused(directory, "write", path, header.length)),
      Effect.onError(() => Effect.andThen(Scope.close(scope, Exit.void), Effect.ignore(remove(path))))
    )
    if (settings.fsync === "always") yield* syncDirectory(fs, directory)
    const segment = Ledger.addSegment(ledger, { first, path, entries: [], bytes: header.length })
    writer = { segment, file, scope, synced: first - 1, torn: false }
    return writer
  })

  /** The oldest segment, if nothing needs it any more. */
  const removable = (): Ledger.Segment | undefined => {
    const oldest = ledger.segments[0]
    return oldest !== undefined && oldest !== writer?.segment && Ledger.isFinished(oldest) ? oldest : undefined
  }

  /** Removes what is done from the front of the log. What cannot be removed is still in the ledger, for the next time. */
  const collect = Effect.fnUntraced(function* (keep: number): Effect.fn.Return<void, SpoolError> {
    for (let oldest = removable(); oldest !== undefined && ledger.segments.length > keep; oldest = removable()) {
      yield* remove(oldest.path)
      Ledger.drop(ledger, oldest)
    }
  })

  /** Writes down what is done: onto the disk itself where no segment, or none that stays, knows it too. */
  const remember = Effect.suspend(() =>
    Effect.mapError(
      writeCursor(
        fs,
        directory,
        { done: ledger.cursor, beyond: ledger.done, next: ledger.next },
        { durable: settings.fsync !== "never" && (removable() !== undefined || ledger.segments.length === 0) }
      ),
      refused(directory, "write", `${directory}/cursor`)
    )
  )

  /** The cursor goes first: records that are gone and not known to be done would count as lost. */
  const settle = remember.pipe(
    // A full disk has room for it when a segment has gone. The last one stays, for it knows which sequence is the next.
    Effect.catchIf(
      ({ reason }) => reason._tag === "SpoolFull",
      () => Effect.andThen(collect(1), remember)
    ),
    Effect.andThen(collect(0))
  )

  /** A record that is larger than a segment gets one of its own. */
  const isFull = ({ segment }: Writer, size: number): boolean =>
    segment.entries.length > 0 && segment.bytes + size > settings.segmentBytes

  const makeRoom = Effect.fnUntraced(function* (size: number): Effect.fn.Return<void, SpoolError> {
    const full = () => SpoolError.from(new SpoolFull({ directory, size, limit: settings.maxBytes }))
    if (size + Record.segmentHeaderSize > settings.maxBytes) return yield* full()
    const fits = () => {
      const fresh = writer === undefined || isFull(writer, size)
      return ledger.bytes + size + (fresh ? Record.segmentHeaderSize : 0) <= settings.maxBytes
    }
    if (fits()) return
    // What is done in the open segment takes room too.
    if (writer !== undefined && writer.segment.entries.length > 0 && Ledger.isFinished(writer.segment)) yield* seal
    if (removable() !== undefined) yield* Effect.ignore(settle)
    while (!fits()) {
      const oldest = ledger.segments[0]
      if (settings.onFull === "reject" || oldest === undefined) return yield* full()
      if (oldest === writer?.segment) yield* seal
      const { items, records } = Ledger.evict(ledger, oldest)
      counters.droppedRecords += records
      counters.droppedItems += items
      yield* settle
    }
  })

  const append = Effect.fnUntraced(function* (
    payload: Uint8Array,
    options: { readonly items: number; readonly kind: number }
  ): Effect.fn.Return<Record.Entry, SpoolError> {
    const size = Record.recordHeaderSize + payload.length
    yield* cut
    yield* makeRoom(size)
    if (writer !== undefined && isFull(writer, size)) yield* seal
    const current = writer ?? (yield* begin)
    const entry: Record.Entry = {
      ...options,
      sequence: ledger.next,
      enqueuedAt: yield* Clock.currentTimeMillis,
      offset: current.segment.bytes + Record.recordHeaderSize,
      length: payload.length
    }
    yield* current.file.writeAll(Record.encodeRecord(entry, payload)).pipe(
      Effect.mapError(refused(directory, "write", current.segment.path, size)),
      Effect.tapError(() => {
        current.torn = true
        return Effect.ignore(cut)
      })
    )
    Ledger.append(ledger, current.segment, entry, size)
    counters.appended++
    return entry
  })

  /** The payload, or `undefined` when the disk no longer has it as it was written. */
  const read = ({ entry, segment }: Ledger.Found): Effect.Effect<Uint8Array | undefined, SpoolError> => {
    const start = entry.offset - Record.recordHeaderSize
    const bytes = new Uint8Array(Record.recordHeaderSize + entry.length)
    const fill = Effect.fnUntraced(function* (file: FileSystem.File) {
      let at = 0
      while (at < bytes.length) {
        const got = yield* file.read(bytes.subarray(at), { position: BigInt(start + at) })
        if (got === 0) break
        at += got
      }
      return at === bytes.length && Record.isIntact(bytes, entry) ? bytes.subarray(Record.recordHeaderSize) : undefined
    })
    return fs.open(segment.path, { flag: "r" }).pipe(
      Effect.flatMap(fill),
      Effect.scoped,
      Effect.catchIf(
        (error) => error.reason._tag === "NotFound",
        () => Effect.succeed(undefined)
      ),
      Effect.mapError(refused(directory, "read", segment.path))
    )
  }

  const complete = Effect.fnUntraced(function* (sequence: number) {
    if (Ledger.complete(ledger, sequence) === undefined) return false
    yield* Effect.ignore(settle)
    return true
  })

  if (settings.fsync !== "never") {
    // A program that was killed may have left records that are in the hands of the system only.
    const last = ledger.segments.at(-1)
    if (last !== undefined) yield* Effect.ignore(Effect.andThen(syncFile(fs, last.path), syncDirectory(fs, directory)))
  }
  if (corrupted > 0 || removable() !== undefined) yield* Effect.ignore(settle)
  if (settings.fsync === "interval") {
    const flushAll = syncing.withPermit(Effect.suspend(() => (writer === undefined ? Effect.void : flush(writer))))
    yield* Effect.forkScoped(Effect.repeat(Effect.ignore(flushAll), Schedule.spaced(settings.fsyncInterval)))
  }
  yield* Effect.addFinalizer(() =>
    Effect.ignore(cut).pipe(
      Effect.andThen(Effect.ignore(seal)),
      Effect.andThen(
        Effect.suspend(() =>
          ledger.cursor > 0 || ledger.done.length > 0 || removable() !== undefined ? Effect.ignore(settle) : Effect.void
        )
      )
    )
  )
  return { ledger, counters, append, read, complete, sync }
})
