import { Clock, Effect, Exit, type FileSystem, type PlatformError, Schedule, Scope, Semaphore } from "effect"
import { refused, segmentPath, syncDirectory, writeCursor } from "./files.ts"
import * as Ledger from "./ledger.ts"
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

  const remove = (path: string) => Effect.ignore(fs.remove(path, { force: true }))

  /** Presses the writer's records onto the disk. The caller holds `syncing`. */
  const flush = (current: Writer): Effect.Effect<void, PlatformError.PlatformError> => {
    const last = ledger.next - 1
    return current.synced >= last
      ? Effect.void
      : Effect.tap(current.file.sync, () => Effect.sync(() => (current.synced = last)))
  }

  const sync = (sequence: number): Effect.Effect<void, SpoolError> =>
    syncing.withPermit(
      Effect.suspend(() => {
        const current = writer
        // A segment is flushed before it is sealed, so a record outside the writer is on the disk.
        if (current === undefined || sequence < current.segment.first || current.synced >= sequence) return Effect.void
        return Effect.mapError(flush(current), refused(directory, "flush", current.segment.path))
      })
    )

  /** Ends the writer's segment; the next append begins a new one. */
  const seal = Effect.suspend(() => {
    const current = writer
    if (current === undefined) return Effect.void
    const flushed = settings.fsync === "never" ? Effect.void : flush(current)
    return syncing.withPermit(
      flushed.pipe(
        Effect.mapError(refused(directory, "flush", current.segment.path)),
        Effect.ensuring(
          Effect.suspend(() => {
            writer = undefined
            return Scope.close(current.scope, Exit.void)
          })
        )
      )
    )
  })

  const begin = Effect.gen(function* () {
    const first = ledger.next
    const path = segmentPath(directory, first)
    const scope = yield* Scope.make()
    const header = Record.encodeHeader({ created: yield* Clock.currentTimeMillis, first })
    const file = yield* fs.open(path, { flag: "ax", mode: 0o600 }).pipe(
      Effect.tap((file) => file.writeAll(header)),
      Scope.provide(scope),
      Effect.mapError(refused(directory, "write", path, header.length)),
      Effect.onError(() => Effect.andThen(Scope.close(scope, Exit.void), remove(path)))
    )
    if (settings.fsync === "always") yield* syncDirectory(fs, directory)
    const segment = Ledger.addSegment(ledger, { first, path, entries: [], bytes: header.length })
    writer = { segment, file, scope, synced: first - 1 }
    return writer
  })

  /** Removes what is done from the front of the log. */
  const collect = Effect.gen(function* () {
    for (;;) {
      const oldest = ledger.segments[0]
      if (oldest === undefined || oldest === writer?.segment || !Ledger.isFinished(oldest)) return
      Ledger.drop(ledger, oldest)
      yield* remove(oldest.path)
    }
  })

  const remember = Effect.suspend(() =>
    Effect.ignore(writeCursor(fs, directory, { done: ledger.cursor, beyond: ledger.done, next: ledger.next }))
  )

  const makeRoom = Effect.fnUntraced(function* (size: number): Effect.fn.Return<void, SpoolError> {
    const full = () => SpoolError.from(new SpoolFull({ directory, size, limit: settings.maxBytes }))
    if (size + Record.segmentHeaderSize > settings.maxBytes) return yield* full()
    const fits = () => {
      const fresh = writer === undefined || writer.segment.bytes + size > settings.segmentBytes
      return ledger.bytes + size + (fresh ? Record.segmentHeaderSize : 0) <= settings.maxBytes
    }
    if (fits()) return
    // What is done in the open segment takes room too.
    if (writer !== undefined && Ledger.isFinished(writer.segment)) yield* seal
    yield* collect
    while (!fits()) {
      const oldest = ledger.segments[0]
      if (settings.onFull === "reject" || oldest === undefined) return yield* full()
      if (oldest === writer?.segment) yield* seal
      const { items, records } = Ledger.drop(ledger, oldest)
      counters.droppedRecords += records
      counters.droppedItems += items
      yield* remember
      yield* remove(oldest.path)
    }
  })

  const append = Effect.fnUntraced(function* (
    payload: Uint8Array,
    options: { readonly items: number; readonly kind: number }
  ): Effect.fn.Return<Record.Entry, SpoolError> {
    const size = Record.recordHeaderSize + payload.length
    yield* makeRoom(size)
    if (
      writer !== undefined &&
      writer.segment.entries.length > 0 &&
      writer.segment.bytes + size > settings.segmentBytes
    ) {
      yield* seal
    }
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
      // Half a record is no record: cut it off, and let nothing follow it in case that fails too.
      Effect.tapError(() =>
        Effect.andThen(Effect.ignore(fs.truncate(current.segment.path, current.segment.bytes)), Effect.ignore(seal))
      )
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
    yield* remember
    yield* collect
    return true
  })

  if (settings.fsync === "interval") {
    const flushAll = Effect.suspend(() => Effect.ignore(sync(ledger.next - 1)))
    yield* Effect.forkScoped(Effect.repeat(flushAll, Schedule.spaced(settings.fsyncInterval)))
  }
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      const segment = writer?.segment
      return Effect.ignore(seal).pipe(
        Effect.andThen(segment !== undefined && Ledger.isFinished(segment) ? collect : Effect.void),
        Effect.andThen(ledger.cursor > 0 ? remember : Effect.void)
      )
    })
  )
  return { ledger, counters, append, read, complete, sync }
})
