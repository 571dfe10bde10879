import { assert, describe, it } from "@effect/vitest"
import { ErrorSnapshot, Projection } from "@holdfast/protocol"
import * as fc from "fast-check"
import { failureOf, failures, said } from "./contract.model.ts"

/** Members that a frame may have beyond the contract. */
const beyond = ["code", "category", "type"]

describe("Any failure of the contract", () => {
  it("leaves by every exit as its rules say", () => {
    fc.assert(
      fc.property(failures, (told) => {
        const snapshot = ErrorSnapshot.of(failureOf(told))
        const { debug, decision, http, identity, log, rpc, summary } = said(told)
        assert.deepStrictEqual<unknown>(snapshot.identity, identity)
        assert.deepStrictEqual<unknown>(snapshot.decision, decision)
        assert.strictEqual(JSON.stringify(Projection.toHttp(snapshot)), JSON.stringify(http))
        assert.strictEqual(JSON.stringify(Projection.toRpc(snapshot)), JSON.stringify(rpc))
        assert.strictEqual(Projection.toCli(snapshot).summary, summary)
        const logged = Projection.toLog(snapshot)
        const frames = logged.source_frames.map((frame) =>
          Object.fromEntries(Object.entries(frame).filter(([key]) => !beyond.includes(key)))
        )
        assert.strictEqual(JSON.stringify({ ...logged, source_frames: frames }), JSON.stringify(log))
        assert.strictEqual(Projection.renderUserDebug(snapshot), debug)
      }),
      { numRuns: 1000 }
    )
  })
})
