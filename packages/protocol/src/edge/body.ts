import { type Duration, Effect, Option, Stream } from "effect"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"

/** How much of somebody else's answer is read, and for how long. */
export interface Patience {
  /** How long the body may take from its first byte to its last. Default: 10 seconds. */
  readonly patience?: Duration.Input
  /** How many bytes of it are read, after decompression. Default: 1 MiB; more is never decoded. */
  readonly maxBytes?: number
}

const mebibyte = 1_048_576

/** What came of a body. */
export interface Came {
  readonly text: string
  /** Whether that is all of it. */
  readonly isWhole: boolean
}

/**
 * As much of a body as came in time, as text. Where it stops for whatever reason, the connection is given up: an answer
 * that breaks off, drips or never ends may be a whole one all the same, and if it is none its beginning tells what it was.
 */
export const textOf = (
  response: HttpClientResponse,
  { maxBytes = mebibyte, patience = "10 seconds" }: Patience
): Effect.Effect<Came> =>
  Effect.suspend(() => {
    // Half a character at the end of a piece is kept for the next one.
    const decoder = new TextDecoder()
    const texts: Array<string> = []
    let left = maxBytes
    return response.stream.pipe(
      Stream.takeUntil((bytes) => {
        texts.push(decoder.decode(bytes.subarray(0, left), { stream: true }))
        left -= bytes.length
        return left < 0
      }),
      Stream.runDrain,
      Effect.timeoutOption(patience),
      Effect.match({
        onFailure: (): Came => ({ text: texts.join(""), isWhole: false }),
        onSuccess: (done): Came => ({ text: texts.join(""), isWhole: Option.isSome(done) && left >= 0 })
      })
    )
  })
