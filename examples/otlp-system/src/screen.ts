/** Where a person looks: lines that stay, one line that moves (on a terminal only), and the last word. */
import { Clock, Config, Context, Effect, Layer, Option, Semaphore } from "effect"
import * as Render from "./render.ts"

export interface Service {
  readonly style: Render.Style
  readonly isTerminal: boolean
  /** A line that stays: since when the program runs, who speaks, and what happened. */
  readonly event: (who: Render.Who, text: string) => Effect.Effect<void>
  /** The line that moves. Nothing where there is no terminal. */
  readonly live: (text: string) => Effect.Effect<void>
  /** What the program leaves behind. */
  readonly last: (text: string) => Effect.Effect<void>
}

export class Screen extends Context.Service<Screen, Service>()("examples/otlp-system/Screen") {}

const clearLine = "\r\u001b[2K"

/** Nobody may be reading any more (`npm start | head -1`); the work goes on all the same. */
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined)

const write = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    stream.write(text, () => resume(Effect.void))
  })

/** A pseudo-terminal may not know how wide it is. */
const columns = (): number => (process.stdout.columns > 0 ? process.stdout.columns : 80)

/**
 * Standard output. Colour on a terminal, unless `NO_COLOR` is set to anything (https://no-color.org); no moving line where
 * there is no terminal.
 */
export const layer: Layer.Layer<Screen> = Layer.effect(
  Screen,
  Effect.gen(function* () {
    const isTerminal = process.stdout.isTTY === true && process.env["TERM"] !== "dumb"
    const noColor = yield* Config.option(Config.String("NO_COLOR")).pipe(
      Effect.orElseSucceed(() => Option.none<string>())
    )
    const colour = isTerminal && Option.getOrElse(noColor, () => "") === ""
    const one = yield* Semaphore.make(1)
    const clock = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))
    const began = yield* clock
    let moving = ""
    const show = (text: string): Effect.Effect<void> => one.withPermit(write(process.stdout, text))
    const still = Effect.suspend(() => {
      const text = moving === "" ? "" : clearLine
      moving = ""
      return show(text)
    })
    return Screen.of({
      style: { colour },
      isTerminal,
      event: (who, text) =>
        Effect.flatMap(clock, (now) => {
          const line = Render.event({ colour }, now - began, who, text)
          return show(moving === "" ? `${line}\n` : `${clearLine}${line}\n${moving}`)
        }),
      live: (text) => {
        if (!isTerminal) return Effect.void
        moving = text.slice(0, columns() - 1 + (colour ? 9 : 0))
        return show(`${clearLine}${moving}`)
      },
      last: (text) => Effect.andThen(still, show(`\n${text}\n`))
    })
  })
)

/** Shows nothing: for `--json`. */
export const layerSilent: Layer.Layer<Screen> = Layer.succeed(
  Screen,
  Screen.of({
    style: { colour: false },
    isTerminal: false,
    event: () => Effect.void,
    live: () => Effect.void,
    last: () => Effect.void
  })
)

export const printError = (text: string): Effect.Effect<void> => write(process.stderr, `${text}\n`)

export const print = (text: string): Effect.Effect<void> => write(process.stdout, `${text}\n`)
