import { Clock, Context, Effect, Function, Metric } from "effect"
import { type AnyFiber, monotonicMillis, nowOf } from "../internal/fiber.ts"
import { describeRule } from "./kinds.ts"
import { type Ledger, open, type Rule } from "./rules.ts"

export const TypeId = "~@holdfast/resilience/RetryBudget"

/** How a budget is doing. */
export interface Health {
  readonly budget: string
  /** How it counts, in a few words. */
  readonly rule: string
  /** Retries that would be allowed now, if nothing else happened. */
  readonly left: number
  /** Retries that it refused so far. */
  readonly refusals: number
}

export interface RetryBudget {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** Retries that would be allowed now, if nothing else happened. */
  readonly left: Effect.Effect<number>
  /** How it is doing. */
  readonly health: Effect.Effect<Health>
}

/** What a {@link RetryBudget} is inside. */
export class Budget implements RetryBudget {
  readonly [TypeId] = TypeId
  readonly name: string
  readonly rule: Rule
  readonly ledger: Ledger
  refusals = 0

  constructor(name: string, rule: Rule) {
    this.name = name
    this.rule = rule
    this.ledger = open(rule)
  }

  /** Whether it counts by that rule. */
  counts(rule: Rule): boolean {
    return JSON.stringify(rule) === JSON.stringify(this.rule)
  }

  get left(): Effect.Effect<number> {
    return Effect.withFiber((fiber) => Effect.succeed(this.ledger.left(nowOf(fiber))))
  }

  get health(): Effect.Effect<Health> {
    return Effect.map(this.left, (left) => ({
      budget: this.name,
      rule: describeRule(this.rule),
      left,
      refusals: this.refusals
    }))
  }

  /** Whether one more attempt may be made. */
  grants(now: number): boolean {
    const granted = this.ledger.retry(now)
    if (!granted) this.refusals++
    return granted
  }

  /** Series that are read when somebody asks, and do not keep the budget. A later one of the same name takes them over. */
  register(fiber: AnyFiber): void {
    const self = new WeakRef(this)
    const attributes = { name: this.name }
    const silent = { update: Function.constVoid, modify: Function.constVoid }
    const refusals = Metric.counter("resilience.retry_budget.refusals", {
      description: "Retries that the budget did not allow",
      attributes,
      incremental: true
    })
    Metric.registerUnsafe(refusals, fiber.context, {
      get: () => ({ count: self.deref()?.refusals ?? 0, incremental: true }),
      ...silent
    })
    const left = Metric.gauge("resilience.retry_budget.left", {
      description: "Retries that the budget would allow now",
      attributes
    })
    Metric.registerUnsafe(left, fiber.context, {
      get: (context) => ({ value: self.deref()?.ledger.left(monotonicMillis(Context.get(context, Clock.Clock))) ?? 0 }),
      ...silent
    })
  }
}

export const budgetOf = (budget: RetryBudget): Budget => budget as Budget
