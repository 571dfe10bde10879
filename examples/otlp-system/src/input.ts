/** Reads OTLP/JSON trace files: one document a file, or one a line. */
import { Operation } from "@holdfast/core"
import { Effect, FileSystem, Option, type PlatformError, Result, Stream } from "effect"
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

const isCompressed = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** Makes sure that every file is there and readable, before anything is sent. A pipe is refused unopened: it can be read once. */
export const check = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const checkFile = Effect.fnUntraced(function* (path: string) {
    const { type } = yield* Effect.mapError(fs.stat(path), refused(path))
    if (type !== "File") return yield* new InputUnreadable({ path, detail: `${path} is not a file` })
    const file = yield* Effect.mapError(fs.open(path, { flag: "r" }), refused(path))
    const start = yield* Effect.mapError(file.readAlloc(2), refused(path))
    if (Option.exists(start, isCompressed)) {
      return yield* new InputForeign({ path, line: 1, expected: "the file is compressed; decompress it first" })
    }
  }, Effect.scoped)
  for (const path of paths) yield* Operation.doing(checkFile(path), "open input", { at: path })
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

/** Every line is a document; a file whose first line only begins one is one document. */
const documents = (path: string): Stream.Stream<TraceDocument, InputFailure, FileSystem.FileSystem> =>
  Stream.unwrap(
    Effect.map(FileSystem.FileSystem, (fs) => {
      let isFirst = true
      const document = Effect.fnUntraced(function* (text: string, line: number) {
        const parsed = yield* Effect.result(parse(path, line, text))
        const mayGoOn = isFirst && Result.isFailure(parsed) && parsed.failure._tag === "InputTruncated"
        isFirst = false
        if (!mayGoOn) return { document: yield* Effect.fromResult(parsed), whole: false }
        const rest = yield* Effect.mapError(fs.readFileString(path), refused(path))
        const whole = yield* Effect.result(parse(path, line, rest.replace(/^\uFEFF/, "")))
        return { document: yield* Effect.fromResult(Result.isSuccess(whole) ? whole : parsed), whole: true }
      })
      return fs.stream(path).pipe(
        Stream.mapError(refused(path)),
        Stream.decodeText(),
        Stream.splitLines,
        Stream.zipWithIndex,
        Stream.filter(([text]) => text.trim() !== ""),
        Stream.mapEffect(([text, index]) => document(text, index + 1)),
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
