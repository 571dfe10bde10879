import type { Duration, Effect, Option } from "effect"
import type { SpoolError } from "./SpoolError.ts"

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
  /** Records that were there and cannot be read any more. Each is counted once, however often the spool is opened. */
  readonly corrupted: number
}

/** What a spool can do. Every operation is atomic; they may be called from any number of fibers. */
export interface Service {
  /**
   * Stores a record. Fails with `SpoolFull` when there is no room (`onFull: "reject"`, a full disk, or a record that is
   * larger than the whole spool), with `SpoolUnavailable` when the disk refuses, or the spool is closed. After a failure
   * nothing of the record remains. If the disk refuses that, too, nothing is stored behind it before it is cut off, and
   * only a program that dies before that may find it again. The spool recovers by itself once the disk does.
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
   * Writes what was refused for good before it was ever in the spool to the same folder. It takes no room in the log, nobody
   * can take it, and it does not count as appended.
   */
  readonly deadLetter: (
    payload: Uint8Array,
    options: AppendOptions,
    reason: DeadLetterReason
  ) => Effect.Effect<void, SpoolError>
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
