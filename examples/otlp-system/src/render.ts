/** What a person sees. Pure: texts from numbers. */
import type { BreakerState, Summary } from "./tally.ts"

export interface Style {
  readonly colour: boolean
}

const paint = (style: Style, code: number, text: string): string =>
  style.colour ? `\u001b[${code}m${text}\u001b[0m` : text

const number = (n: number): string => n.toLocaleString("en-US")

const seconds = (millis = 0): string => `${(millis / 1000).toFixed(1)} s`

const stateColour: Readonly<Partial<Record<BreakerState, number>>> = { closed: 32, open: 31, half_open: 33 }

/** Who an event is about. */
export type Who = "reading" | "receiver" | "breaker" | "spool"

const whoColour: Readonly<Record<Who, number>> = { reading: 36, receiver: 35, breaker: 33, spool: 34 }

/** `  12.3 s  breaker   closed -> open` */
export const event = (style: Style, millis: number, who: Who, text: string): string =>
  `${(millis / 1000).toFixed(1).padStart(6)} s  ${paint(style, whoColour[who], who.padEnd(8))}  ${text}`

export const transition = (style: Style, from: BreakerState, to: BreakerState): string =>
  `${from} -> ${paint(style, stateColour[to] ?? 35, to)}`

/** The live line of a terminal. */
export const progress = (style: Style, summary: Summary, state: BreakerState): string =>
  [
    `read ${number(summary.read)}`,
    `delivered ${number(summary.delivered)}`,
    `waiting ${number(summary.waiting)}`,
    `dead-lettered ${number(summary.deadLettered)}`,
    `breaker ${paint(style, stateColour[state] ?? 35, state)}`
  ].join("  ")

const table = (rows: ReadonlyArray<readonly [string, string]>): string => {
  const left = Math.max(...rows.map(([name]) => name.length))
  const right = Math.max(...rows.map(([, value]) => value.length))
  return rows.map(([name, value]) => `  ${name.padEnd(left)}  ${value.padStart(right)}`).join("\n")
}

/** Whether nothing has happened that is worth a table. */
export const isEmpty = ({ attempts, inherited, read, rejections, resumed }: Summary): boolean =>
  read + resumed + inherited + attempts + rejections === 0

/** The last word: where every span went, and what it took. */
export const summary = (style: Style, it: Summary): string => {
  const spans: Array<readonly [string, string]> = [["spans read", number(it.read)]]
  if (it.resumed > 0) spans.push(["done by an earlier run", number(it.resumed)])
  if (it.inherited > 0) spans.push(["found in the spool", number(it.inherited)])
  spans.push(
    ["delivered at the first try", number(it.deliveredFirst)],
    ["delivered after retry", number(it.deliveredAfterRetry)],
    ["deferred to the spool", number(it.deferred)],
    ["drained from the spool", number(it.drained)],
    ["waiting in the spool", number(it.waiting)],
    ["dead-lettered", number(it.deadLettered)],
    ["refused by the collector", number(it.refused)],
    ["lost", number(it.lost)]
  )
  const effort: ReadonlyArray<readonly [string, string]> = [
    ["requests sent", number(it.attempts)],
    ["of them failed", number(it.failedAttempts)],
    ["turned away by the breaker", number(it.rejections)],
    ["breaker closed", seconds(it.millisIn.closed)],
    ["breaker open", seconds(it.millisIn.open)],
    ["breaker half open", seconds(it.millisIn.half_open)]
  ]
  const parts = [paint(style, 1, "Where the spans went"), table(spans), paint(style, 1, "What it took"), table(effort)]
  if (it.receiver !== undefined) {
    const agrees = it.receiver.distinct === it.delivered
    parts.push(
      paint(style, 1, "What the receiver says"),
      table([
        ["distinct spans", number(it.receiver.distinct)],
        ["spans received twice", number(it.receiver.duplicates)],
        ["requests", number(it.receiver.requests)]
      ]),
      agrees
        ? paint(style, 32, "Both counts agree: nothing was lost.")
        : paint(
            style,
            31,
            `The counts differ: ${number(it.delivered)} delivered, ${number(it.receiver.distinct)} received.`
          )
    )
  }
  return parts.join("\n")
}
