import { assert, describe, it } from "@effect/vitest"
import { Operation, Reasons, Report } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import contract from "./vectors/contract.json" with { type: "json" }
import { ioError, raised, StorageUnavailable, threeLayers } from "./support.ts"

interface Case {
  readonly failure: unknown
  readonly policy?: ExposurePolicy.Policy
}

const cases: Readonly<Record<string, Case>> = {
  W1: { failure: new Reasons.ValidationError() },
  W2: {
    failure: raised(new Reasons.BusinessError({ detail: "order state invalid" }), Operation.doing("validate order"))
  },
  W3: { failure: raised(new Reasons.SystemError({ detail: "disk offline" }), Operation.doing("write file")) },
  W4: {
    failure: raised(
      new Reasons.ValidationError({ detail: "field `email` is required", position: "src/handler.rs:42" }),
      Operation.doing("parse input"),
      Operation.at("request.json")
    )
  },
  W5: { failure: new Reasons.Timeout({ detail: "downstream rpc timeout" }) },
  W6: {
    failure: raised(
      new Reasons.SystemError({ detail: "read config failed", cause: ioError("disk offline") }),
      Operation.doing("read config"),
      Operation.at("config.toml")
    )
  },
  W7: {
    failure: raised(
      new Reasons.NetworkError({
        detail: "call inventory",
        cause: new Error("outer source", { cause: new Error("inner source") })
      }),
      Operation.doing("reserve stock", {
        fields: { sku: "A-1" },
        metadata: { "component.name": "inventory", "http.attempt": 3 }
      })
    )
  },
  W8: {
    failure: raised(
      new Reasons.DataError(),
      Operation.doing("decode", { metadata: { "parse.line": 7, "a.flag": true, delta: -5, tenant: 'acme "x"' } })
    )
  },
  W9: { failure: threeLayers() },
  W11: {
    failure: new StorageUnavailable({ detail: "bucket eu-7 unreachable" }),
    policy: ExposurePolicy.make({ byCode: { "sys.storage_unavailable": { http_status: 503, retryable: true } } })
  },
  W15: {
    failure: raised(
      new Reasons.CoreConfigInvalid({ detail: "missing db config", position: "src/config.rs:42" }),
      Operation.doing("database_config"),
      Operation.annotate({
        fields: [
          ["step", "initialization"],
          ["resource", "database"]
        ]
      })
    )
  },
  W21: { failure: new Reasons.BusinessError({ detail: "order state invalid" }), policy: ExposurePolicy.make({}) }
}

interface VectorContext {
  readonly action: string | null
  readonly locator: string | null
  readonly fields: ReadonlyArray<ReadonlyArray<string>>
}

/** The vectors still show the field that the seed's `at` added. */
const withoutKey = <C extends VectorContext>(context: C): C => ({
  ...context,
  fields: context.fields.filter(([name, value]) => !(name === "key" && value === context.locator))
})

/** The seed's own layout repeats the path of a context that only locates, and its `key`. */
const seedLines = (text: string, dropped: ReadonlySet<string>): ReadonlyArray<string> =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => !dropped.has(line))

const optionalExtras = ["code", "category", "type"]

describe("The worked failures of the contract", () => {
  it("are all here", () => {
    assert.deepStrictEqual(
      contract.map(({ id }) => id),
      Object.keys(cases)
    )
  })

  for (const vector of contract) {
    const { failure, policy } = cases[vector.id]!
    const snapshot = ErrorSnapshot.of(failure, policy === undefined ? {} : { policy })
    const locators = vector.log.context.flatMap(({ locator }) => (locator === null ? [] : [locator]))
    const repeated = new Set(locators.flatMap((locator) => [`path: ${locator}`, `1. key: ${locator}`]))

    describe(`${vector.id}: ${vector.title}`, () => {
      it("has the identity and the decision", () => {
        assert.deepStrictEqual(snapshot.identity, vector.identity as typeof snapshot.identity)
        assert.deepStrictEqual(snapshot.decision, vector.decision as typeof snapshot.decision)
      })

      it("looks the same over HTTP and RPC, key order included", () => {
        assert.strictEqual(JSON.stringify(Projection.toHttp(snapshot)), JSON.stringify(vector.http))
        assert.strictEqual(JSON.stringify(Projection.toRpc(snapshot)), JSON.stringify(vector.rpc))
      })

      it("is logged the same, with the operation beside it", () => {
        const { operation, source_frames, ...log } = Projection.toLog(snapshot)
        const { source_frames: expectedFrames, ...expected } = vector.log
        assert.deepStrictEqual<unknown>(log, { ...expected, context: expected.context.map(withoutKey) })
        assert.strictEqual(operation, vector.log.context.findLast(({ action }) => action !== null)?.action ?? null)
        const frames = source_frames.map((frame) =>
          Object.fromEntries(Object.entries(frame).filter(([key]) => !optionalExtras.includes(key)))
        )
        assert.deepStrictEqual<unknown>(frames, expectedFrames)
      })

      it("reads the same at a terminal", () => {
        const { detail, ...cli } = Projection.toCli(snapshot)
        const { detail: expectedDetail, ...expected } = vector.cli
        assert.deepStrictEqual<unknown>(cli, expected)
        const lines = seedLines(detail, new Set())
        const wanted = seedLines(expectedDetail, repeated)
        assert.deepStrictEqual(
          lines.filter((line) => wanted.includes(line)),
          wanted
        )
        assert.strictEqual(vector.compact, cli.summary)
        assert.strictEqual(vector.verbose, expectedDetail)
      })

      it("is explained the same to somebody who looks into it", () => {
        const expected = vector.debug
          .split("\n")
          .filter((line) => !locators.some((locator) => line === `context       : key="${locator}"`))
        assert.strictEqual(Projection.renderUserDebug(snapshot), expected.join("\n"))
      })

      it("names the same chain of causes in the same order", () => {
        const chain = Report.chain(Report.of(failure))
        const links = vector.log.source_frames.map(({ message }) => message)
        let from = chain.indexOf(vector.log.reason)
        assert.isAtLeast(from, 0)
        for (const link of links) {
          from = chain.indexOf(link, from + 1)
          assert.isAtLeast(from, 0, link)
        }
      })
    })
  }
})
