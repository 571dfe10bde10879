import { assert, describe, it } from "@effect/vitest"
import { Audience, Failure, Operation, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause } from "effect"
import * as fc from "fast-check"
import { raised } from "./support.ts"

const policy = ExposurePolicy.standard
const hints = {
  client: ["for client"],
  partner: ["for partner"],
  operator: ["for operator"],
  developer: ["for developer"]
}

class Open extends Failure.Tagged<Open>()(
  "AudienceOpen",
  {},
  { code: "biz.audience.open", reason: "open reason", hints }
) {}

class Closed extends Failure.Tagged<Closed>()(
  "AudienceClosed",
  {},
  { code: "sys.audience.closed", reason: "closed reason", hints }
) {}

/** Every projection as text, by the audience it has when nobody says. */
const projections: Readonly<
  Record<string, readonly [Audience, (input: unknown, options: Projection.Options) => string]>
> = {
  http: ["client", (u, o) => JSON.stringify(Projection.toHttp(u, o))],
  rpc: ["client", (u, o) => JSON.stringify(Projection.toRpc(u, o))],
  problem: ["client", (u, o) => JSON.stringify(Projection.toProblem(u, o))],
  "json-rpc": ["client", (u, o) => JSON.stringify(Projection.toJsonRpc(u, o))],
  graphql: ["client", (u, o) => JSON.stringify(Projection.toGraphQl(u, o))],
  message: ["client", (u, o) => JSON.stringify(Projection.toMessageHeaders(u, o))],
  grpc: ["client", (u, o) => new TextDecoder().decode(Projection.toGrpc(u, { ...o, budget: 60_000 }).details)],
  cli: ["operator", (u, o) => JSON.stringify(Projection.toCli(u, o))],
  log: ["operator", (u, o) => JSON.stringify(Projection.toLog(u, o))],
  debug: ["developer", (u, o) => Projection.renderUserDebug(u, o)],
  redacted: ["developer", (u, o) => Projection.renderUserDebugRedacted(u, o)]
}

const raisedOpen = (): Open =>
  raised(
    new Open({ detail: "the detail", position: "src/place.ts:7", cause: new Error("the cause") }),
    Operation.doing("the action", { at: "the locator", fields: { f: "the field" }, metadata: { m: "the metadata" } })
  )

describe("An audience", () => {
  for (const [format, [byDefault, project]] of Object.entries(projections)) {
    it(`is ${byDefault} for ${format} when nobody says`, () => {
      for (const error of [raisedOpen(), new Closed({ detail: "the detail" })]) {
        assert.strictEqual(project(error, { policy }), project(error, { policy, audience: byDefault }))
      }
    })
  }

  it("reads the hints for everybody, and those of every audience up to its own", () => {
    const seen = Audience.literals.map((audience) => Projection.toHttp(new Closed(), { policy, audience }).hints)
    assert.deepStrictEqual(
      seen,
      Audience.literals.map((_, last) => Audience.literals.slice(0, last + 1).map((audience) => `for ${audience}`))
    )
    assert.deepStrictEqual(Projection.toCli(new Closed(), { policy }).hints, seen[2])
  })

  it("reads a generic title, the reason, or everything of what is internal", () => {
    const messages = Audience.literals.map((audience) => {
      const { detail, reason } = Projection.toRpc(new Closed({ detail: "disk 7" }), { policy, audience })
      const { message } = Projection.toHttp(new Closed({ detail: "disk 7" }), { policy, audience })
      return [reason, detail, message]
    })
    assert.deepStrictEqual(messages, [
      ["internal error", null, "internal error"],
      ["closed reason", null, "closed reason"],
      ["closed reason", "disk 7", "disk 7"],
      ["closed reason", "disk 7", "disk 7"]
    ])
  })

  it("reads a generic title of what is internal and the caller's own doing, too", () => {
    class Suspicious extends Failure.Tagged<Suspicious>()(
      "AudienceSuspicious",
      {},
      { code: "biz.audience.fraud_suspected", visibility: "internal", http: 403 }
    ) {}
    class Odd extends Failure.Tagged<Odd>()(
      "AudienceOdd",
      {},
      { code: "biz.audience.blacklisted", visibility: "internal", http: 418 }
    ) {}
    for (const [error, title] of [
      [new Suspicious(), "not permitted"],
      [new Odd(), "request refused"],
      [new Cause.NoSuchElementError("row 7"), "not found"]
    ] as const) {
      assert.strictEqual(Projection.toHttp(error, { policy }).message, title)
      assert.strictEqual(Projection.toProblem(error, { policy }).title, title)
    }
  })

  it("reads no more than a client when there is no such audience", () => {
    const nobody = "root" as Audience
    for (const [, project] of Object.values(projections)) {
      const error = new Closed({ detail: "the detail", cause: new Error("the cause") })
      assert.strictEqual(project(error, { policy, audience: nobody }), project(error, { policy, audience: "client" }))
    }
  })

  it("reads what is for debugging over gRPC only inside", () => {
    for (const audience of Audience.literals) {
      const text = projections["grpc"]![1](raisedOpen(), { policy, audience })
      const isInside = audience === "operator" || audience === "developer"
      assert.strictEqual(text.includes("google.rpc.DebugInfo"), isInside)
      assert.strictEqual(text.includes("src/place.ts:7") && text.includes("the action"), isInside)
    }
  })

  it("inside reads over the CLI and in the log what the program was doing, outside it does not", () => {
    for (const format of ["cli", "log", "debug"]) {
      const [, project] = projections[format]!
      for (const audience of Audience.literals) {
        const text = project(raisedOpen(), { policy, audience })
        assert.include(text, "the detail")
        for (const inside of ["the action", "the cause", "the metadata"]) {
          if (audience === "operator" || audience === "developer") {
            if (format !== "debug" || inside !== "the cause") assert.include(text, inside, format)
          } else assert.notInclude(text, inside, format)
        }
      }
    }
  })
})

describe("Nothing internal reaches a client or a partner", () => {
  // Each text is unlike any other, so that finding it means that it was shown.
  const marker = fc.stringMatching(/^[a-z]{12}$/)
  const markers = fc.uniqueArray(marker, { minLength: 12, maxLength: 12 })

  const kinds: ReadonlyArray<
    readonly [string, boolean, (detail: string, cause: unknown, position: string) => unknown]
  > = [
    ["a public failure", true, (detail, cause, position) => new Open({ detail, cause, position })],
    ["an internal failure", false, (detail, cause, position) => new Closed({ detail, cause, position })],
    ["a universal reason", false, (detail, cause, position) => new Reasons.SystemError({ detail, cause, position })],
    ["a foreign error", false, (detail, cause) => new Error(detail, { cause })],
    ["a text", false, (detail) => detail]
  ]
  const leaves: Readonly<Record<string, (error: unknown) => unknown>> = {
    failed: (error) => error,
    thrown: (error) => Cause.die(error),
    parallel: (error) => Cause.fromReasons([Cause.makeFailReason(error), Cause.makeDieReason(new Error("beside"))])
  }

  for (const [name, isPublic, make] of kinds) {
    for (const [way, leave] of Object.entries(leaves)) {
      it(`of ${name} that was ${way}`, () => {
        fc.assert(
          fc.property(markers, (texts) => {
            const [detail, cause, deeper, position, action, at, field, metadata, key] = texts as [
              string,
              ...Array<string>
            ]
            const error = leave(
              raised(
                make(detail, new Reasons.DataError({ detail: cause!, cause: new Error(deeper) }), position!),
                Operation.doing(action!, { at: at!, fields: { f: field }, metadata: { [key!]: metadata } })
              )
            )
            const told = isPublic && way !== "thrown"
            const inside = [cause, deeper, position, action, at, field, metadata, key, ...(told ? [] : [detail])]
            for (const audience of ["client", "partner"] as const) {
              for (const carry of [undefined, "public"] as const) {
                const options = { policy, audience, ...(carry === undefined ? {} : { carry }) }
                for (const subject of [error, ErrorSnapshot.of(error, { policy, carry: "all" })]) {
                  for (const [format, [, project]] of Object.entries(projections)) {
                    const text = project(subject, options)
                    for (const secret of inside) assert.notInclude(text, secret!, `${format} for ${audience}`)
                    assert.notInclude(text, "for operator", format)
                    assert.notInclude(text, "for developer", format)
                    if (audience === "client") assert.notInclude(text, "for partner", format)
                  }
                }
              }
            }
          }),
          { numRuns: 10 }
        )
      })
    }
  }
})
