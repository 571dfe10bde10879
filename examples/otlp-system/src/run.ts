/** One run: read the files, export every batch, drain the spool, close the books. */
import { Operation } from "@holdfast/core"
import { Duration, Effect, FileSystem, Option, Schedule, Stream } from "effect"
import { StillSpooled } from "./failures.ts"
import * as Input from "./input.ts"
import { Journal } from "./journal.ts"
import { Receiver } from "./receiver/Receiver.ts"
import * as Render from "./render.ts"
import { Screen } from "./screen.ts"
import { System } from "./System.ts"

export interface RunOptions {
  readonly files: ReadonlyArray<string>
  /** Spans in one request. */
  readonly batchSize: number
  /** Requests in flight. */
  readonly concurrency: number
  /** A wait between batches, to see the faults pass by. */
  readonly pace: Duration.Duration
  /** How long to wait, after the input has ended, for a collector that takes nothing. */
  readonly patience: Duration.Duration
  readonly spoolDirectory: string
}

/** What both sides have counted. */
export const summarize = Effect.gen(function* () {
  const system = yield* System
  const receiver = yield* Effect.serviceOption(Receiver)
  const summary = yield* system.summary
  return Option.isNone(receiver) ? summary : { ...summary, receiver: yield* receiver.value.count }
})

/**
 * Runs to the end of the input and of the spool. Fails with an input failure (what came before it is accounted for), with a
 * `SpoolError` when a batch could be neither sent nor kept, or with `StillSpooled` when the collector stayed away.
 */
export const run = Effect.fnUntraced(function* (options: RunOptions) {
  const system = yield* System
  const journal = yield* Journal
  const screen = yield* Screen
  yield* system.transitions.pipe(
    Stream.runForEach(({ from, to }) => screen.event("breaker", Render.transition(screen.style, from, to))),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.all([system.summary, system.state]).pipe(
    Effect.flatMap(([summary, state]) => screen.live(Render.progress(screen.style, summary, state))),
    Effect.repeat(Schedule.spaced("100 millis")),
    Effect.when(Effect.succeed(screen.isTerminal)),
    Effect.forkScoped
  )

  const sendFile = (path: string) =>
    Effect.andThen(
      screen.event("reading", path),
      Input.batches(path, options.batchSize).pipe(
        Stream.filterEffect((batch) =>
          journal.isAccounted(batch) ? Effect.as(system.skip(batch), false) : Effect.succeed(true)
        ),
        Stream.tap(() => (Duration.isZero(options.pace) ? Effect.void : Effect.sleep(options.pace))),
        Stream.mapEffect(
          (batch) =>
            Effect.tap(system.export(batch), (outcome) =>
              outcome._tag === "DeadLettered"
                ? screen.event("spool", `${batch.items} spans refused for good: ${outcome.code}`)
                : Effect.void
            ),
          { concurrency: options.concurrency }
        ),
        Stream.runDrain,
        Operation.doing("send traces", { at: path })
      )
    )

  const input = yield* Effect.exit(Effect.forEach(options.files, sendFile, { discard: true }))

  const waiting = yield* Effect.map(system.summary, (summary) => summary.waiting)
  if (waiting > 0) yield* screen.event("spool", `the input is done, ${waiting} spans to drain`)
  const drained = yield* system.drain.pipe(Operation.doing("drain spool"), Effect.timeoutOption(options.patience))
  yield* input
  if (Option.isNone(drained)) {
    const { waiting: spans } = yield* system.summary
    const cause = Option.getOrUndefined(yield* system.lastFailure)
    return yield* new StillSpooled({ spans, directory: options.spoolDirectory, cause })
  }
  // Everything is delivered or dead-lettered: the next run of the same files is a new one.
  yield* journal.clear.pipe(Effect.ignore)
})

/** The paths of the sample files that come with the example. */
export const samples = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs.readDirectory(directory)
  return names
    .filter((name) => /\.jsonl?$/.test(name))
    .toSorted()
    .map((name) => `${directory}/${name}`)
})
