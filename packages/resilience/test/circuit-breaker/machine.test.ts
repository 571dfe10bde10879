import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Control from "../../src/circuit-breaker/control.ts"
import * as Machine from "../../src/circuit-breaker/machine.ts"
import type { Rule, WindowRule } from "../../src/circuit-breaker/rule.ts"
import { checkSnapshot, take } from "../../src/circuit-breaker/snapshot.ts"
import { Model } from "./model.ts"

const settings = (options: Partial<Machine.Settings> = {}): Machine.Settings => ({
  trip: { kind: "consecutive", failures: 3 },
  openFor: { growth: { kind: "constant", base: 100 }, jitter: { kind: "none" }, cap: Infinity },
  maxHint: 1000,
  concurrent: 1,
  successes: 2,
  outOf: 2,
  maxWait: 50,
  mode: "automatic",
  ...options
})

const draw = () => 0.5

/** Plays `S`, `F` and `I` calls one after the other, all at `now`, and gives the steps they caused. */
const play = (circuit: Machine.Circuit, calls: string, now = 0): ReadonlyArray<string> => {
  const steps: Array<Machine.Step> = []
  for (const call of calls) {
    const outcome = call === "S" ? "success" : call === "F" ? "failure" : "ignored"
    Machine.release(circuit, Machine.acquire(circuit, now, draw, steps), now, outcome, undefined, now, draw, steps)
  }
  return steps.map(({ at, from, to }) => `${from}>${to}@${at}`)
}

describe("a closed circuit", () => {
  it.each([
    ["FF", "closed"],
    ["FFF", "open"],
    ["FFSFF", "closed"],
    ["FFSFFF", "open"],
    ["FFIF", "open"],
    ["I".repeat(100), "closed"],
    ["FFS".repeat(100), "closed"]
  ])("that opens at the third failure in a row is after %s: %s", (calls, state) => {
    const circuit = Machine.make(settings())
    play(circuit, calls)
    assert.strictEqual(circuit.state, state)
  })
})

describe("a half-open circuit", () => {
  const halfOpen = (options: Partial<Machine.Settings> = {}) => {
    const circuit = Machine.make(settings({ trip: { kind: "consecutive", failures: 1 }, ...options }))
    play(circuit, "F")
    return circuit
  }

  it.each([
    ["S", 2, 2, "half_open"],
    ["SS", 2, 2, "closed"],
    ["SF", 2, 2, "open"],
    ["F", 2, 2, "open"],
    ["IIISS", 2, 2, "closed"],
    ["FF", 2, 4, "half_open"],
    ["FFF", 2, 4, "open"],
    ["FSFS", 2, 4, "closed"],
    ["FFSS", 2, 4, "closed"]
  ] as const)("after %s, needing %d successes out of %d, is %s", (calls, successes, outOf, state) => {
    const circuit = halfOpen({ successes, outOf })
    play(circuit, calls, 100)
    assert.strictEqual(circuit.state, state)
  })

  it("B4 lets no more probes run than it needs to judge", () => {
    const circuit = halfOpen({ concurrent: 10, successes: 2, outOf: 3 })
    const admitted = Array.from({ length: 10 }, () => Machine.acquire(circuit, 100, draw, []))
    assert.strictEqual(admitted.filter((generation) => generation >= 0).length, 3)
  })
})

describe("what hangs", () => {
  it("B2 is waited for from the last probe that was admitted", () => {
    const circuit = Machine.make(settings({ trip: { kind: "consecutive", failures: 1 }, concurrent: 2 }))
    play(circuit, "F")
    Machine.acquire(circuit, 100, draw, [])
    Machine.acquire(circuit, 130, draw, [])
    assert.deepStrictEqual(
      [Machine.stateAt(circuit, 179, draw), Machine.stateAt(circuit, 180, draw)],
      ["half_open", "open"]
    )
    const steps: Array<Machine.Step> = []
    Machine.settle(circuit, 500, draw, steps)
    assert.deepInclude(steps[0], { to: "open", at: 180, reason: "probes_hung" })
  })

  it("looks the same to whoever only looks as to whoever calls, at one instant, with a drawn open time", () => {
    const openFor = { growth: { kind: "constant", base: 100 }, jitter: { kind: "full" }, cap: 100 } as const
    const circuit = Machine.make(settings({ trip: { kind: "consecutive", failures: 1 }, openFor }))
    const draws = [0.5, 0.9, 0.1]
    const next = () => draws.shift()!
    const steps: Array<Machine.Step> = []
    Machine.release(circuit, Machine.acquire(circuit, 0, next, steps), 0, "failure", undefined, 0, next, steps)
    Machine.acquire(circuit, 50, next, steps)
    const looks = [99, 100, 189, 190].map((now) => Machine.stateAt(circuit, now, next))
    assert.deepStrictEqual(looks, ["half_open", "open", "open", "half_open"])
    assert.isFalse(Machine.rejects(circuit, 150))
    assert.isAtLeast(Machine.acquire(circuit, 190, next, steps), 0)
    assert.deepStrictEqual(
      steps.map(({ at, to }) => [to, at]),
      [
        ["open", 0],
        ["half_open", 50],
        ["open", 100],
        ["half_open", 190]
      ]
    )
  })

  it("B2 is waited for from the moment on at which other options leave no slot free", () => {
    const trip: Rule = { kind: "consecutive", failures: 1 }
    const wide = settings({ trip, concurrent: 2, outOf: 3 })
    const circuit = Machine.make(wide)
    play(circuit, "F")
    Machine.acquire(circuit, 100, draw, [])
    const steps: Array<Machine.Step> = []
    Control.reconfigure(circuit, { ...wide, concurrent: 1, maxWait: 1000 }, 300, draw, steps)
    Machine.settle(circuit, 1299, draw, steps)
    assert.deepStrictEqual(steps, [])
    Machine.settle(circuit, 1300, draw, steps)
    assert.deepStrictEqual(
      steps.map(({ at, to }) => [to, at]),
      [["open", 1300]]
    )
  })

  const slow = (slowerThan: number): Rule => ({
    kind: "slow_rate",
    threshold: 0.1,
    window: { kind: "count", size: 10 },
    minimumCalls: 1,
    slowerThan,
    inFlight: true
  })

  it("opens the circuit when the first of several rules is broken, whichever stands first", () => {
    const circuit = Machine.make(settings({ trip: { kind: "any_of", rules: [slow(30), slow(10), slow(20)] } }))
    Machine.acquire(circuit, 5, draw, [])
    const steps: Array<Machine.Step> = []
    Machine.settle(circuit, 50, draw, steps)
    assert.deepInclude(steps[0], { to: "open", at: 15, reason: "slow_rate" })
  })

  it("is all counted as slow where a circuit only counts", () => {
    const circuit = Machine.make(settings({ trip: slow(10), mode: "metrics_only" }))
    for (const startedAt of [0, 1, 2]) Machine.acquire(circuit, startedAt, draw, [])
    Machine.settle(circuit, 100, draw, [])
    assert.deepInclude(circuit.tally.standing(100)[0], { calls: 3, slow: 3 })
  })
})

describe("the machine and a plain model with real timers", () => {
  const event = fc.oneof(
    { weight: 8, arbitrary: fc.constant({ kind: "call" } as const) },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("finish" as const),
        which: fc.nat(20),
        outcome: fc.constantFrom<Machine.Outcome>("failure", "failure", "success", "ignored"),
        hint: fc.constantFrom(0, 0, 70, 5000)
      })
    },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("wait" as const), millis: fc.integer({ min: 1, max: 90 }) })
    },
    { weight: 1, arbitrary: fc.constantFrom({ kind: "isolate" } as const, { kind: "end" } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: "reset" } as const) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("mode" as const),
        mode: fc.constantFrom<Machine.Mode>("automatic", "automatic", "isolated", "disabled", "metrics_only")
      })
    }
  )
  const window = fc.oneof(
    fc.integer({ min: 1, max: 20 }).map((size): WindowRule => ({ kind: "count", size })),
    fc.integer({ min: 1, max: 20 }).map((tenth): WindowRule => ({ kind: "time", length: tenth * 10 }))
  )
  const rate = fc
    .record({ threshold: fc.constantFrom(0, 0.3, 0.5, 1), window, minimumCalls: fc.integer({ min: 1, max: 5 }) })
    .map((rate) =>
      rate.window.kind === "count" ? { ...rate, minimumCalls: Math.min(rate.minimumCalls, rate.window.size) } : rate
    )
  const simple = fc.oneof(
    fc.integer({ min: 1, max: 3 }).map((failures): Rule => ({ kind: "consecutive", failures })),
    rate.map((rate): Rule => ({ kind: "failure_rate", ...rate })),
    fc
      .tuple(rate, fc.integer({ min: 1, max: 40 }), fc.boolean())
      .map(([rate, slowerThan, inFlight]): Rule => ({ kind: "slow_rate", ...rate, slowerThan, inFlight }))
  )
  const rule = fc.oneof(
    { weight: 3, arbitrary: simple },
    fc.array(simple, { minLength: 1, maxLength: 3 }).map((rules): Rule => ({ kind: "any_of", rules }))
  )
  const options = fc
    .record({
      trip: rule,
      concurrent: fc.integer({ min: 1, max: 3 }),
      successes: fc.integer({ min: 1, max: 3 }),
      more: fc.nat(2),
      factor: fc.constantFrom(1, 2),
      maxWait: fc.integer({ min: 1, max: 60 })
    })
    .map(({ more, factor, ...rest }) =>
      settings({
        ...rest,
        outOf: rest.successes + more,
        maxHint: 200,
        openFor: { growth: { kind: "exponential", base: 30, factor }, jitter: { kind: "none" }, cap: 120 }
      })
    )

  const reconfigure = fc.record({ kind: fc.constant("reconfigure" as const), to: options })

  it("agree on every decision, state and dated transition of any sequence of events", () => {
    const property = fc.property(
      options,
      fc.array(fc.oneof({ weight: 25, arbitrary: event }, reconfigure), { maxLength: 120, size: "max" }),
      (chosen, events) => {
        const model = new Model(chosen)
        const circuit = Machine.make(chosen)
        const steps: Array<Machine.Step> = []
        const tickets: Array<readonly [real: number, at: number, modelled: NonNullable<ReturnType<Model["acquire"]>>]> =
          []
        for (const event of events) {
          switch (event.kind) {
            case "call": {
              const real = Machine.acquire(circuit, model.now, draw, steps)
              const modelled = model.acquire()
              assert.strictEqual(real < 0, modelled === undefined)
              if (modelled !== undefined) tickets.push([real, model.now, modelled])
              break
            }
            case "finish": {
              const [ticket] = tickets.splice(event.which % (tickets.length || 1), 1)
              if (ticket === undefined) break
              Machine.release(circuit, ticket[0], ticket[1], event.outcome, event.hint, model.now, draw, steps)
              model.release(ticket[2], event.outcome, event.hint)
              break
            }
            case "wait":
              model.advance(event.millis)
              if (event.millis % 3 === 0) assert.strictEqual(Machine.stateAt(circuit, model.now, draw), model.state)
              break
            case "isolate":
              Control.isolate(circuit, model.now, draw, steps)
              model.isolate()
              break
            case "end":
              if (model.isolations === 0) break
              Control.endIsolation(circuit, model.now, steps)
              model.endIsolation()
              break
            case "mode":
              Control.setMode(circuit, event.mode, model.now, draw, steps)
              model.setMode(event.mode)
              break
            case "reconfigure": {
              // How many probes run, and for how long, was decided when they were admitted.
              const to = { ...event.to, concurrent: chosen.concurrent, maxWait: chosen.maxWait }
              Control.reconfigure(circuit, to, model.now, draw, steps)
              model.reconfigure(to)
              break
            }
            case "reset":
              Control.reset(circuit, model.now, draw, steps)
              model.reset()
              break
          }
          const inFlight = circuit.trouble?.inFlight ?? 0
          assert.isTrue(inFlight >= 0 && inFlight <= chosen.concurrent)
          const generation = circuit.generation
          // Whoever looks sees the state, and whoever comes next hears of it.
          if (model.now % 2 === 0) assert.strictEqual(Machine.stateAt(circuit, model.now, draw), model.state)
          Machine.settle(circuit, model.now, draw, steps)
          assert.isAtLeast(circuit.generation, generation)
          assert.strictEqual(circuit.state, model.state)
          assert.strictEqual(circuit.trouble?.openings ?? 0, model.openings)
          assert.deepStrictEqual(
            steps.map(({ at, from, to }) => `${from}>${to}@${at}`),
            model.steps
          )
        }
        // Whatever has happened, what a circuit knows can be taken up by one like it.
        const snapshot = take(circuit, "c", undefined, model.now, 0)
        checkSnapshot({ path: "snapshot" }, snapshot, "c", undefined, circuit.settings)
      }
    )
    assert.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
  })
})
