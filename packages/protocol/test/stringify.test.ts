import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { ErrorSnapshot, Projection, RemoteFailure } from "@holdfast/protocol"
import { Effect } from "effect"
import * as fc from "fast-check"
import { boom } from "./hostileErrors.ts"

const cyclic = (): object => {
  const one: Record<string, unknown> = { a: 1 }
  one["self"] = one
  one["list"] = [one]
  return one
}

const nested = (depth: number): object => {
  let value: object = { root: true }
  for (let i = 0; i < depth; i++) value = { in: value }
  return value
}

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

class Endless {
  toJSON(): object {
    return { more: new Endless() }
  }
}

const table: ReadonlyArray<readonly [string, () => object, string | RegExp]> = [
  ["a cycle", cyclic, `{"a":1,"self":"[circular]","list":["[circular]"]}`],
  [
    "what occurs twice without a cycle",
    () => ({ ...cyclic(), b: [nested(0), nested(0)] }),
    /"b":\[\{"root":true\},\{"root":true\}\]/
  ],
  ["a BigInt", () => ({ a: 2n ** 70n }), `{"a":"1180591620717411303424"}`],
  ["a toJSON that throws", () => ({ a: 1, b: { toJSON: boom } }), `{"a":1,"b":"[unreadable]"}`],
  ["a toJSON of its own that throws", () => ({ toJSON: boom }), `"[unreadable]"`],
  ["a toJSON that never ends", () => new Endless(), /\[too deep\]/],
  [
    "a toJSON that gives itself",
    () => {
      const self = { a: 1n, toJSON: (): object => self }
      return self
    },
    `"[circular]"`
  ],
  [
    "a getter that throws",
    () => Object.defineProperty({ b: 1 }, "a", { enumerable: true, get: boom }),
    `{"b":1,"a":"[unreadable]"}`
  ],
  ["a revoked proxy", () => ({ a: 1, b: revoked() }), `{"a":1,"b":"[unreadable]"}`],
  ["a revoked proxy alone", revoked, `"[unreadable]"`],
  ["a hundred thousand levels", () => nested(100_000), /\[too deep\]/],
  ["a function", () => boom, "null"],
  [
    "dates, lists with holes and what JSON leaves out",
    () => ({
      n: 1n,
      at: new Date(0),
      bad: new Date(Number.NaN),
      l: [undefined, boom, Number.NaN],
      u: undefined,
      f: boom,
      s: Symbol("x")
    }),
    `{"n":"1","at":"1970-01-01T00:00:00.000Z","bad":null,"l":[null,null,"NaN"]}`
  ],
  [
    "a hundred thousand members",
    () => Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`member ${i}`, i])),
    /"…":"\d+ more"\}$/
  ],
  ["two hundred thousand items", () => Array.from({ length: 200_000 }, () => "item"), /"… \d+ more"\]$/],
  ["a text of ten million characters", () => ({ a: "x".repeat(10_000_000) }), /x… \[truncated\]"\}$/],
  [
    "a polluting key",
    () => ({ a: 1n, b: JSON.parse(`{"__proto__":{"polluted":1}}`) as unknown }),
    `{"a":"1","b":{"__proto__":{"polluted":1}}}`
  ]
]

describe("Projection.stringify", () => {
  for (const [name, make, expected] of table) {
    it(`says in one bounded line ${name}`, () => {
      const text = Projection.stringify(make())
      assert.isBelow(text.length, 1_200_000)
      JSON.parse(text)
      if (typeof expected === "string") assert.strictEqual(text, expected)
      else assert.match(text, expected)
      assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
    })
  }

  it("is JSON.stringify for whatever that can do, and escapes what is not seen", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        if (typeof value !== "object" || value === null) return
        assert.deepStrictEqual(JSON.parse(Projection.stringify(value)), JSON.parse(JSON.stringify(value)))
      })
    )
  })

  it("never throws, and gives JSON", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true, withMap: true }),
        (value) => {
          if (typeof value !== "object" || value === null) return
          assert.doesNotThrow(() => void JSON.parse(Projection.stringify(value)))
        }
      )
    )
  })

  it("does not touch what any decoder would read", () => {
    const detail = "x".repeat(7000)
    const text = Projection.stringify(ErrorSnapshot.of(new Reasons.NotFound({ detail })))
    assert.strictEqual(Effect.runSync(RemoteFailure.decodeSnapshot(text)).detail, detail)
  })
})
