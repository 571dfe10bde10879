import { assert, describe, it } from "@effect/vitest"
import { Failure, Operation, Reasons, Redaction } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Option, Schema } from "effect"
import { raised } from "./support.ts"

class Held extends Failure.Tagged<Held>()("ReceivedHeld", { note: Schema.String }, { code: "biz.received.held" }) {}

/** As it comes from another program. */
const elsewhere = (snapshot: object): ErrorSnapshot.ErrorSnapshot =>
  JSON.parse(JSON.stringify(snapshot)) as ErrorSnapshot.ErrorSnapshot

const own = ErrorSnapshot.of(new Reasons.NotFound({ detail: "order 7" }))

const forged = (identity: object, decision: object = {}) =>
  elsewhere({ ...own, identity: { ...own.identity, ...identity }, decision: { ...own.decision, ...decision } })

describe("a snapshot from elsewhere", () => {
  it("never shows more than the policy given, whose decision then stands", () => {
    const snapshot = forged(
      { detail: "for nobody here" },
      { http_status: 403, visibility: "public", default_hints: ["go to evil.example"], retryable: true }
    )
    const http = Projection.toHttp(snapshot, { policy: ExposurePolicy.bare })
    assert.deepStrictEqual(
      [http.status, http.visibility, http.message, http.hints],
      [500, "internal", "not found error", []]
    )
    const rpc = Projection.toRpc(snapshot, { policy: ExposurePolicy.bare })
    assert.deepStrictEqual([rpc.detail, rpc.retryable], [null, false])
  })

  it("is shown as it was decided there by a policy that shows as much, and where none is given", () => {
    const snapshot = forged({}, { http_status: 410, default_hints: ["ask for another"] })
    for (const options of [{}, { policy: ExposurePolicy.standard }, { policy: ExposurePolicy.contract }]) {
      const { hints, message, status } = Projection.toHttp(snapshot, options)
      assert.deepStrictEqual([status, message, hints], [410, "order 7", ["ask for another"]])
    }
  })

  it("is redacted under the policy here, in every text", () => {
    const secret = "s3cr3tTokenValue9"
    const bearer = `Bearer ${secret}`
    const snapshot = elsewhere({
      ...own,
      identity: { ...own.identity, reason: bearer, detail: bearer, position: bearer, path: bearer },
      decision: { ...own.decision, title: bearer, default_hints: [bearer], audience_hints: { operator: [bearer] } },
      report: {
        ...own.report,
        context: [
          {
            action: bearer,
            locator: bearer,
            path: [bearer],
            fields: [[bearer, bearer]],
            metadata: { [bearer]: bearer }
          }
        ]
      },
      operation: bearer,
      root_metadata: { [bearer]: bearer, password: secret },
      source_frames: [{ index: 0, message: bearer, type: bearer, detail: bearer, path: bearer, is_root_cause: true }],
      violations: [{ path: bearer, code: "bad", message: bearer }],
      failure: { version: 1, data: { note: bearer, token: secret } }
    })
    const options = { audience: "developer", carry: "all" } as const
    for (const projection of [
      Projection.toHttp(snapshot, options),
      Projection.toRpc(snapshot, options),
      Projection.toCli(snapshot, options),
      Projection.toLog(snapshot, options),
      Projection.toProblem(snapshot, options),
      Projection.toGraphQl(snapshot, options),
      new TextDecoder().decode(Projection.toGrpc(snapshot, options).details),
      Projection.renderUserDebug(snapshot)
    ]) {
      assert.notInclude(JSON.stringify(projection), secret)
      assert.include(JSON.stringify(projection), "<redacted>")
    }
  })

  it("is no larger than one that was made here", () => {
    const many = <A>(count: number, of: A): ReadonlyArray<A> => Array.from({ length: count }, () => of)
    const entries = Object.fromEntries(many(50_000, 0).map((_, index) => [`k${index}`, "v".repeat(100)]))
    const snapshot = elsewhere({
      ...own,
      identity: { ...own.identity, detail: "x".repeat(1e6), reason: "x".repeat(1e6) },
      report: {
        ...own.report,
        context: many(500, {
          action: "a".repeat(5000),
          locator: null,
          path: many(500, "p"),
          fields: many(500, ["n", "v"]),
          metadata: {}
        })
      },
      root_metadata: entries,
      source_frames: many(20_000, { index: 0, message: "m".repeat(100), metadata: {}, is_root_cause: false }),
      violations: many(5000, { path: "p", code: "c", message: "m".repeat(5000) }),
      failure: { version: 1, data: entries },
      occurrence: { id: "i".repeat(1e6), time: "t".repeat(1e6) }
    })
    assert.isBelow(Projection.stringify(Projection.toLog(snapshot)).length, 300_000)
    assert.isBelow(Projection.renderUserDebug(snapshot).length, 100_000)
    assert.isBelow(Projection.stringify(Projection.toProblem(snapshot, { carry: "all" })).length, 300_000)
  })

  it("is none if its code is none", () => {
    for (const code of ["a\nb", "", "bearer abc", "x".repeat(257)]) {
      const snapshot = forged({ code })
      assert.isTrue(Option.isNone(ErrorSnapshot.fromUnknown(snapshot)))
      assert.strictEqual(Projection.toHttp(snapshot).code, "logic.unclassified")
    }
  })

  it("says the same as the one it was stored from, however large the failure was", () => {
    const fields = Array.from({ length: 100 }, (_, index) => [`f${index}`, "v".repeat(3000)] as const)
    const layers = Array.from({ length: 80 }, (_, index) =>
      Operation.doing(`step ${index} ${"s".repeat(3000)}`, {
        at: "somewhere",
        fields,
        metadata: { [`m${index}`]: "m".repeat(3000), n: index }
      })
    )
    let cause: Error = new Error("x".repeat(9000))
    for (let i = 0; i < 60; i++) cause = new Error(`${i} ${"y".repeat(3000)}`, { cause })
    const failure = raised(new Held({ note: "n", detail: "d".repeat(10_000), cause }), ...layers)
    const before = ErrorSnapshot.of(failure, { carry: "all" })
    const options = { audience: "developer", carry: "all" } as const
    assert.deepStrictEqual(Projection.toLog(elsewhere(before)), Projection.toLog(before))
    assert.deepStrictEqual(Projection.toRpc(elsewhere(before), options), Projection.toRpc(before, options))
  })
})

describe("ErrorSnapshot.redact", () => {
  const failure = raised(
    new Reasons.DataError({ detail: "DETAIL", position: "POSITION", cause: new Error("MESSAGE") }),
    Operation.doing("ACTION", { at: "LOCATOR" })
  )
  const places = ["DETAIL", "POSITION", "MESSAGE", "ACTION", "LOCATOR"]
  const redaction = Redaction.make({ slots: ["detail", "position", "action", "locator", "message"] })

  it("masks the slots of the policy", () => {
    const after = ErrorSnapshot.redact(ErrorSnapshot.of(failure), redaction)
    for (const text of [
      JSON.stringify(after),
      Projection.renderUserDebugRedacted(ErrorSnapshot.of(failure), { redaction }),
      Projection.renderUserDebugRedacted(failure, { redaction })
    ]) {
      assert.deepStrictEqual(
        places.filter((place) => text.includes(place)),
        []
      )
    }
  })

  it("masks one slot and leaves the others", () => {
    for (const [slot, place] of [
      ["detail", "DETAIL"],
      ["position", "POSITION"],
      ["message", "MESSAGE"],
      ["action", "ACTION"],
      ["locator", "LOCATOR"]
    ] as const) {
      const text = JSON.stringify(ErrorSnapshot.redact(ErrorSnapshot.of(failure), Redaction.make({ slots: [slot] })))
      assert.deepStrictEqual(
        places.filter((of) => !text.includes(of)),
        [place]
      )
    }
  })

  it("looks for the shapes of the policy in names, paths, types, titles and hints, too", () => {
    const mail = "ada@example.org"
    const scanners = [{ name: "mail", pattern: /[\w.-]+@[\w.-]+/g, find: (match: string) => match }]
    const source = raised(
      new Reasons.DataError(),
      Operation.doing("look up", { metadata: { [`of ${mail}`]: 1 }, fields: { [`of ${mail}`]: "v" } })
    )
    const snapshot: ErrorSnapshot.ErrorSnapshot = {
      ...ErrorSnapshot.of(source),
      decision: {
        http_status: 500,
        visibility: "internal",
        retryable: false,
        title: mail,
        default_hints: [mail],
        audience_hints: { partner: [mail] }
      },
      source_frames: [{ index: 0, message: "m", type: mail, is_root_cause: true }],
      violations: [{ path: mail, code: mail, message: mail }]
    }
    assert.notInclude(JSON.stringify(ErrorSnapshot.redact(snapshot, Redaction.make({ scanners }))), mail)
  })
})
