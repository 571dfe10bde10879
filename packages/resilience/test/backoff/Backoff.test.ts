import { assert, describe, it } from "@effect/vitest"
import { Backoff } from "@holdfast/resilience"
import { Duration, Effect, Random, Schedule } from "effect"
import * as fc from "fast-check"

const rounded = (delays: ReadonlyArray<number>) => delays.map((delay) => Math.round(delay * 10) / 10)

const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const bounds = (backoff: Backoff.Backoff) => {
  const lowest = Backoff.preview(backoff, 1, () => 0)[0]!
  const highest = Backoff.preview(backoff, 1, () => 1 - 1e-12)[0]!
  return [Math.round(lowest), Math.round(highest)]
}

describe("Backoff growth", () => {
  it("waits the same each time when constant", () => {
    assert.deepStrictEqual(Backoff.preview(Backoff.constant("1 second"), 3), [1000, 1000, 1000])
  })

  it("waits 100, 200, 300 ms when linear", () => {
    assert.deepStrictEqual(Backoff.preview(Backoff.linear("100 millis"), 3), [100, 200, 300])
  })

  it("doubles by default, takes another factor, and stops at its cap", () => {
    assert.deepStrictEqual(
      Backoff.preview(Backoff.exponential("100 millis", { cap: "500 millis" }), 5),
      [100, 200, 400, 500, 500]
    )
    assert.deepStrictEqual(Backoff.preview(Backoff.exponential("10 millis", { factor: 3 }), 3), [10, 30, 90])
  })

  it("never waits longer than a day unless told", () => {
    assert.deepStrictEqual(Backoff.preview(Backoff.exponential("20 hours"), 3), [72_000_000, 86_400_000, 86_400_000])
  })
})

describe("decorrelated backoff, version 2", () => {
  const table: ReadonlyArray<readonly [number, ReadonlyArray<number>]> = [
    [0, [0, 1377.2, 1460.1, 2865.8, 5717.8, 11430.3]],
    [0.25, [646.9, 1013.6, 1720.4, 3404.5, 6798.4, 13592.4]],
    [0.5, [897.4, 1093.0, 2035.7, 4046.0, 8083.6, 16163.7]],
    [0.75, [1128.4, 1250.1, 2414.0, 4809.4, 9612.3, 19221.5]],
    [1 - 1e-12, [1377.2, 1460.1, 2865.8, 5717.8, 11430.3, 22858.0]]
  ]
  it.each(table)("E9 follows the published vectors within 0.1 ms for r = %d", (r, expected) => {
    assert.deepStrictEqual(rounded(Backoff.preview(Backoff.decorrelated("1 second"), 6, () => r)), expected)
  })

  it("ends with the cap, not with zero or NaN, where powers of two run out", () => {
    const late = Backoff.preview(Backoff.decorrelated("1 second", { cap: "1 minute" }), 1100, () => 0.5)
    assert.isTrue(late.slice(20).every((delay) => delay === 60_000))
  })
})

describe("decorrelated backoff, version 1", () => {
  it("stays between its base and three times the delay before, and under its cap", () => {
    const backoff = Backoff.decorrelated("1 second", { version: 1, cap: "30 seconds" })
    const draw = seeded(7)
    const delays = Backoff.preview(backoff, 10_000, draw)
    delays.forEach((delay, i) => {
      assert.isAtLeast(delay, 1000)
      assert.isAtMost(delay, Math.min(30_000, 3 * (i === 0 ? 1000 : delays[i - 1]!)))
    })
  })

  it("has the published medians", () => {
    const draw = seeded(1)
    const firsts: Array<ReadonlyArray<number>> = []
    for (let i = 0; i < 20_001; i++) {
      firsts.push(Backoff.preview(Backoff.decorrelated("1 second", { version: 1, cap: "30 seconds" }), 4, draw))
    }
    const median = (i: number) => firsts.map((delays) => delays[i]!).toSorted((a, b) => a - b)[10_000]!
    assert.approximately(median(0), 2001, 40)
    assert.approximately(median(1), 3178, 80)
    assert.approximately(median(2), 4586, 150)
    assert.approximately(median(3), 6287, 220)
  })
})

describe("jitter", () => {
  it("spreads as documented", () => {
    assert.deepStrictEqual(bounds(Backoff.constant(1000)), [1000, 1000])
    assert.deepStrictEqual(bounds(Backoff.constant(1000, { jitter: "full" })), [0, 1000])
    assert.deepStrictEqual(bounds(Backoff.constant(1000, { jitter: "equal" })), [500, 1000])
    assert.deepStrictEqual(bounds(Backoff.constant(1000, { jitter: { plusMinus: 0.2 } })), [800, 1200])
    assert.deepStrictEqual(bounds(Backoff.constant(1000, { jitter: { upTo: "99 millis" } })), [1000, 1099])
  })

  it("E10 never exceeds the cap, because the cap comes last", () => {
    const backoff = Backoff.exponential("10 millis", { cap: "1 second", jitter: { plusMinus: 0.25 } })
    const draw = seeded(3)
    for (let i = 0; i < 10_000; i++) {
      assert.isAtMost(Backoff.preview(backoff, 20, draw).at(-1)!, 1000)
    }
  })

  it("still spreads delays that the cap has stopped", () => {
    const backoff = Backoff.exponential("10 millis", { cap: "1 second", jitter: "full" })
    const draw = seeded(4)
    const late = Array.from({ length: 1000 }, () => Backoff.preview(backoff, 30, draw).at(-1)!)
    assert.approximately(late.reduce((sum, delay) => sum + delay, 0) / late.length, 500, 40)
  })

  it("adds 0 to 99 ms to base times two to the attempt, the profile of the OTLP guide", () => {
    const backoff = Backoff.exponential("100 millis", { jitter: { upTo: "99 millis" } })
    const draw = seeded(5)
    for (let i = 0; i < 1000; i++) {
      const [first, second] = Backoff.preview(backoff, 2, draw)
      assert.isTrue(first! >= 100 && first! <= 199 && second! >= 200 && second! <= 299)
    }
  })
})

describe("any backoff", () => {
  const growths = fc.constantFrom<(base: number, options: Backoff.Options) => Backoff.Backoff>(
    Backoff.constant,
    Backoff.linear,
    Backoff.exponential,
    (base, { cap }) => Backoff.decorrelated(base, { cap, version: 1 }),
    (base, { cap }) => Backoff.decorrelated(base, { cap, version: 2 })
  )
  const jitters = fc.oneof(
    fc.constantFrom<Backoff.Jitter>("none", "full", "equal"),
    fc.double({ min: 0, max: 1, noNaN: true }).map((plusMinus): Backoff.Jitter => ({ plusMinus })),
    fc.nat(1000).map((upTo): Backoff.Jitter => ({ upTo }))
  )

  it("E9 is finite, not negative and within its cap up to attempt 10 000", () => {
    assert.doesNotThrow(() =>
      fc.assert(
        fc.property(
          growths,
          jitters,
          fc.nat(1_000_000),
          fc.integer({ min: 1, max: 86_400_000 }),
          fc.integer(),
          (growth, jitter, base, cap, seed) => {
            const delays = Backoff.preview(growth(Math.min(base, cap), { jitter, cap }), 10_000, seeded(seed))
            return delays.every((delay) => Number.isFinite(delay) && delay >= 0 && delay <= cap)
          }
        ),
        { numRuns: 60 }
      )
    )
  })

  it.effect("becomes a schedule with the same delays, and the same seed gives the same schedule", () =>
    Effect.gen(function* () {
      const schedule = Backoff.exponential("100 millis", { jitter: "full" }).pipe(Backoff.toSchedule)
      const first5 = Effect.gen(function* () {
        const step = yield* Schedule.toStep(schedule)
        const delays: Array<number> = []
        for (let i = 0; i < 5; i++) delays.push(Duration.toMillis((yield* step(0, undefined))[1]))
        return delays
      })
      const once = yield* first5.pipe(Random.withSeed("a"))
      assert.deepStrictEqual(yield* first5.pipe(Random.withSeed("a")), once)
      assert.notDeepEqual(yield* first5.pipe(Random.withSeed("b")), once)
      once.forEach((delay, i) => assert.isBelow(delay, 100 * 2 ** i))
    })
  )
})
