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
import {
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  FileSystem,
  Layer,
  Option,
  Random,
  type Scope,
  Semaphore
} from "effect"
import * as DeadLetter from "./deadLetter.ts"
import { refused, syncDirectory } from "./files.ts"
import { open } from "./journal.ts"
import * as Ledger from "./ledger.ts"
import * as Lock from "./lock.ts"
import { invalid, type Options, settle } from "./options.ts"
import { maxPayload, type Entry as Stored } from "./record.ts"
import type { AppendOptions, DeadLetterReason, Entry, Service, Spooled, Stats } from "./service.ts"
import { SpoolError, SpoolLocked, SpoolUnavailable } from "./SpoolError.ts"

export { Fsync, Options } from "./options.ts"
export type { AppendOptions, DeadLetterReason, Entry, Service, Spooled, Stats } from "./service.ts"
export { Processes } from "./lock.ts"
export { SpoolCorrupt, SpoolError, SpoolFull, SpoolLocked, SpoolUnavailable } from "./SpoolError.ts"

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
  if (settings.fsync === "always") yield* syncDirectory(fs, `${directory}/..`)
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
  let closed = false
  // After this the directory is somebody else's.
  yield* Effect.addFinalizer(() => exclusively(Effect.sync(() => (closed = true))))
  const whileOpen = <A>(effect: Effect.Effect<A, SpoolError>): Effect.Effect<A, SpoolError> =>
    exclusively(
      Effect.suspend(() =>
        closed
          ? Effect.fail(SpoolError.from(new SpoolUnavailable({ path: directory, operation: "use the closed spool" })))
          : effect
      )
    )
  const complete = (sequence: number, done: () => void): Effect.Effect<void> =>
    exclusively(
      Effect.suspend(() =>
        closed
          ? Effect.void
          : Effect.map(journal.complete(sequence), (isNew) => {
              if (isNew) done()
            })
      )
    )

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

  const append = Effect.fnUntraced(function* (payload: Uint8Array, options: AppendOptions) {
    const { items, kind } = yield* checked(payload, options)
    const entry = yield* whileOpen(journal.append(payload, { items, kind }))
    if (settings.fsync === "always") {
      yield* Effect.uninterruptible(journal.sync(entry.sequence)).pipe(
        Effect.tapError(() => complete(entry.sequence, () => counters.appended--))
      )
    }
    return publish(entry)
  })

  const letter = Effect.fnUntraced(function* (
    payload: Uint8Array,
    about: Omit<Entry, "sequence" | "size"> & { readonly name: string; readonly sequence?: number },
    reason: DeadLetterReason
  ) {
    const { name, ...entry } = about
    const rejectedAt = yield* Clock.currentTimeMillis
    // Servers repeat in their answers what they were sent, credentials included.
    const detail = reason.detail === undefined ? undefined : Redaction.standard.text(reason.detail)
    const note = { ...entry, size: payload.length, rejectedAt, code: reason.code, detail }
    counters.forgotten += yield* DeadLetter.write(fs, directory, {
      name,
      payload,
      note: `${JSON.stringify(note, null, 2)}\n`,
      durable: settings.fsync === "always",
      maxBytes: settings.maxDeadLetterBytes
    }).pipe(
      Effect.mapError(refused(directory, "write", `${DeadLetter.folderOf(directory)}/${name}.bin`, payload.length))
    )
    counters.rejected++
  })

  const reject = Effect.fnUntraced(function* (sequence: number, reason: DeadLetterReason) {
    const found = Ledger.find(ledger, sequence)
    if (found === undefined) return
    const payload = yield* journal.read(found)
    if (payload === undefined) {
      counters.corrupted++
    } else {
      const { enqueuedAt, items, kind } = publish(found.entry)
      const name = `${padded(sequence)}-${enqueuedAt}`
      yield* letter(payload, { name, sequence, items, kind, enqueuedAt }, reason)
    }
    yield* journal.complete(sequence)
  })

  const deadLetter = Effect.fnUntraced(function* (
    payload: Uint8Array,
    options: AppendOptions,
    reason: DeadLetterReason
  ) {
    const { items, kind } = yield* checked(payload, options)
    const enqueuedAt = yield* Clock.currentTimeMillis
    // It has no sequence, and sorts behind all that came before it.
    const name = `${padded(ledger.next)}-${enqueuedAt}-${(yield* Random.nextIntBetween(0, 0x7fffffff)).toString(36)}`
    yield* letter(payload, { name, items, kind, enqueuedAt }, reason)
  })

  const release = (sequence: number) => exclusively(Effect.sync(() => Ledger.release(ledger, sequence)))

  const acknowledge = (sequence: number) => complete(sequence, () => counters.acknowledged++)

  // An interruption that arrives while the disk is read finds the record taken and nobody to give it to.
  const take = Effect.suspend(() => {
    let taken: Option.Option<Spooled> = Option.none()
    return whileOpen(Effect.tap(next(true), (found) => Effect.sync(() => (taken = found)))).pipe(
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
    peek: whileOpen(next(false)),
    take,
    deliver,
    release,
    acknowledge,
    reject: (sequence, reason) => whileOpen(reject(sequence, reason)),
    deadLetter: (payload, options, reason) => whileOpen(deadLetter(payload, options, reason)),
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

const checked = Effect.fnUntraced(function* (payload: Uint8Array, { items, kind = 0 }: AppendOptions) {
  if (!Number.isInteger(items) || items < 0 || items > 0xffffffff) return yield* invalid("items", "must be a count")
  if (!Number.isInteger(kind) || kind < 0 || kind > 255) return yield* invalid("kind", "must be 0 to 255")
  if (payload.length > maxPayload) return yield* invalid("payload", `must be at most ${maxPayload} bytes`)
  return { items, kind }
})

const padded = (sequence: number): string => String(sequence).padStart(16, "0")

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
