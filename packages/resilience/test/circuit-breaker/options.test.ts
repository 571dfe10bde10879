import { assert, describe, it } from "@effect/vitest"
import { Backoff, CircuitBreaker } from "@holdfast/resilience"
import { ConfigProvider, Effect, Layer } from "effect"
import { CircuitBreaker as Persistence } from "effect/persistence"
import { breaker, refusalOf } from "../options/wrong.ts"
import { make } from "./circuit.ts"

const db = 'CircuitBreaker "db"'

/** What a program in another language may write. */
const wrong = (u: unknown): never => u as never

const ownRule = (make: () => unknown) => breaker({ trip: CircuitBreaker.custom({ name: "own", make: wrong(make) }) })

const throws = () => {
  throw new Error("oops")
}

describe("what can never mean anything is refused", () => {
  it.effect.each([
    [
      `${db}.openFor`,
      "a backoff without a delay of 0 ms",
      () => breaker({ openFor: Backoff.listed(["10 seconds", 0]) })
    ],
    [
      `${db}.outcomes`,
      "must be left out beside classify",
      () => breaker({ classify: () => "success", outcomes: { NetworkError: "ignored" } })
    ],
    [
      `${db}.halfOpen.concurrent`,
      "must be no more than the 2 of halfOpen.outOf",
      () => breaker({ halfOpen: { concurrent: 10, successes: 1, outOf: 2 } })
    ],
    [
      `${db}.halfOpen.concurrent`,
      "must be no more than the 2 of halfOpen.outOf",
      () => breaker({ halfOpen: { concurrent: 3 } })
    ]
  ] as const)("%s: %s", ([path, expected, make]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(make)
      assert.strictEqual(error.path, path)
      assert.include(error.expected, expected)
    })
  )

  it.effect("in the configuration, too", () =>
    Effect.gen(function* () {
      const refusalOfConfig = (section: object) => {
        const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ db: section }))
        return Effect.flip(Layer.build(CircuitBreaker.layerConfig("db").pipe(Layer.provide(provider))))
      }
      const listed = yield* refusalOfConfig({ openFor: { delays: "10s, 0" } })
      assert.deepStrictEqual(
        [listed.path, listed.expected],
        ["db.openFor", "must be a backoff without a delay of 0 ms"]
      )
      const probes = yield* refusalOfConfig({ halfOpen: { concurrent: 3, outOf: 2 } })
      assert.strictEqual(probes.path, "db.halfOpen.concurrent")
    }).pipe(Effect.scoped)
  )
})

describe("what is of another kind is refused, and not met by a call", () => {
  class Nothing extends CircuitBreaker.Service<Nothing>()("Nothing", wrong(null)) {}

  const inFleet = (options: unknown) =>
    CircuitBreaker.fleet(wrong(options)).pipe(Effect.scoped, Effect.provide(Persistence.layerStoreMemory()))

  it.effect.each([
    ["CircuitBreaker", "must be an object of options", () => CircuitBreaker.keyed(wrong(null))],
    ["CircuitBreaker", "must be an object of options", () => CircuitBreaker.keyed(wrong(undefined))],
    ["CircuitBreaker", "must be an object of options", () => inFleet(null)],
    ['CircuitBreaker "a\\nb".name', "without control characters", () => breaker({ name: "a\nb" })],
    [`${db}.trip`, "must be at least one rule", () => breaker({ trip: { kind: "any_of" } })],
    [`${db}.trip.0`, "must be a rule such as", () => breaker({ trip: { kind: "any_of", rules: [null] } })],
    [`${db}.trip.slowRate`, "must be an object of options", () => breaker({ trip: { kind: "slow_rate" } })],
    [`${db}.trip.custom.make`, "what it makes has no record", () => ownRule(() => ({}))],
    [`${db}.trip.custom.make`, "what it makes has no record", () => ownRule(() => undefined)],
    [`${db}.trip.custom.make`, "what it makes has no clear", () => ownRule(() => ({ record: () => true }))],
    [`${db}.trip.custom.make`, "and does not throw", () => ownRule(throws)],
    ['CircuitBreaker "Nothing"', "must be an object of options", () => Layer.build(Nothing.layer).pipe(Effect.scoped)],
    [
      'CircuitBreaker "Nothing"',
      "must be an object of options",
      () => Layer.build(Nothing.layerConfig()).pipe(Effect.scoped)
    ],
    [db, "must be an object of options", () => Effect.flatMap(make(), (breaker) => breaker.reconfigure(wrong(null)))]
  ] as ReadonlyArray<readonly [string, string, () => Effect.Effect<unknown, unknown>]>)(
    "%s: %s",
    ([path, expected, make]) =>
      Effect.gen(function* () {
        const error = yield* refusalOf(make)
        assert.strictEqual(error.path, path)
        assert.include(error.expected, expected)
      })
  )
})
