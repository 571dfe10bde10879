/** What the embedded receiver does, and for how long: the faults of a bad day, in order. */
import { Duration } from "effect"

/** How the receiver treats a request. */
export type Behaviour =
  | { readonly kind: "healthy" }
  /** Nobody listens: connections are refused, open ones are cut. */
  | { readonly kind: "outage" }
  | { readonly kind: "unavailable"; readonly retryAfterSeconds: number }
  | { readonly kind: "slow"; readonly delay: Duration.Duration }
  | { readonly kind: "refuse"; readonly status: number }
  /** Keeps all but so many spans of each request. */
  | { readonly kind: "partial"; readonly rejected: number }

/** A behaviour lasts for a number of requests, for a time, or to the end. */
export interface Phase {
  readonly title: string
  readonly behaviour: Behaviour
  readonly lasts: { readonly requests: number } | { readonly time: Duration.Duration } | "to the end"
}

export const badDay: ReadonlyArray<Phase> = [
  { title: "healthy", behaviour: { kind: "healthy" }, lasts: { requests: 10 } },
  { title: "outage: connections refused for 4 s", behaviour: { kind: "outage" }, lasts: { time: Duration.seconds(4) } },
  { title: "healthy again", behaviour: { kind: "healthy" }, lasts: { requests: 10 } },
  {
    title: "503 with Retry-After: 1",
    behaviour: { kind: "unavailable", retryAfterSeconds: 1 },
    lasts: { requests: 4 }
  },
  { title: "slow: 250 ms an answer", behaviour: { kind: "slow", delay: Duration.millis(250) }, lasts: { requests: 6 } },
  { title: "refuses one request with 400", behaviour: { kind: "refuse", status: 400 }, lasts: { requests: 1 } },
  {
    title: "keeps all but 3 spans of one request",
    behaviour: { kind: "partial", rejected: 3 },
    lasts: { requests: 1 }
  },
  { title: "healthy to the end", behaviour: { kind: "healthy" }, lasts: "to the end" }
]
