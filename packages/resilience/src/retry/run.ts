import { Classifier, Failure, Reasons } from "@holdfast/core"
import { under } from "@holdfast/core/options"
import { Cause, Context, Duration, Effect, Exit, Option, Pull, Random, Schedule } from "effect"
import { isBackoff } from "../backoff/Backoff.ts"
import { Delays } from "../backoff/formulas.ts"
import type { Budget } from "../budget/budget.ts"
import { leftOf } from "../deadline/reference.ts"
import { emit, Listener } from "../events/event.ts"
import { type AnyFiber, nowOf, spanAttribute, spanEvent } from "../internal/fiber.ts"
import type { Total } from "../timeout/limit.ts"
import { Idempotent } from "./idempotent.ts"
import type { Plan } from "./plan.ts"
import { instantOf, type Step, withoutDate } from "./schedule.ts"

type Any = Effect.Effect<unknown, unknown, unknown>

/** One attempt that did not give what it should. */
interface Spent {
  readonly code: string
  /** What the schedule and the hook are told. */
  readonly input: unknown
  /** How long the callee asked to wait, in milliseconds. */
  readonly hint: number | undefined
  /** What the caller gets if there is no further attempt. */
  readonly end: (limit: Reasons.RetriesExhausted["limit"]) => Any
  /** Runs before the wait. */
  readonly first: ((attempt: number, delay: Duration.Duration) => Any) | undefined
}

/** Whether a circuit of this program refused the call. What a peer says of its own circuits is one more failure of the peer. */
const isRejection = (failure: unknown): boolean =>
  Failure.isFailure(failure) && Failure.leafOf(failure) instanceof Reasons.CircuitOpen

/** On the reasons of a cause that a retry has given up on. Whoever fails with something else has judged it anew. */
class GivenUp extends Context.Service<GivenUp, true>()("@holdfast/resilience/Retry/GivenUp") {}

const givenUp = Context.make(GivenUp, true)

/** One call under a policy. */
export class Run {
  readonly plan: Plan
  readonly budget: Budget | undefined
  readonly startedAt: number
  /** A deadline outside of the policy's sight that ends the call. */
  readonly total: Total | undefined
  /** The effect with this run as its handler: made once, run once per attempt. */
  readonly attemptNext: Any
  #attempt = 1
  #delays: Delays | undefined
  #step: Step | undefined
  #holdsRetry = false
  /** Whether an unwanted result is the caller's, or a failure is not retried any more. */
  #gaveUp = false

  constructor(self: Any, plan: Plan, budget: Budget | undefined, startedAt: number, total?: Total) {
    this.plan = plan
    this.budget = budget
    this.startedAt = startedAt
    this.total = total
    const onFailure = (cause: Cause.Cause<unknown>) => Effect.withFiber((fiber) => this.failed(cause, fiber))
    const { unwanted } = plan
    this.attemptNext =
      unwanted === undefined
        ? Effect.catchCause(self, onFailure)
        : Effect.matchCauseEffect(self, {
            onFailure,
            onSuccess: (value) =>
              unwanted(value) ? Effect.withFiber((fiber) => this.#refused(value, fiber)) : Effect.succeed(value)
          })
  }

  /** The whole call, counted by its budget from beginning to end, however it ends. */
  counted({ ledger }: Budget): Any {
    return Effect.withFiber((fiber) => {
      ledger.call(nowOf(fiber))
      return Effect.onExitPrimitive(this.attemptNext, (exit) => {
        this.#returnRetry()
        // The last unwanted result is the caller's, and no success.
        if (Exit.isSuccess(exit) && !this.#gaveUp) ledger.succeeded()
        ledger.end()
        return undefined
      })
    })
  }

  failed(cause: Cause.Cause<unknown>, fiber: AnyFiber): Any {
    this.#returnRetry()
    // A defect or an interruption may stand beside a failure in the same cause, and goes before it.
    if (Cause.hasDies(cause) || Cause.hasInterrupts(cause)) return Effect.failCause(cause)
    const found = Cause.findErrorOption(cause)
    if (Option.isNone(found)) return Effect.failCause(cause)
    const failure = found.value
    const declared = Classifier.classify(failure, fiber.getRef(Classifier.Classifier))
    if (!this.#isEligible(failure, declared, cause, fiber)) return this.#end(fiber, cause)
    this.budget?.ledger.failed()
    return this.#spent(
      {
        code: declared.code,
        input: failure,
        hint: this.#hintOf(failure),
        end: (limit) => this.#exhausted(limit, failure, declared.code, cause, fiber),
        first: this.plan.onRetry && ((attempt, delay) => this.plan.onRetry!({ attempt, delay, failure }))
      },
      fiber
    )
  }

  #refused(value: unknown, fiber: AnyFiber): Any {
    this.#returnRetry()
    // Whoever has answered has done the work, whatever the answer.
    if (fiber.getRef(Idempotent) === false) {
      this.#gaveUp = true
      return Effect.succeed(value)
    }
    this.budget?.ledger.failed()
    const { discard } = this.plan
    return this.#spent(
      {
        code: "unwanted_result",
        input: value,
        hint: undefined,
        // The last result is the caller's, wanted or not.
        end: () => Effect.succeed(value),
        first: discard && (() => discard(value))
      },
      fiber
    )
  }

  #spent(spent: Spent, fiber: AnyFiber): Any {
    if (this.#attempt >= this.plan.attempts) return this.#stop("attempts", spent, fiber)
    const { backoff } = this.plan
    if (isBackoff(backoff)) {
      const random = fiber.getRef(Random.Random)
      this.#delays ??= new Delays(backoff.formula)
      const delay = this.#delays.next(() => random.nextDoubleUnsafe())
      return this.#wait(delay, this.#delays.random, spent, fiber)
    }
    return Effect.flatMap(this.#stepOf(backoff), (step) =>
      Pull.matchEffect(step(instantOf(fiber), spent.input), {
        onSuccess: ([, delay]) => this.#wait(Duration.toMillis(delay), 0, spent, fiber),
        onFailure: (cause) => this.#unscheduled(spent, withoutDate(under(this.plan.at, "backoff"), cause)),
        onDone: () => this.#stop("attempts", spent, fiber)
      })
    )
  }

  /** A schedule that cannot go on is a mistake beside the failure, and does not replace it. */
  #unscheduled(spent: Spent, mistake: Cause.Cause<unknown>): Any {
    return Effect.matchCauseEffect(spent.end("attempts"), {
      onFailure: (cause) => Effect.failCause(Cause.combine(cause, mistake)),
      onSuccess: () => Effect.failCause(mistake)
    })
  }

  #isEligible(
    failure: unknown,
    declared: Classifier.Classification,
    cause: Cause.Cause<unknown>,
    fiber: AnyFiber
  ): boolean {
    const { guardNested, maxElapsed, openCircuit, when } = this.plan
    if (guardNested && Context.getOption(Cause.annotations(cause), GivenUp)._tag === "Some") {
      spanEvent(fiber, "resilience.retry.nested", { "error.type": declared.code })
      return false
    }
    // Whoever was not asked has done nothing, so asking again repeats nothing.
    if (declared.health !== "ignored" && fiber.getRef(Idempotent) === false) return false
    if ((when === undefined || openCircuit !== undefined) && isRejection(failure)) {
      if (openCircuit !== "wait") return false
      const endsAt = this.total?.endsAt ?? Infinity
      const ends = maxElapsed !== Infinity || endsAt !== Infinity || leftOf(fiber, 0) !== Infinity
      return ends && Classifier.retryAfterOf(failure) !== undefined
    }
    if (when !== undefined) return when(failure, declared.code)
    return declared.retry !== "never"
  }

  #stepOf(schedule: Schedule.Schedule<unknown, never, never, unknown>): Effect.Effect<Step, never, unknown> {
    if (this.#step !== undefined) return Effect.succeed(this.#step)
    return Effect.map(
      Schedule.toStep(schedule as Schedule.Schedule<unknown, unknown, never, unknown>),
      (step) => (this.#step = step)
    )
  }

  #wait(computed: number, random: number, spent: Spent, fiber: AnyFiber): Any {
    const { hint } = spent
    // The callee's wish is a minimum; chance goes on top, or the whole herd comes back at the instant it was told.
    const millis = hint === undefined || computed >= hint ? computed : hint + random
    const limit = this.#limitBefore(millis, fiber)
    if (limit !== undefined) return this.#stop(limit, spent, fiber)
    this.#attemptFailed(fiber, spent.code, millis)
    const attempt = this.#attempt++
    const delay = Duration.millis(millis)
    this.plan.retries.add(fiber)
    emit(fiber, () => ({ _tag: "RetryScheduled", name: this.plan.name, attempt, delay, code: spent.code }))
    const again = this.#again(fiber, attempt)
    if (millis > 0 && this.total !== undefined) this.total.isRunning = true
    // Even a sleep of zero is a turn of the scheduler; the run loop yields by itself when retries spin.
    const next = millis > 0 ? Effect.flatMap(Effect.sleep(delay), () => again) : again
    return spent.first === undefined ? next : Effect.flatMap(spent.first(attempt, delay), () => next)
  }

  /** The next attempt, with somebody who tells of it if somebody listens. */
  #again(fiber: AnyFiber, attempt: number): Any {
    const { name } = this.plan
    if (fiber.getRef(Listener) === undefined) return this.attemptNext
    const started = Effect.suspend(() => {
      emit(fiber, () => ({ _tag: "RetryStarted", name, attempt: attempt + 1 }))
      return this.attemptNext
    })
    // The first retry holds all the others inside.
    if (attempt > 1) return started
    return Effect.tap(started, () =>
      Effect.sync(() => {
        if (!this.#gaveUp) emit(fiber, () => ({ _tag: "RetrySucceeded", name, attempts: this.#attempt }))
      })
    )
  }

  /** What forbids another attempt after a wait, asked now and not after the wait. */
  #limitBefore(wait: number, fiber: AnyFiber): Reasons.RetriesExhausted["limit"] | undefined {
    const { budget, plan, startedAt, total } = this
    const now = nowOf(fiber)
    if (now - startedAt + wait >= plan.maxElapsed) return "elapsed"
    if ((total !== undefined && now + wait >= total.endsAt) || wait >= leftOf(fiber, now)) return "deadline"
    if (budget !== undefined && !(this.#holdsRetry = budget.grants(now))) {
      emit(fiber, () => ({ _tag: "RetryRefused", budget: budget.name }))
      return "budget"
    }
    return undefined
  }

  #returnRetry(): void {
    if (!this.#holdsRetry) return
    this.#holdsRetry = false
    this.budget!.ledger.retryEnd()
  }

  #hintOf(failure: unknown): number | undefined {
    const wish = Classifier.retryAfterOf(failure)
    if (wish === undefined) return undefined
    const asked = Duration.toMillis(wish)
    // Coming back to an open circuit early is a rejection for certain.
    const hint = isRejection(failure) ? asked : Math.min(asked, this.plan.maxHint)
    return hint > 0 ? hint : undefined
  }

  /** The last attempt of a call that was worth retrying has no delay after it. */
  #stop(limit: Reasons.RetriesExhausted["limit"], spent: Spent, fiber: AnyFiber): Any {
    const { givenUp, name } = this.plan
    this.#attemptFailed(fiber, spent.code, undefined)
    this.#gaveUp = true
    givenUp.add(fiber, { limit })
    emit(fiber, () => ({ _tag: "RetryGaveUp", name, attempts: this.#attempt, limit, code: spent.code }))
    return spent.end(limit)
  }

  #exhausted(
    limit: Reasons.RetriesExhausted["limit"],
    failure: unknown,
    last: string,
    cause: Cause.Cause<unknown>,
    fiber: AnyFiber
  ): Any {
    if (!this.plan.wrap) return this.#end(fiber, Cause.annotate(cause, givenUp))
    const retryAfter = Classifier.retryAfterOf(failure)
    const wrapped = new Reasons.RetriesExhausted({
      attempts: this.#attempt,
      elapsed: Duration.millis(nowOf(fiber) - this.startedAt),
      limit,
      last,
      ...(retryAfter === undefined ? undefined : { retryAfter }),
      cause: failure
    })
    return this.#end(fiber, Cause.annotate(Cause.fail(wrapped), givenUp))
  }

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
