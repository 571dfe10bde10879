/**
 * A log on disk that keeps what could not be delivered: append now, deliver later, oldest first, across crashes.
 *
 * What it promises: once `append` has succeeded, the record is there after the program is killed (and after a power cut,
 * as far as `fsync` says), until it is acknowledged, rejected into the dead-letter folder, or evicted and counted.
 * Records that were taken but not acknowledged come again after a restart, so delivery is at least once. The index costs
 * about 150 bytes of memory a record; payloads stay on disk.
 *
 * On disk: `<first sequence>.seg` files, a `cursor` that is only a hint, `LOCK`, and `dead-letter/`. A torn tail is
 * ignored; a damaged record is skipped and counted, and the segments behind it still replay; files with other names are
 * left alone; a segment of a newer version is refused with {@link SpoolCorrupt} instead of being misread.
 */
import { Redaction } from "@holdfast/core"
import { Clock, Context, Duration, Effect, Exit, FileSystem, Layer, Option, type Scope, Semaphore } from "effect"
import * as DeadLetter from "./deadLetter.ts"
import { refused } from "./files.ts"
import { open } from "./journal.ts"
import * as Ledger from "./ledger.ts"
import * as Lock from "./lock.ts"
import { invalid, type Options, settle } from "./options.ts"
import { maxPayload, type Entry as Stored } from "./record.ts"
import { SpoolError, SpoolLocked } from "./SpoolError.ts"

export { Fsync, Options } from "./options.ts"
export { Processes } from "./lock.ts"
export { SpoolCorrupt, SpoolError, SpoolFull, SpoolLocked, SpoolUnavailable } from "./SpoolError.ts"

/** What the spool knows about a record. */
export interface Entry {
  /** Grows by one with every append; names the record in `acknowledge`, `release` and `reject`. */
  readonly sequence: number
  readonly items: number
  readonly kind: number
  /** Wall clock, milliseconds since 1970. */
  readonly enqueuedAt: number
  /** Bytes of the payload. */
  readonly size: number
}

/** A record, read back. */
export interface Spooled extends Entry {
  readonly payload: Uint8Array
}

export interface AppendOptions {
  /** How many spans, points or log records are inside; what the counters count. Range: 0 or more. */
  readonly items: number
  /** A byte of the caller's own, such as a signal or a content type. Default: 0. Range: 0 to 255. */
  readonly kind?: number | undefined
}

/** One moment of a spool. The counters count from the moment it was opened. */
export interface Stats {
  /** Not yet done, those out for delivery included. */
  readonly records: number
  /** The items of those records. */
  readonly items: number
  /** Bytes on disk. */
  readonly bytes: number
  readonly segments: number
  /** Taken, not yet acknowledged, released or rejected. */
  readonly inFlight: number
  readonly oldestAge: Option.Option<Duration.Duration>
  readonly appended: number
  readonly acknowledged: number
  /** Moved to the dead-letter folder. */
  readonly rejected: number
  /** Letters removed from that folder to stay within its limit. */
  readonly forgotten: number
  /** Evicted to make room. */
  readonly dropped: { readonly records: number; readonly items: number }
  /** Records that were there and cannot be read any more. */
  readonly corrupted: number
}

/** What a spool can do. Every operation is atomic; they may be called from any number of fibers. */
export interface Service {
  /**
   * Stores a record. Fails with `SpoolFull` when there is no room (`onFull: "reject"`, a full disk, or a record that is
   * larger than the whole spool), with `SpoolUnavailable` when the disk refuses. After a failure nothing of the record
   * remains, and the next append starts in a new segment, so that the spool recovers by itself once the disk does.
   */
  readonly append: (payload: Uint8Array, options: AppendOptions) => Effect.Effect<Entry, SpoolError>
  /** The oldest record that nobody has taken. */
  readonly peek: Effect.Effect<Option.Option<Spooled>, SpoolError>
  /**
   * The same, and nobody else gets it until it is released. Like any acquisition it wants its release guarded:
   * {@link deliver} does both.
   */
  readonly take: Effect.Effect<Option.Option<Spooled>, SpoolError>
  /** Gives a taken record back: it is the oldest again. Does nothing for a record that is not taken. */
  readonly release: (sequence: number) => Effect.Effect<void>
  /** The record was delivered. Does nothing for a record that is done, so it is safe to say twice. */
  readonly acknowledge: (sequence: number) => Effect.Effect<void>
  /**
   * The record will never be taken: moves it to `dead-letter/<sequence>-<enqueued>.bin`, with a `.json` file beside it that
   * holds the reason; what looks like a secret is masked in it. Does nothing for a record that is done.
   */
  readonly reject: (sequence: number, reason: DeadLetterReason) => Effect.Effect<void, SpoolError>
  /**
   * Takes the oldest record and hands it over: acknowledged when `use` succeeds, released when it fails, dies or is
   * interrupted. `false` when there was nothing to take.
   */
  readonly deliver: <E, R>(
    use: (record: Spooled) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<boolean, E | SpoolError, R>
  readonly stats: Effect.Effect<Stats>
}

/** Why a record was refused for good. Written as JSON beside the payload. */
export interface DeadLetterReason {
  /** The stable code of the failure: `sys.http_rejected`. */
  readonly code: string
  /** One sentence for a person. */
  readonly detail?: string | undefined
}

/** The spool as a service. */
export class Spool extends Context.Service<Spool, Service>()("@holdfast/otlp/Spool") {}

/**
 * Opens a spool for as long as the scope lives. Fails with `SpoolLocked` when another process owns the directory,
 * `SpoolUnavailable` when it cannot be written, `SpoolCorrupt` when a newer version wrote it, `InvalidValue` when an
 * option is out of range.
 *
 * @example
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Spool } from "@holdfast/otlp"
 * import { Effect, FileSystem, Option } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const fs = yield* FileSystem.FileSystem
 *   const spool = yield* Spool.make({ directory: yield* fs.makeTempDirectoryScoped(), fsync: "always" })
 *   yield* spool.append(Uint8Array.of(1, 2, 3), { items: 1 })
 *   const next = Option.getOrThrow(yield* spool.take)
 *   yield* spool.acknowledge(next.sequence)
 *   return next.payload.length
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))) // => 3
 * ```
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, SpoolError, FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const settings = yield* settle(options)
  const { directory } = settings
  yield* fs
    .makeDirectory(directory, { recursive: true, mode: 0o700 })
    .pipe(Effect.mapError(refused(directory, "make the directory", directory)))
  yield* Effect.acquireRelease(
    Lock.acquire(fs, directory).pipe(
      Effect.mapError(refused(directory, "lock", `${directory}/LOCK`)),
      Effect.filterOrFail(
        ({ heldBy }) => Option.isNone(heldBy),
        ({ heldBy }) => SpoolError.from(new SpoolLocked({ directory, pid: Option.getOrElse(heldBy, () => 0) }))
      )
    ),
    (lock) => Lock.release(fs, lock)
  )
  const journal = yield* open(fs, settings)
  const { counters, ledger } = journal
  const mutex = yield* Semaphore.make(1)
  /** Waiting can be interrupted; what has begun is finished, so that ledger and disk never disagree. */
  const exclusively = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    mutex.withPermit(Effect.uninterruptible(effect))

  const next = Effect.fnUntraced(function* (take: boolean): Effect.fn.Return<Option.Option<Spooled>, SpoolError> {
    for (;;) {
      const found = Ledger.oldest(ledger, { taken: false })
      if (found === undefined) return Option.none()
      const payload = yield* journal.read(found)
      if (payload !== undefined) {
        if (take) ledger.taken.add(found.entry.sequence)
        return Option.some({ ...publish(found.entry), payload })
      }
      counters.corrupted++
      yield* journal.complete(found.entry.sequence)
    }
  })

  const append = Effect.fnUntraced(function* (payload: Uint8Array, { items, kind = 0 }: AppendOptions) {
    if (!Number.isInteger(items) || items < 0 || items > 0xffffffff) return yield* invalid("items", "must be a count")
    if (!Number.isInteger(kind) || kind < 0 || kind > 255) return yield* invalid("kind", "must be 0 to 255")
    if (payload.length > maxPayload) return yield* invalid("payload", `must be at most ${maxPayload} bytes`)
    const entry = yield* exclusively(journal.append(payload, { items, kind }))
    if (settings.fsync === "always") {
      yield* Effect.uninterruptible(journal.sync(entry.sequence)).pipe(
        Effect.tapError(() => exclusively(journal.complete(entry.sequence)))
      )
    }
    return publish(entry)
  })

  const reject = Effect.fnUntraced(function* (sequence: number, reason: DeadLetterReason) {
    const found = Ledger.find(ledger, sequence)
    if (found === undefined) return
    const payload = yield* journal.read(found)
    if (payload === undefined) {
      counters.corrupted++
    } else {
      const { enqueuedAt, items, kind, size } = publish(found.entry)
      const name = `${String(sequence).padStart(16, "0")}-${enqueuedAt}`
      const rejectedAt = yield* Clock.currentTimeMillis
      // Servers repeat in their answers what they were sent, credentials included.
      const detail = reason.detail === undefined ? undefined : Redaction.standard.text(reason.detail)
      const note = { sequence, items, kind, size, enqueuedAt, rejectedAt, code: reason.code, detail }
      counters.forgotten += yield* DeadLetter.write(fs, directory, {
        name,
        payload,
        note: `${JSON.stringify(note, null, 2)}\n`,
        durable: settings.fsync === "always",
        maxBytes: settings.maxDeadLetterBytes
      }).pipe(Effect.mapError(refused(directory, "write", `${DeadLetter.folderOf(directory)}/${name}.bin`, size)))
      counters.rejected++
    }
    yield* journal.complete(sequence)
  })

  const release = (sequence: number) => exclusively(Effect.sync(() => Ledger.release(ledger, sequence)))

  const acknowledge = (sequence: number) =>
    exclusively(
      Effect.tap(journal.complete(sequence), (done) =>
        Effect.sync(() => {
          if (done) counters.acknowledged++
        })
      )
    )

  // An interruption that arrives while the disk is read finds the record taken and nobody to give it to.
  const take = Effect.suspend(() => {
    let taken: Option.Option<Spooled> = Option.none()
    return exclusively(Effect.tap(next(true), (found) => Effect.sync(() => (taken = found)))).pipe(
      Effect.onInterrupt(() => (Option.isSome(taken) ? release(taken.value.sequence) : Effect.void))
    )
  })

  const deliver: Service["deliver"] = (use) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(take, (found) =>
        Option.isNone(found)
          ? Effect.succeed(false)
          : restore(use(found.value)).pipe(
              Effect.onExit((exit) => (Exit.isSuccess(exit) ? acknowledge : release)(found.value.sequence)),
              Effect.as(true)
            )
      )
    )

  return Spool.of({
    append,
    peek: exclusively(next(false)),
    take,
    deliver,
    release,
    acknowledge: (sequence) => Effect.asVoid(acknowledge(sequence)),
    reject: (sequence, reason) => exclusively(reject(sequence, reason)),
    stats: exclusively(
      Effect.map(Clock.currentTimeMillis, (now): Stats => {
        const oldest = Ledger.oldest(ledger, { taken: true })
        return {
          records: ledger.records,
          items: ledger.items,
          bytes: ledger.bytes,
          segments: ledger.segments.length,
          inFlight: ledger.taken.size,
          oldestAge:
            oldest === undefined
              ? Option.none()
              : Option.some(Duration.millis(Math.max(0, now - oldest.entry.enqueuedAt))),
          appended: counters.appended,
          acknowledged: counters.acknowledged,
          rejected: counters.rejected,
          forgotten: counters.forgotten,
          dropped: { records: counters.droppedRecords, items: counters.droppedItems },
          corrupted: counters.corrupted
        }
      })
    )
  })
})

const publish = ({ enqueuedAt, items, kind, length, sequence }: Stored): Entry => ({
  sequence,
  items,
  kind,
  enqueuedAt,
  size: length
})

/** {@link make} as a Layer: the spool closes with the program. */
export const layer = (options: Options): Layer.Layer<Spool, SpoolError, FileSystem.FileSystem> =>
  Layer.effect(Spool, make(options))
