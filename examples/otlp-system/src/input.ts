/** Reads OTLP/JSON trace files: one document a file, or one a line. */
import { Operation } from "@holdfast/core"
import { Effect, FileSystem, type PlatformError, Result, Stream } from "effect"
import { type Batch, objection, split, stopsInTheMiddle, type TraceDocument } from "./batches.ts"
import {
  InputForeign,
  type InputFailure,
  InputMalformed,
  InputMissing,
  InputTruncated,
  InputUnreadable
} from "./failures.ts"

const refused =
  (path: string) =>
  (cause: PlatformError.PlatformError): InputMissing | InputUnreadable =>
    cause.reason._tag === "NotFound" ? new InputMissing({ path, cause }) : new InputUnreadable({ path, cause })

/** Makes sure that every file is there and readable, before anything is sent. */
export const check = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  for (const path of paths) {
    yield* fs.open(path, { flag: "r" }).pipe(
      Effect.andThen((file) => file.stat),
      Effect.mapError(refused(path)),
      Effect.filterOrFail(
        (stat) => stat.type === "File" || stat.type === "FIFO",
        () => new InputUnreadable({ path, detail: `${path} is not a file` })
      ),
      Effect.scoped,
      Operation.doing("open input", { at: path })
    )
  }
})

const parse = (path: string, line: number, text: string): Effect.Effect<TraceDocument, InputFailure> => {
  const parsed = Result.try(() => JSON.parse(text) as unknown)
  if (Result.isFailure(parsed)) {
    const Failure = stopsInTheMiddle(text) ? InputTruncated : InputMalformed
    return Effect.fail(new Failure({ path, line, cause: parsed.failure }))
  }
  const expected = objection(parsed.success)
  return expected === undefined
    ? Effect.succeed(parsed.success as TraceDocument)
    : Effect.fail(new InputForeign({ path, line, expected }))
}

/** A document printed over several lines is one document; otherwise every line is one. */
const documents = (path: string): Stream.Stream<TraceDocument, InputFailure, FileSystem.FileSystem> =>
  Stream.unwrap(
    Effect.map(FileSystem.FileSystem, (fs) => {
      const lines = fs.stream(path).pipe(Stream.mapError(refused(path)), Stream.decodeText(), Stream.splitLines)
      return lines.pipe(
        Stream.zipWithIndex,
        Stream.filter(([text]) => text.trim() !== ""),
        Stream.mapEffect(([text, index]) =>
          // `{` alone opens a document that goes on below: then the whole file is read as one.
          index === 0 && /^\s*[{[]\s*$/.test(text)
            ? fs.readFileString(path).pipe(
                Effect.mapError(refused(path)),
                Effect.andThen((whole) => parse(path, 1, whole)),
                Effect.map((document) => ({ document, whole: true }))
              )
            : Effect.map(parse(path, index + 1, text), (document) => ({ document, whole: false }))
        ),
        Stream.takeUntil(({ whole }) => whole),
        Stream.map(({ document }) => document)
      )
    })
  )

/** The batches of a file, in order, of at most `size` spans each. */
export const batches = (path: string, size: number): Stream.Stream<Batch, InputFailure, FileSystem.FileSystem> =>
  documents(path).pipe(
    Stream.orElseIfEmpty(() => Stream.fail(new InputForeign({ path, line: 1, expected: "the file is empty" }))),
    Stream.flatMap((document) => Stream.fromIterable(split(document, size)))
  )
