import { assert, describe, it } from "@effect/vitest"
import { Classifier, Identity, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Effect, Schema } from "effect"
import protobuf from "protobufjs"

const failure = new Reasons.NotFound({ detail: "order 7" })
const plain = (body: object): object => JSON.parse(JSON.stringify(body)) as object

/** Each JSON format: how it is read, and a body it writes. */
const formats: Readonly<Record<string, readonly [RemoteFailure.Decoder, object]>> = {
  http: [RemoteFailure.decodeHttp, plain(Projection.toHttp(failure))],
  rpc: [RemoteFailure.decodeRpc, plain(Projection.toRpc(failure))],
  log: [RemoteFailure.decodeLog, plain(Projection.toLog(failure))],
  problem: [RemoteFailure.decodeProblem, plain(Projection.toProblem(failure))],
  snapshot: [RemoteFailure.decodeSnapshot, plain(ErrorSnapshot.of(failure))],
  "json-rpc": [RemoteFailure.decodeJsonRpc, plain(Projection.toJsonRpc(failure))],
  graphql: [RemoteFailure.decodeGraphQl, plain(Projection.toGraphQl(failure))]
}

const refusal = (decode: RemoteFailure.Decoder, body: unknown) => Effect.runSync(Effect.flip(decode(body)))

const deep = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`

for (const [format, [decode, body]] of Object.entries(formats)) {
  const text = JSON.stringify(body)

  describe(`A body that is no ${format} failure`, () => {
    it("because it is no JSON, says to look in between", () => {
      for (const page of ["<html>502 Bad Gateway</html>", "", text.slice(0, -1)]) {
        const undecodable = refusal(decode, page)
        assert.strictEqual(undecodable.problem, "not_json")
        assert.include(Identity.of(undecodable).detail, "no JSON")
        assert.include(Identity.of(undecodable).detail, "proxy")
        assert.strictEqual(undecodable.excerpt.slice(0, 256), page.slice(0, 256))
        assert.isBelow(undecodable.excerpt.length, 300)
      }
    })

    it("because it is too large, is not even parsed", () => {
      const undecodable = refusal(decode, `${text}${" ".repeat(1_048_576)}`)
      assert.strictEqual(undecodable.problem, "too_large")
      assert.isBelow(undecodable.excerpt.length, 300)
    })

    it("because it is another thing, says so", () => {
      // Everything may be missing from a problem.
      for (const other of ["[1,2]", "null", "7", `"x"`, ...(format === "problem" ? [] : ["{}"])]) {
        const undecodable = refusal(decode, other)
        assert.strictEqual(undecodable.problem, "unexpected_shape")
        assert.include(Identity.of(undecodable).detail, format)
      }
    })

    for (const [kind, version, said] of [
      ["a later one", 2, "2"],
      ["none there ever was", 0, "0"],
      ["a text", "1", `"1"`],
      ["a list", [1], "of type object"],
      ["nothing", null, "of type null"],
      ["a long text", "9".repeat(1000), `"${"9".repeat(31)}… [truncated]`]
    ] as const) {
      it(`because it is of a version that is not known here (${kind}), names it`, () => {
        for (const sent of [
          { ...body, schema_version: version },
          JSON.stringify({ ...body, schema_version: version })
        ]) {
          const undecodable = refusal(decode, sent)
          assert.deepStrictEqual([undecodable.problem, undecodable.version], ["unsupported_version", said])
          assert.include(Identity.of(undecodable).detail, "reads version 1")
        }
      })
    }

    it("is told apart from one that does not say its version, or says the one that is known", () => {
      const { schema_version: _, ...unversioned } = body as { readonly schema_version?: number }
      if (format !== "snapshot") Effect.runSync(decode(unversioned))
      const read = Effect.runSync(decode({ ...unversioned, schema_version: 1 }))
      assert.strictEqual(Identity.of(read).code, "biz.not_found")
      const inherited = Object.assign(Object.create({ schema_version: 2 }) as object, body)
      if (format !== "snapshot")
        assert.strictEqual(Identity.of(Effect.runSync(decode(inherited))).code, "biz.not_found")
    })
  })

  describe(`A ${format} body that means harm`, () => {
    it("by its depth, ends as a failure of one kind or the other", () => {
      const inside = text.replace(/("(?:detail|message|reason)":)"[^"]*"/, `$1${deep(100_000)}`)
      for (const sent of [deep(300_000), inside, `{"a":${deep(300_000)}}`]) {
        assert.notStrictEqual(sent, text)
        const outcome = Effect.runSync(Effect.result(decode(sent)))
        if (outcome._tag === "Failure") assert.isBelow(outcome.failure.excerpt.length, 300)
      }
      const carrying = `${text.slice(0, -1)},"failure":{"version":1,"data":{"_tag":"NotFound","x":${deep(200_000)}}}}`
      const read = Effect.runSync(decode(carrying, [Reasons.NotFound]))
      assert.strictEqual(Identity.of(read).code, "biz.not_found")
    })

    it("by its keys, pollutes nothing and is not taken in by them", () => {
      const keys = `"__proto__":{"polluted":true,"retryable":true},"constructor":{"prototype":{"polluted":true}},`
      const read = Effect.runSync(decode(`{${keys}${text.slice(1)}`))
      assert.strictEqual(Identity.of(read).code, "biz.not_found")
      assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
      assert.notProperty(read, "polluted")
      assert.strictEqual(Classifier.classify(read).retry, "never")
    })
  })
}

describe("A gRPC status that is none", () => {
  it("because it is too large, is not read", () => {
    for (const body of [new Uint8Array(100_000), "A".repeat(100_000)]) {
      assert.strictEqual(refusal(RemoteFailure.decodeGrpc, body).problem, "too_large")
    }
    const large = { code: 5, message: "x", details: new Uint8Array(100_000) }
    assert.strictEqual(Effect.runSync(RemoteFailure.decodeGrpc(large)).status, 404)
  })

  it("because its bytes are none, is of an unexpected shape", () => {
    for (const body of [new Uint8Array([255, 255]), "!!", { code: 0, message: "fine" }, 7, null]) {
      assert.strictEqual(refusal(RemoteFailure.decodeGrpc, body).problem, "unexpected_shape")
    }
  })

  it("because it is of a version that is not known here, names it", () => {
    const { root } = protobuf.parse(`
      syntax = "proto3";
      message Any { string type_url = 1; bytes value = 2; }
      message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
      message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
    `)
    const info = root.lookupType("ErrorInfo")
    const of = (metadata: Record<string, string>): Uint8Array => {
      const value = info.encode({ reason: "X", domain: "d", metadata }).finish()
      const details = [{ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value }]
      return root.lookupType("Status").encode({ code: 5, message: "x", details }).finish()
    }
    const metadata = { code: "biz.not_found", category: "biz" }
    assert.strictEqual(Effect.runSync(RemoteFailure.decodeGrpc(of(metadata))).code, "biz.not_found")
    assert.strictEqual(
      Effect.runSync(RemoteFailure.decodeGrpc(of({ ...metadata, schema_version: "1" }))).code,
      "biz.not_found"
    )
    for (const body of [
      of({ ...metadata, schema_version: "2" }),
      { code: 5, message: "x", details: of({ ...metadata, schema_version: "2" }) },
      { code: 5, message: "x", schema_version: 2 }
    ]) {
      const undecodable = refusal(RemoteFailure.decodeGrpc, body)
      assert.deepStrictEqual([undecodable.problem, undecodable.version], ["unsupported_version", "2"])
    }
  })

  it("pollutes nothing by the names of its metadata", () => {
    const polluting = JSON.stringify({ version: 1, root_metadata: JSON.parse(`{"__proto__":"x"}`) as object })
    assert.include(polluting, "__proto__")
    Effect.runSync(RemoteFailure.decodeGrpc(Projection.toGrpc(failure, { carry: "all" }).details))
    assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
  })
})

describe("An undecodable answer", () => {
  it("survives its own schema, with its problem and its version", () => {
    const undecodable = refusal(RemoteFailure.decodeRpc, { schema_version: 3 })
    const codec = Schema.toCodecJson(RemoteFailure.UndecodableRemote)
    const back = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(undecodable))))
    assert.deepStrictEqual([back.problem, back.version, back.format], ["unsupported_version", "3", "rpc"])
  })

  it("shows nobody outside what it began with", () => {
    const undecodable = refusal(RemoteFailure.decodeRpc, "<marker>")
    for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard]) {
      assert.notInclude(JSON.stringify(Projection.toHttp(undecodable, { policy })), "marker")
      assert.notInclude(JSON.stringify(Projection.toLog(undecodable, { policy })), "marker")
    }
  })
})

describe("The excerpt of a body that was parsed elsewhere", () => {
  const cyclic: Record<string, unknown> = { a: 1n }
  cyclic["self"] = cyclic

  const table: ReadonlyArray<readonly [string, unknown, string]> = [
    ["how it begins", { a: [1, "x"] }, `{"a":[1,"x"]}`],
    ["a mark where it closes on itself", cyclic, `{"a":"1","self":"[circular]"}`],
    ["nothing of nothing", undefined, ""],
    ["nothing of bytes", new Uint8Array([1, 2]), ""]
  ]
  for (const [name, body, excerpt] of table) {
    it(`is ${name}`, () => {
      assert.strictEqual(refusal(RemoteFailure.decodeRpc, body).excerpt, excerpt)
    })
  }

  it("is made without writing all of it down", () => {
    const read = new Set<PropertyKey>()
    const items = new Proxy(
      Array.from({ length: 100_000 }, () => "x"),
      {
        get(target, key) {
          read.add(key)
          return Reflect.get(target, key) as unknown
        }
      }
    )
    const { excerpt } = refusal(RemoteFailure.decodeRpc, items)
    assert.isTrue(excerpt.startsWith(`["x","x"`))
    assert.isBelow(read.size, 100)
  })
})
