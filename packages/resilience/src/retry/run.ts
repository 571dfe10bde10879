import { Classifier, Reasons } from "@holdfast/core"
import { Cause, Clock, Duration, Effect, Option, Pull, Random, Schedule } from "effect"
import { type Backoff, isBackoff } from "../backoff/Backoff.ts"
import { Delays, isSpread } from "../backoff/formulas.ts"
import { type AnyFiber, nowOf, spanAttribute, spanEvent } from "../internal/fiber.ts"
import type { Attempt } from "./Retry.ts"

type Any = Effect.Effect<unknown, unknown, unknown>

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, unknown>>>

/** The options of a policy, decoded. Times in milliseconds. */
export interface Plan {
  readonly attempts: number
  readonly backoff: Backoff | Schedule.Schedule<unknown, never, never, unknown>
  readonly maxElapsed: number
  readonly when: ((failure: unknown) => boolean) | undefined
  readonly maxHint: number
  readonly wrap: boolean
  readonly onRetry: ((attempt: Attempt<unknown>) => Any) | undefined
}

const circuitOpen = Reasons.CircuitOpen.declared.code

/** One call under a policy, from its first failure on. */
export class Run {
  readonly plan: Plan
  readonly startedAt: number
  /** The effect with this run as its handler: made once, run once per attempt. */
  readonly attemptNext: Any
  #attempt = 1
  #delays: Delays | undefined
  #step: Step | undefined

  constructor(self: Any, plan: Plan, startedAt: number) {
    this.plan = plan
    this.startedAt = startedAt
    this.attemptNext = Effect.catchCause(self, (cause) => Effect.withFiber((fiber) => this.failed(cause, fiber)))
  }

  failed(cause: Cause.Cause<unknown>, fiber: AnyFiber): Any {
    // A defect may hide behind a failure of the same cause; interruption alone has no failure.
    const found = Cause.hasDies(cause) ? Option.none() : Cause.findErrorOption(cause)
    if (Option.isNone(found)) return Effect.failCause(cause)
    const failure = found.value
    const declared = Classifier.classify(failure, fiber.getRef(Classifier.Classifier))
    if (!this.#isEligible(failure, declared)) return this.#end(fiber, cause)
    if (this.#attempt >= this.plan.attempts) return this.#exhausted("attempts", failure, declared, cause, fiber)
    const { backoff } = this.plan
    if (isBackoff(backoff)) {
      const random = fiber.getRef(Random.Random)
      this.#delays ??= new Delays(backoff.formula)
      const delay = this.#delays.next(() => random.nextDoubleUnsafe())
      return this.#wait(delay, isSpread(backoff.formula), failure, declared, cause, fiber)
    }
    return Effect.flatMap(this.#stepOf(backoff), (step) =>
      Pull.matchEffect(step(fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(), failure), {
        onSuccess: ([, delay]) => this.#wait(Duration.toMillis(delay), false, failure, declared, cause, fiber),
        onFailure: Effect.failCause,
        onDone: () => this.#exhausted("attempts", failure, declared, cause, fiber)
      })
    )
  }

  #isEligible(failure: unknown, declared: Classifier.Classification): boolean {
    const { maxElapsed, when } = this.plan
    if (when !== undefined) return when(failure)
    if (declared.code === circuitOpen) {
      return maxElapsed !== Infinity && Classifier.retryAfterOf(failure) !== undefined
    }
    return declared.retry !== "never"
  }

  #stepOf(schedule: Schedule.Schedule<unknown, never, never, unknown>): Effect.Effect<Step, never, unknown> {
    if (this.#step !== undefined) return Effect.succeed(this.#step)
    return Effect.map(
      Schedule.toStep(schedule as Schedule.Schedule<unknown, unknown, never, unknown>),
      (step) => (this.#step = step)
    )
  }

  #wait(
    computed: number,
    spread: boolean,
    failure: unknown,
    declared: Classifier.Classification,
    cause: Cause.Cause<unknown>,
    fiber: AnyFiber
  ): Any {
    const millis = this.#withHint(computed, spread, failure, declared)
    if (this.plan.maxElapsed !== Infinity && nowOf(fiber) - this.startedAt + millis >= this.plan.maxElapsed) {
      return this.#exhausted("elapsed", failure, declared, cause, fiber)
    }
    this.#attemptFailed(fiber, declared.code, millis)
    const attempt = this.#attempt++
    const delay = Duration.millis(millis)
    // Even a sleep of zero is a turn of the scheduler; the run loop yields by itself when retries spin.
    const next = millis > 0 ? Effect.flatMap(Effect.sleep(delay), () => this.attemptNext) : this.attemptNext
    const { onRetry } = this.plan
    return onRetry === undefined ? next : Effect.flatMap(onRetry({ attempt, delay, failure }), () => next)
  }

  /** The callee's wish is a minimum; jitter goes on top, or the whole herd comes back at the instant it was told. */
  #withHint(computed: number, spread: boolean, failure: unknown, declared: Classifier.Classification): number {
    const wish = Classifier.retryAfterOf(failure)
    if (wish === undefined) return computed
    const asked = Duration.toMillis(wish)
    // Coming back to an open circuit early is a rejection for certain.
    const hint = declared.code === circuitOpen ? asked : Math.min(asked, this.plan.maxHint)
    if (!(hint > 0)) return computed
    return spread ? hint + computed : Math.max(hint, computed)
  }

  #exhausted(
    limit: Reasons.RetriesExhausted["limit"],
    failure: unknown,
    declared: Classifier.Classification,
    cause: Cause.Cause<unknown>,
    fiber: AnyFiber
  ): Any {
    const { code } = declared
    this.#attemptFailed(fiber, code, undefined)
    if (!this.plan.wrap) return this.#end(fiber, cause)
    const wrapped = new Reasons.RetriesExhausted({
      attempts: this.#attempt,
      elapsed: Duration.millis(nowOf(fiber) - this.startedAt),
      limit,
      last: code,
      retryAfter: Classifier.retryAfterOf(failure),
      cause: failure
    })
    return this.#end(fiber, Cause.fail(wrapped))
  }

  /** The last failure of a call that was worth retrying has no delay after it. */
  #attemptFailed(fiber: AnyFiber, code: string, delay: number | undefined): void {
    spanEvent(fiber, "resilience.retry.attempt_failed", {
      "resilience.retry.attempt": this.#attempt,
      "error.type": code,
      ...(delay === undefined ? undefined : { "resilience.retry.delay": delay / 1000 })
    })
  }

  #end(fiber: AnyFiber, cause: Cause.Cause<unknown>): Any {
    spanAttribute(fiber, "resilience.retry.attempts", this.#attempt)
    return Effect.failCause(cause)
  }
}
