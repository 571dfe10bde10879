import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { Backoff, CircuitBreaker, Fallback, Policy, Retry, RetryBudget, Timeout } from "@holdfast/resilience"
import { Effect, Fiber, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"

interface Panel {
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly targets?: ReadonlyArray<{ readonly expr: string; readonly legendFormat: string }>
}

const { panels } = JSON.parse(
  readFileSync(new URL("../../../docs/dashboards/resilience.json", import.meta.url), "utf8")
) as { readonly panels: ReadonlyArray<Panel> }

const queries = panels.flatMap(({ targets = [], title }) => targets.map((target) => ({ ...target, title })))

const metricIn = (expr: string): string => /resilience_[a-z_]+/.exec(expr)![0]

/** The labels that a query reads: those it groups by, those it selects by, and those its legend shows. */
const labelsIn = ({ expr, legendFormat }: { readonly expr: string; readonly legendFormat: string }) =>
  new Set([
    ...[...expr.matchAll(/ by \(([^)]*)\)/g)].flatMap(([, names]) => names!.split(", ")),
    ...[...expr.matchAll(/(\w+)(?:=~|!=|=)"/g)].map(([, name]) => name!).filter((name) => name !== "__name__"),
    ...[...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!)
  ])

const down = Effect.suspend(() => Effect.fail(new Reasons.NetworkError({})))

/** Every policy does everything that it counts. */
const everything = Effect.gen(function* () {
  const budget = yield* RetryBudget.make(RetryBudget.tokens({ max: 4 }), { name: "dash" })
  yield* Effect.exit(down.pipe(Retry.retry({ name: "dash", attempts: 9, budget, backoff: Backoff.none })))
  const breaker = yield* CircuitBreaker.make({ name: "dash", trip: CircuitBreaker.consecutive(1) })
  yield* Effect.exit(CircuitBreaker.protect(down, breaker))
  yield* Effect.exit(CircuitBreaker.protect(down, breaker))
  yield* Effect.exit(Effect.never.pipe(Timeout.timeout({ after: "1 second", operation: "dash" })))
  yield* down.pipe(Fallback.value(0, { name: "dash" }))
  const policy = yield* Policy.make("dash", { retry: { attempts: 2, backoff: Backoff.none }, measure: true })
  yield* Effect.exit(down.pipe(Policy.protect(policy)))
})

const served = Effect.gen(function* () {
  const fiber = yield* Effect.forkChild(everything)
  yield* TestClock.adjust("1 minute")
  yield* Fiber.join(fiber)
  const ids = (yield* Metric.snapshot).map(({ id }) => id).filter((id) => id.startsWith("resilience."))
  const text = yield* PrometheusMetrics.format()
  const series = text.split("\n").filter((line) => line.startsWith("resilience_"))
  return { ids: new Set(ids), series }
})

describe("the dashboard", () => {
  it.effect("L17 queries only metrics that the code registers, by labels that they have", () =>
    Effect.gen(function* () {
      const { series } = yield* served
      assert.isAbove(queries.length, 10)
      for (const query of queries) {
        const found = series.find((line) => line.startsWith(`${metricIn(query.expr)}{`))
        assert.isDefined(found, `${query.title}: nothing is called ${metricIn(query.expr)}`)
        const labels = [...found!.matchAll(/(\w+)="/g)].map(([, name]) => name)
        for (const label of labelsIn(query)) assert.include(labels, label, `${query.title}: ${query.expr}`)
      }
    })
  )

  it.effect("shows every metric of the policies", () =>
    Effect.gen(function* () {
      const shown = new Set(queries.map(({ expr }) => metricIn(expr).replace(/_(bucket|count)$/, "")))
      const { ids } = yield* served
      assert.deepStrictEqual(new Set([...ids].map((id) => id.replaceAll(".", "_"))), shown)
    })
  )

  it("has panels that stand beside each other, and queries that close what they open", () => {
    const fields = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`)
    )
    assert.strictEqual(new Set(fields).size, fields.length)
    for (const { gridPos } of panels) assert.isAtMost(gridPos.x + gridPos.w, 24)
    for (const { expr } of queries) {
      for (const [opens, closes] of ["()", "{}", "[]"] as const) {
        assert.strictEqual(expr.split(opens!).length, expr.split(closes!).length, expr)
      }
    }
  })
})
