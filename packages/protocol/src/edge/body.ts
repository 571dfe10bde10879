import { Duration, Effect, Option, Stream } from "effect"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import type { Cut } from "../remote/undecodable.ts"

/** How much of somebody else's answer is read, and for how long. */
export interface Patience {
  /** How long the body may take from its first byte to its last: more than 0 ms. Default: 10 seconds. */
  readonly patience?: Duration.Input
  /** How many bytes of it are read, after decompression: a whole number from 0. Default: 1 MiB; more is never decoded. */
  readonly maxBytes?: number
}

const mebibyte = 1_048_576

/** What came of a body. */
export interface Came {
  readonly text: string
  /** Why that is not all of it. Absent: it is. */
  readonly cut?: Cut
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
        onFailure: (): Cut => ({ problem: "incomplete", bytes: maxBytes - left }),
        onSuccess: (done): Cut | undefined => {
          if (left < 0) return { problem: "too_large", limit: maxBytes }
          if (Option.isSome(done)) return undefined
          return { problem: "timed_out", bytes: maxBytes - left, waited: Duration.fromInputUnsafe(patience) }
        }
      }),
      Effect.map((cut): Came => ({ text: texts.join(""), ...(cut === undefined ? {} : { cut }) }))
    )
  })
