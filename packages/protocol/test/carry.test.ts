import { assert, describe, it } from "@effect/vitest"
import { Failure, Operation, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Effect } from "effect"
import * as fc from "fast-check"
import { anyFailure, known, Refused, Rich, Sealed } from "./arbitrary.ts"
import { raised } from "./support.ts"

type Options = Projection.Options

/** Every format with its decoder. */
const formats = {
  http: [(u: unknown, o: Options) => Projection.stringify(Projection.toHttp(u, o)), RemoteFailure.decodeHttp],
  rpc: [(u: unknown, o: Options) => Projection.stringify(Projection.toRpc(u, o)), RemoteFailure.decodeRpc],
  problem: [(u: unknown, o: Options) => Projection.stringify(Projection.toProblem(u, o)), RemoteFailure.decodeProblem],
  "json-rpc": [
    (u: unknown, o: Options) => Projection.stringify(Projection.toJsonRpc(u, o)),
    RemoteFailure.decodeJsonRpc
  ],
  graphql: [(u: unknown, o: Options) => Projection.stringify(Projection.toGraphQl(u, o)), RemoteFailure.decodeGraphQl],
  message: [(u: unknown, o: Options) => Projection.toMessageHeaders(u, o), RemoteFailure.decodeMessageHeaders],
  grpc: [(u: unknown, o: Options) => Projection.toGrpc(u, { ...o, budget: 60_000 }).details, RemoteFailure.decodeGrpc],
  snapshot: [(u: unknown, o: Options) => Projection.stringify(ErrorSnapshot.of(u, o)), RemoteFailure.decodeSnapshot],
  log: [(u: unknown, o: Options) => Projection.stringify(Projection.toLog(u, o)), RemoteFailure.decodeLog]
} as const

type Format = keyof typeof formats

const carrying: ReadonlyArray<Format> = [
  "http",
  "rpc",
  "problem",
  "json-rpc",
  "graphql",
  "message",
  "grpc",
  "snapshot",
  "log"
]

/** What must be the same on both sides. The position says where in the source of the other program. */
const essence = (error: unknown, options: Options) => {
  const { decision, failure, identity, retry_after_ms, root_metadata, violations } = ErrorSnapshot.of(error, options)
  const { position: _position, ...named } = identity
  return { ...named, decision, retry_after_ms, root_metadata: { ...root_metadata }, violations, data: failure?.data }
}

describe('With `carry: "all"` a failure of any kind comes back through', () => {
  for (const format of carrying) {
    it(`${format} with its identity, decision, pause, violations and metadata`, () => {
      const [encode, decode] = formats[format]
      fc.assert(
        fc.property(anyFailure, fc.constantFrom(ExposurePolicy.contract, ExposurePolicy.standard), (sent, policy) => {
          const options = { policy, carry: "all" } as const
          const { data: _data, ...before } = essence(sent, options)
          const { data: _none, ...after } = essence(Effect.runSync(decode(encode(sent, options))), options)
          assert.deepStrictEqual(after, before)
        }),
        { numRuns: 300 }
      )
    })

    it(`${format} as its class with its fields, where the class is at hand and it was raised`, () => {
      const [encode, decode] = formats[format]
      fc.assert(
        fc.property(anyFailure, (sent) => {
          const options = { policy: ExposurePolicy.standard, carry: "all" } as const
          const back = Effect.runSync(decode(encode(sent, options), known))
          const before = ErrorSnapshot.of(sent, options)
          const isKnown = known.some(({ declared }) => declared.code === before.identity.code)
          assert.strictEqual(back._tag !== "RemoteFailure", before.origin === undefined && isKnown)
          const { data, ...after } = essence(back, options)
          const { data: expected, ...whole } = essence(sent, options)
          assert.deepStrictEqual(after, whole)
          if (back._tag !== "RemoteFailure") assert.deepStrictEqual(data, expected)
        }),
        { numRuns: 300 }
      )
    })
  }

  it("two programs in a row", () => {
    fc.assert(
      fc.property(anyFailure, fc.constantFrom(...carrying), fc.constantFrom(...carrying), (sent, one, other) => {
        const options = { policy: ExposurePolicy.standard, carry: "all" } as const
        const once = Effect.runSync(formats[one][1](formats[one][0](sent, options)))
        const twice = Effect.runSync(formats[other][1](formats[other][0](once, options)))
        const { data: _data, ...before } = essence(sent, options)
        const { data: _none, ...after } = essence(twice, options)
        assert.deepStrictEqual(after, before)
      })
    )
  })
})

describe("What came back", () => {
  const options = { policy: ExposurePolicy.standard, carry: "all" } as const
  const sent = raised(
    new Sealed({ score: 9, detail: "fraud" }),
    Operation.doing("score", { metadata: { line: 7 } }),
    Operation.doing("pay")
  )

  it.effect("stands inside of what this program was doing", () =>
    Effect.gen(function* () {
      const called = RemoteFailure.decodeRpc(Projection.toRpc(sent, options), known).pipe(
        Effect.flatMap(Effect.fail),
        Operation.doing("call the bank", { metadata: { attempt: 2 } })
      )
      const { identity, root_metadata } = ErrorSnapshot.of(yield* Effect.flip(called))
      assert.strictEqual(identity.path, "call the bank / pay / score")
      assert.deepStrictEqual(root_metadata, { attempt: 2, line: 7 })
    })
  )

  it("stays inside, whatever the policy here makes of its category", () => {
    const back = Effect.runSync(RemoteFailure.decodeRpc(Projection.toRpc(sent, options)))
    assert.strictEqual(back.detail, "fraud")
    for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard]) {
      for (const carry of [undefined, "public"] as const) {
        const shown = { policy, ...(carry === undefined ? {} : { carry }) }
        assert.notInclude(JSON.stringify(Projection.toRpc(back, shown)), "fraud")
        assert.notInclude(JSON.stringify(Projection.toHttp(back, shown)), "score")
      }
    }
  })
})

describe('With `carry: "public"`', () => {
  const options = { policy: ExposurePolicy.standard, carry: "public" } as const
  const around = [Operation.doing("sell", { metadata: { line: 7 } })] as const

  for (const format of ["http", "rpc", "problem", "json-rpc", "graphql", "grpc"] as const) {
    it.effect(`a public failure comes back as its class, without metadata, path and others' hints: ${format}`, () =>
      Effect.gen(function* () {
        const sent = raised(new Rich({ sku: "A-1", left: 3, detail: "gone", retryAfter: 1500 }), ...around)
        const [encode, decode] = formats[format]
        const back = yield* decode(encode(sent, options), known)
        assert.instanceOf(back, Rich)
        assert.deepInclude(essence(back, options), {
          detail: "gone",
          path: null,
          retry_after_ms: 1500,
          root_metadata: {}
        })
        const stranger = yield* decode(encode(sent, options))
        assert.deepStrictEqual(stranger[Failure.TypeId].hints, {
          client: ["c1", "c2"],
          partner: [],
          operator: [],
          developer: []
        })
      })
    )

    it(`of an internal failure nothing goes along: ${format}`, () => {
      const [encode] = formats[format]
      for (const error of [new Sealed({ score: 9 }), new Reasons.SystemError({ detail: "x" }), new Error("x")]) {
        assert.deepStrictEqual(encode(error, options), encode(error, { policy: ExposurePolicy.standard }))
      }
    })
  }
})

describe("Without `carry`", () => {
  const policy = ExposurePolicy.standard
  const sentPublic = raised(
    new Refused({ violations: [{ path: "a", code: "b", message: "c" }], detail: "no", retryAfter: 1500 }),
    Operation.doing("check", { metadata: { line: 7 } })
  )
  const sentInternal = raised(new Reasons.Timeout({ detail: "7 s", retryAfter: 1500 }), Operation.doing("wait"))

  // The table of docs/wire-formats.md.
  const kept: Readonly<Record<Format, ReadonlyArray<string>>> = {
    http: ["code", "detail", "status", "visibility", "hints"],
    rpc: ["code", "reason", "detail", "status", "visibility", "hints", "retryable"],
    problem: ["code", "reason", "detail", "status", "visibility", "hints", "retryable", "pause", "violations"],
    "json-rpc": ["code", "reason", "detail", "status", "visibility", "hints", "retryable", "pause", "violations"],
    graphql: ["code", "reason", "detail", "status", "visibility", "hints", "retryable", "pause", "violations"],
    message: ["code", "reason", "detail", "status", "visibility", "hints", "retryable", "pause", "violations"],
    grpc: ["code", "reason", "detail", "status", "visibility", "hints", "retryable", "pause", "violations"],
    snapshot: [
      "code",
      "reason",
      "detail",
      "path",
      "status",
      "visibility",
      "hints",
      "retryable",
      "pause",
      "violations",
      "metadata"
    ],
    log: ["code", "reason", "detail", "path", "visibility", "metadata"]
  }

  const said = (error: unknown) => {
    const { decision, identity, retry_after_ms, root_metadata, violations } = ErrorSnapshot.of(error, { policy })
    return {
      code: [identity.code, identity.category],
      reason: identity.reason,
      detail: identity.detail,
      path: identity.path,
      status: decision.http_status,
      visibility: decision.visibility,
      hints: decision.default_hints,
      retryable: decision.retryable,
      pause: retry_after_ms,
      violations,
      metadata: { ...root_metadata }
    }
  }

  for (const format of Object.keys(formats) as ReadonlyArray<Format>) {
    it.effect(`${format} keeps of a public failure what the table says, and nothing else`, () =>
      Effect.gen(function* () {
        const [encode, decode] = formats[format]
        const before = said(sentPublic)
        const after = said(yield* decode(encode(sentPublic, { policy })))
        const same = Object.entries(before).filter(([key, value]) => {
          const other = after[key as keyof typeof after]
          return JSON.stringify(value) === JSON.stringify(other)
        })
        assert.deepStrictEqual(
          same.map(([key]) => key),
          kept[format]
        )
      })
    )

    it.effect(`${format} keeps code and visibility of an internal failure`, () =>
      Effect.gen(function* () {
        const [encode, decode] = formats[format]
        const after = said(yield* decode(encode(sentInternal, { policy })))
        assert.deepStrictEqual([after.code, after.visibility], [["sys.timeout", "sys"], "internal"])
        assert.strictEqual(after.detail, ["log", "snapshot"].includes(format) ? "7 s" : null)
      })
    )
  }
})
