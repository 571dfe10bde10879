import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Ranges from "../../src/spool/ranges.ts"

const op = fc.oneof(
  fc.record({ op: fc.constant("add" as const), from: fc.nat(60), more: fc.nat(5) }),
  fc.record({ op: fc.constantFrom("dropThrough" as const, "remove"), from: fc.nat(60), more: fc.constant(0) })
)

it("ranges are the set of their numbers, in the fewest pairs", () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), fc.nat(60), fc.nat(20), (ops, start, width) => {
      const ranges: Ranges.Ranges = []
      const model = new Set<number>()
      for (const { from, more, op } of ops) {
        if (op === "add") {
          Ranges.addRange(ranges, from, from + more)
          for (let value = from; value <= from + more; value++) model.add(value)
        } else if (op === "remove") {
          Ranges.remove(ranges, from)
          model.delete(from)
        } else {
          Ranges.dropThrough(ranges, from)
          for (const value of model) if (value <= from) model.delete(value)
        }
      }
      for (let value = -1; value < 70; value++) assert.strictEqual(Ranges.has(ranges, value), model.has(value))
      const within = [...model].filter((value) => value >= start && value < start + width).length
      assert.strictEqual(Ranges.countWithin(ranges, start, start + width), within)
      for (const [at, [from, to]] of ranges.entries()) {
        assert.isAtMost(from, to)
        if (at > 0) assert.isAbove(from, ranges[at - 1]![1] + 1)
      }
    }),
    { numRuns: 500 }
  )
})
