/** The arithmetic of waiting: milliseconds in, milliseconds out. No clock, no randomness of its own. */

/** How the delay before retry `i` (0 for the first) grows, before jitter. */
export type Growth =
  | { readonly kind: "constant"; readonly base: number }
  | { readonly kind: "linear"; readonly base: number }
  | { readonly kind: "exponential"; readonly base: number; readonly factor: number }
  /** As listed; the last one repeats. `base` is the first. */
  | { readonly kind: "listed"; readonly base: number; readonly delays: ReadonlyArray<number> }
  /** AWS: uniform between the base and three times the delay before. */
  | { readonly kind: "decorrelated_v1"; readonly base: number }
  /** Polly: smooth exponential growth whose total depends on the last draw only. */
  | { readonly kind: "decorrelated_v2"; readonly base: number }

/** How the delay is spread, so that clients that failed together do not come back together. */
export type Jitter =
  | { readonly kind: "none" }
  | { readonly kind: "full" }
  | { readonly kind: "equal" }
  | { readonly kind: "proportional"; readonly factor: number }
  | { readonly kind: "additive"; readonly max: number }

export interface Formula {
  readonly growth: Growth
  readonly jitter: Jitter
  /** No delay is longer. Applied last. */
  readonly cap: number
}

/** A number in [0, 1). */
export type Draw = () => number

const none: Jitter = { kind: "none" }

/** Beyond this attempt `2^x` approaches infinity, and infinity minus infinity is no delay. */
const lastSmoothAttempt = 1000

const smooth = (x: number): number => 2 ** x * Math.tanh(Math.sqrt(4 * x))

/** The median of the first delay is the base when the raw formula is divided by this. */
const smoothScale = 1.4

const spread = (delay: number, jitter: Jitter, draw: Draw): number => {
  switch (jitter.kind) {
    case "none":
      return delay
    case "full":
      return delay * draw()
    case "equal":
      return delay / 2 + (delay / 2) * draw()
    case "proportional":
      return delay * (1 + (2 * draw() - 1) * jitter.factor)
    case "additive":
      return delay + draw() * jitter.max
  }
}

const leastDraw: Draw = () => 0

/** The delays of one call, one after the other. Holds the only state a formula has; make a new one per call. */
export class Delays {
  readonly formula: Formula
  #attempt = 0
  #memory = 0
  #random = 0

  constructor(formula: Formula) {
    this.formula = formula
  }

  next(draw: Draw): number {
    const { growth, jitter } = this.formula
    const attempt = this.#attempt++
    const memory = this.#memory
    const lowest = isInherent(growth) || jitter.kind !== "none" ? this.#delay(attempt, leastDraw) : Infinity
    this.#memory = memory
    const delay = this.#delay(attempt, draw)
    this.#random = Math.max(0, delay - lowest)
    return delay
  }

  /** How much of the last delay was chance: a wait for something else is spread by as much. */
  get random(): number {
    return this.#random
  }

  #delay(attempt: number, draw: Draw): number {
    const { cap, growth, jitter } = this.formula
    const delay = this.#grow(growth, cap, attempt, draw)
    // Capped on both sides of the jitter: before, so that a delay far above the cap still spreads; after, so that none exceeds it.
    return Math.max(0, Math.min(cap, spread(Math.min(cap, delay), isInherent(growth) ? none : jitter, draw)))
  }

  #grow(growth: Growth, cap: number, attempt: number, draw: Draw): number {
    switch (growth.kind) {
      case "constant":
        return growth.base
      case "linear":
        return growth.base * (attempt + 1)
      case "exponential":
        // 0 times infinity is no number.
        return growth.base === 0 ? 0 : growth.base * growth.factor ** attempt
      case "listed":
        return growth.delays[Math.min(attempt, growth.delays.length - 1)]!
      case "decorrelated_v1": {
        const before = attempt === 0 ? growth.base : this.#memory
        return (this.#memory = Math.min(cap, growth.base + (3 * before - growth.base) * draw()))
      }
      case "decorrelated_v2": {
        if (attempt > lastSmoothAttempt) return cap
        const reached = smooth(attempt + draw())
        const delay = ((reached - this.#memory) * growth.base) / smoothScale
        this.#memory = reached
        return delay
      }
    }
  }
}

const isInherent = (growth: Growth): boolean => growth.kind === "decorrelated_v1" || growth.kind === "decorrelated_v2"
