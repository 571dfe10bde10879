import { type At, checkOne, notNegative, oneOf, refuse, under } from "@holdfast/core/options"
import { Duration } from "effect"
import {
  duration,
  durations,
  type Form,
  type Forms,
  mapped,
  number,
  options,
  text,
  textOr
} from "../internal/config.ts"
import * as Make from "./make.ts"

/** A backoff as configuration says it: which one, and what it is made of. */
interface Spec {
  readonly kind: "exponential" | "linear" | "constant" | "decorrelated" | "listed"
  /** The delay, the step or the base. */
  readonly base: Parameters<typeof Make.constant>[1]
  readonly delays: ReadonlyArray<Spec["base"]>
  readonly factor: number
  readonly version: 1 | 2
  readonly cap: Spec["base"]
  readonly jitter: Make.Jitter
}

const jitter: Form<Make.Jitter> = textOr<Make.Jitter, Make.Jitter>(
  text,
  options({ plusMinus: number, upTo: duration }) as Form<Make.Jitter>
)

const kind = oneOf("exponential", "linear", "constant", "decorrelated", "listed")

/** The options that another kind of backoff has. */
const strangers: Readonly<Record<Spec["kind"], ReadonlyArray<keyof Spec>>> = {
  exponential: ["delays", "version"],
  linear: ["delays", "version", "factor"],
  constant: ["delays", "version", "factor"],
  decorrelated: ["delays", "factor", "jitter"],
  listed: ["base", "version", "factor"]
}

const make = (spec: Partial<Spec>, at: At, defaults: Make.ExponentialOptions & Pick<Spec, "base">): Make.Backoff => {
  const which = spec.kind ?? (spec.delays === undefined ? "exponential" : "listed")
  checkOne(under(at, "kind"), kind, which)
  for (const stranger of strangers[which]) {
    if (spec[stranger] !== undefined) refuse(under(at, stranger), `is no option of the kind ${which}`)
  }
  const { cap, factor, jitter, version } = spec
  const base = spec.base ?? defaults.base
  // Code calls it the delay of a constant backoff, and the step of a linear one.
  checkOne(under(at, "base"), notNegative, base)
  switch (which) {
    // The only one that the defaults are about. What nobody has said cannot be wrong beside a base that somebody has.
    case "exponential":
      return Make.exponential(at, base, {
        jitter: jitter ?? defaults.jitter,
        cap: cap ?? (defaults.cap && Math.max(Duration.toMillis(base), Duration.toMillis(defaults.cap))),
        factor
      })
    case "linear":
      return Make.linear(at, base, { cap, jitter })
    case "constant":
      return Make.constant(at, base, { cap, jitter })
    case "decorrelated":
      return Make.decorrelated(at, base, { cap, version })
    case "listed":
      return Make.listed(at, spec.delays ?? [], { cap, jitter })
  }
}

const forms: Forms<Spec> = {
  kind: text,
  base: duration,
  delays: durations,
  factor: number,
  version: number as Form<1 | 2>,
  cap: duration,
  jitter
}

/** A backoff. Where configuration says nothing it grows exponentially, from the base, with the jitter and up to the cap given. */
export const backoff = (defaults: Make.ExponentialOptions & Pick<Spec, "base">): Form<Make.Backoff> =>
  mapped(options<Partial<Spec>>(forms), (spec, at) => make(spec, at, defaults))
