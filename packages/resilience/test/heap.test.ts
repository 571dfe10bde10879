import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"

const megabyte = 1024 * 1024

interface Grown {
  readonly successes: Readonly<Record<string, number>>
  readonly failures: Readonly<Record<string, number>>
  readonly keys: {
    readonly bytesEach: Readonly<Record<string, number>>
    readonly growth: number
    readonly kept: number
    readonly seen: number
    readonly open: number
  }
}

describe("the heap, after collection", () => {
  // In a process of its own: nothing else allocates there, and its collector can be called.
  const grown = JSON.parse(
    execFileSync(
      process.execPath,
      ["--expose-gc", "--conditions=@holdfast/source", `${import.meta.dirname}/heapProcess.ts`],
      { encoding: "utf8" }
    )
  ) as Grown

  it.each(Object.entries(grown.successes))(
    "grows by less than a megabyte over a million successes in one fiber: %s",
    (_policy, bytes) => assert.isBelow(bytes, megabyte)
  )

  it.each(Object.entries(grown.failures))(
    "grows by less than a megabyte over a hundred thousand attempts of one call, and no stack overflows: %s",
    (_policy, bytes) => assert.isBelow(bytes, megabyte)
  )

  it("holds ten thousand of a million keys, every open circuit among them, an idle one in at most 300 bytes", () => {
    const { bytesEach, growth, kept, open, seen } = grown.keys
    assert.deepStrictEqual({ seen, kept, open }, { seen: 1_000_000, kept: 10_000, open: 100 })
    assert.isBelow(growth, megabyte)
    assert.sameMembers(Object.keys(bytesEach), [
      "consecutive",
      "rate of 100 calls",
      "rate of 30 seconds",
      "slow rate of 100 calls",
      "slow rate of 30 seconds"
    ])
    for (const each of Object.values(bytesEach)) assert.isAtMost(each, 300)
  })
})
