import { Effect } from "effect"
import { isBackoff } from "../backoff/Backoff.ts"
import { budgetOf } from "../budget/budget.ts"
import { RetryBudget } from "../budget/RetryBudget.ts"
import { type CircuitBreaker, protect } from "../circuit-breaker/CircuitBreaker.ts"
import type { Single } from "../circuit-breaker/handle.ts"
import { enforce } from "../deadline/enforce.ts"
import { Deadline } from "../deadline/reference.ts"
import { type AnyFiber, nowOf } from "../internal/fiber.ts"
import * as Fallback from "../fallback/run.ts"
import { retried } from "../retry/loop.ts"
import type { Plan as RetryPlan } from "../retry/plan.ts"
import { Run } from "../retry/run.ts"
import * as Limit from "../timeout/limit.ts"
import type { Compiled } from "./stage.ts"

type Any = Effect.Effect<unknown, unknown, unknown>

export type Protect = (fiber: AnyFiber, self: Any) => Any

/** The stages of the usual stack; each may be missing. */
interface Stack {
  readonly total: Limit.Plan | undefined
  readonly retry: RetryPlan | undefined
  readonly breaker: Single | undefined
  readonly attempt: Limit.Plan | undefined
}

const order = ["timeout", "retry", "circuitBreaker", "timeout"] as const

const runsBetween = ({ backoff, onRetry }: RetryPlan): boolean => onRetry !== undefined || !isBackoff(backoff)

/** The stages as the usual stack, if they stand in its order. */
const stackOf = (stages: ReadonlyArray<Compiled>, breaker: CircuitBreaker | undefined): Stack | undefined => {
  const found: Array<Compiled | undefined> = [undefined, undefined, undefined, undefined]
  let slot = 0
  for (const stage of stages) {
    // A timeout in front of everything is the total; behind anything it is the attempt's.
    while (slot < order.length && order[slot] !== stage.kind) slot++
    if (slot === order.length) return undefined
    found[slot++] = stage
  }
  const [total, retry, , attempt] = found
  const totalPlan = total?.kind === "timeout" ? total.plan : undefined
  // A total timeout that does not wait for finalizers needs a fiber of its own to leave behind.
  if (totalPlan?.disconnect) return undefined
  // What runs between two attempts, a hook or a schedule of one's own, must be stopped by the total, too.
  if (totalPlan !== undefined && retry?.kind === "retry" && runsBetween(retry.plan)) return undefined
  return {
    total: totalPlan,
    retry: retry?.kind === "retry" ? retry.plan : undefined,
    breaker: found[2] === undefined ? undefined : (breaker as unknown as Single),
    attempt: attempt?.kind === "timeout" ? attempt.plan : undefined
  }
}

/**
 * The usual stack in one pass, where nothing of the application runs between two attempts. The total timeout needs neither a fiber nor a timer of its own: each attempt runs under
 * whichever limit is nearer, and no wait is begun that would end after it. One fiber per attempt, and none without timeouts.
 * At the very instant of the total it is the total that ends the call, as it would be with a timer of its own: that one
 * would have been running since the first attempt that waited, and so for longer than what a later attempt waits for.
 */
const fuse = ({ attempt, breaker, retry, total }: Stack): Protect => {
  // Where an attempt has only what the total leaves, it is the total that ends.
  const rest = { ...(attempt ?? total)!, isPart: true }
  const isTimed = total !== undefined || (retry !== undefined && (retry.wrap || retry.maxElapsed !== Infinity))
  // Made once, and asked by every attempt of every call.
  const once = (fiber: AnyFiber, work: Any, ends: number, now: number, whole?: Limit.Total): Any => {
    let call = work
    const left = ends - now
    if (total !== undefined) {
      const isOwn = attempt !== undefined && attempt.after < left
      call = Limit.run(fiber, work, isOwn ? attempt : rest, isOwn ? attempt.after : left, whole)
    } else if (attempt !== undefined) call = Limit.run(fiber, work, attempt, Math.min(attempt.after, left))
    return breaker === undefined ? call : breaker.shell.run(fiber, breaker.circuit, undefined, call)
  }
  const retried = (fiber: AnyFiber, work: Any, ends: number, startedAt: number, whole?: Limit.Total): Any => {
    // The first attempt is run by the fiber that is here already; another one finds its own instant.
    const again = () =>
      Effect.withFiber<unknown, unknown, unknown>((fiber) => once(fiber, work, ends, nowOf(fiber), whole))
    const shared = retry!.budget === undefined ? fiber.getRef(RetryBudget) : undefined
    const budget = shared === undefined ? retry!.budget : budgetOf(shared)
    if (budget !== undefined) return new Run(again(), retry!, budget, startedAt, whole).counted(budget)
    return Effect.catchCause(once(fiber, work, ends, startedAt, whole), (cause) =>
      new Run(again(), retry!, undefined, startedAt, whole).failed(cause, fiber)
    )
  }
  return (fiber, self) => {
    const outer = fiber.getRef(Deadline) ?? Infinity
    const startedAt = isTimed || outer !== Infinity ? nowOf(fiber) : 0
    if (total === undefined) {
      return retry === undefined ? once(fiber, self, outer, startedAt) : retried(fiber, self, outer, startedAt)
    }
    if (outer <= startedAt) return Limit.timedOut(total, outer - startedAt)
    const endsAt = startedAt + total.after
    const isSooner = endsAt < outer
    const work = isSooner ? Effect.provideService(self, Deadline, endsAt) : self
    const ends = isSooner ? endsAt : outer
    const isHandled = retry !== undefined
    const whole = { endsAt: ends, isAround: attempt !== undefined, isRunning: false }
    const all = (isHandled ? retried : once)(fiber, work, ends, startedAt, whole)
    return isSooner
      ? Limit.named(all, total, total.after, endsAt, isHandled)
      : Limit.named(all, total, outer - startedAt, Infinity, isHandled)
  }
}

/** Any other order: the policies around each other, as they stand. */
export const nest =
  (stages: ReadonlyArray<Compiled>, breaker: CircuitBreaker | undefined): Protect =>
  (_fiber, self) =>
    stages.reduceRight<Any>((inner, stage, i) => {
      switch (stage.kind) {
        case "timeout":
          return i === 0 && stage.plan.after !== Infinity
            ? enforce(inner, stage.plan)
            : Effect.withFiber((fiber) => Limit.run(fiber, inner, stage.plan, Limit.limitOf(stage.plan, fiber)))
        case "retry":
          return retried(inner, stage.plan)
        case "fallback":
          return Fallback.run(inner, stage.plan)
        case "circuitBreaker":
          return protect(inner, breaker!)
      }
    }, self)

export const protection = (stages: ReadonlyArray<Compiled>, breaker: CircuitBreaker | undefined): Protect => {
  const [outermost, ...inner] = stages
  if (outermost?.kind === "fallback") {
    if (inner.length === 0) return (_fiber, self) => Fallback.run(self, outermost.plan)
    // A fallback is only a handler around the rest, which stays one pass.
    const rest = protection(inner, breaker)
    return (fiber, self) => Fallback.run(rest(fiber, self), outermost.plan)
  }
  const stack = stackOf(stages, breaker)
  return stack === undefined ? nest(stages, breaker) : fuse(stack)
}
