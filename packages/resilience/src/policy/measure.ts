import { Cause, Effect, Exit, Metric } from "effect"
import { type AnyFiber, nowOf } from "../internal/fiber.ts"
import type { Protect } from "./run.ts"

/** In seconds: the boundaries that the conventions of OpenTelemetry recommend for durations. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

type Outcome = "success" | "failure" | "interrupted"

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome =>
  Exit.isSuccess(exit) ? "success" : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failure"

/** Further attempts share a series: an endless retry must not make endless ones. */
const lastNumber = 9

/** The histograms of one pipeline. Each series is made once and kept, so recording looks nothing up by name. */
export class Durations {
  readonly name: string
  readonly #series = new Map<string, Metric.Histogram<number>>()

  constructor(name: string) {
    this.name = name
  }

  /** The pipeline with its own duration and that of every attempt recorded. */
  around(protect: Protect): Protect {
    return (fiber, self) => {
      const startedAt = nowOf(fiber)
      let attempts = 0
      const attempt = Effect.withFiber<unknown, unknown, unknown>((fiber) => {
        const startedAt = nowOf(fiber)
        const number = Math.min(attempts++, lastNumber)
        return Effect.onExitPrimitive(self, (exit) => this.#record(fiber, startedAt, outcomeOf(exit), number))
      })
      return Effect.onExitPrimitive(protect(fiber, attempt), (exit) => this.#record(fiber, startedAt, outcomeOf(exit)))
    }
  }

  #record(fiber: AnyFiber, startedAt: number, outcome: Outcome, attempt?: number): undefined {
    const key = `${outcome} ${attempt}`
    let histogram = this.#series.get(key)
    if (histogram === undefined) {
      histogram = Metric.histogram(`resilience.policy.${attempt === undefined ? "" : "attempt."}duration`, {
        description:
          attempt === undefined ? "Calls under the policy, in seconds" : "Attempts under the policy, in seconds",
        attributes: {
          name: this.name,
          outcome,
          ...(attempt === undefined ? undefined : { "attempt.number": String(attempt) })
        },
        boundaries
      })
      this.#series.set(key, histogram)
    }
    histogram.updateUnsafe((nowOf(fiber) - startedAt) / 1000, fiber.context)
  }
}
