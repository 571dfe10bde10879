import { assert, describe, it } from "@effect/vitest"
import { Failure, Operation, Reasons, Redaction } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause, Effect, Exit, Schema } from "effect"
import { ioError, raised, threeLayers } from "./support.ts"

const causeOf = (effect: Effect.Effect<unknown, unknown>): Cause.Cause<unknown> => {
  const exit = Effect.runSyncExit(effect)
  return Exit.isFailure(exit) ? exit.cause : Cause.empty
}

describe("A projection", () => {
  it("has all keys in the declared order", () => {
    const failure = new Reasons.Timeout()
    assert.deepStrictEqual(Object.keys(Projection.toHttp(failure)), [
      "status",
      "code",
      "category",
      "message",
      "visibility",
      "hints"
    ])
    assert.deepStrictEqual(Object.keys(Projection.toCli(failure)), [
      "code",
      "category",
      "summary",
      "detail",
      "visibility",
      "hints"
    ])
    assert.deepStrictEqual(Object.keys(Projection.toLog(failure)), [
      "code",
      "category",
      "reason",
      "detail",
      "operation",
      "path",
      "visibility",
      "hints",
      "root_metadata",
      "context",
      "source_frames"
    ])
    assert.deepStrictEqual(Object.keys(Projection.toRpc(failure)), [
      "status",
      "code",
      "category",
      "reason",
      "detail",
      "visibility",
      "hints",
      "retryable"
    ])
  })

  it("is described by its schema", () => {
    const failure = threeLayers()
    assert.isTrue(Schema.is(Projection.HttpProjection)(Projection.toHttp(failure)))
    assert.isTrue(Schema.is(Projection.CliProjection)(Projection.toCli(failure)))
    assert.isTrue(Schema.is(Projection.LogProjection)(Projection.toLog(failure)))
    assert.isTrue(Schema.is(Projection.RpcProjection)(Projection.toRpc(failure)))
  })

  it("takes an error, a cause or a snapshot, and a snapshot that was sent", () => {
    const failure = new Reasons.NotFound({ detail: "order 7" })
    const snapshot = ErrorSnapshot.of(failure)
    const expected = Projection.toHttp(failure)
    assert.strictEqual(expected.message, "order 7")
    assert.deepStrictEqual(Projection.toHttp(Cause.fail(failure)), expected)
    assert.deepStrictEqual(Projection.toHttp(snapshot), expected)
    assert.deepStrictEqual(Projection.toHttp(JSON.parse(JSON.stringify(snapshot))), expected)
    assert.deepStrictEqual(Projection.toHttp({ ...snapshot }), expected)
  })

  it("does not take something that only looks like a snapshot for one", () => {
    const fake = { ...ErrorSnapshot.of(new Reasons.NotFound()), decision: { http_status: "200", visibility: "public" } }
    assert.strictEqual(Projection.toHttp(fake).code, "logic.unclassified")
    const futureVersion = { ...ErrorSnapshot.of(new Reasons.NotFound()), schema_version: 2 }
    assert.strictEqual(Projection.toHttp(futureVersion).code, "logic.unclassified")
  })

  it("shows an empty detail as an empty public message, and a missing one as the reason", () => {
    assert.strictEqual(Projection.toHttp(new Reasons.ValidationError({ detail: "" })).message, "")
    assert.strictEqual(Projection.toRpc(new Reasons.ValidationError({ detail: "" })).detail, "")
    assert.strictEqual(Projection.toCli(new Reasons.ValidationError({ detail: "" })).summary, "validation error: ")
    assert.strictEqual(Projection.toHttp(new Reasons.ValidationError()).message, "validation error")
    assert.strictEqual(Projection.toRpc(new Reasons.ValidationError()).detail, null)
  })

  it("puts the locator after the action, whichever was attached first", () => {
    const failure = raised(new Reasons.NotFound(), Operation.at("cfg.toml"), Operation.doing("read"))
    const log = Projection.toLog(failure)
    assert.strictEqual(log.path, "read / cfg.toml")
    assert.strictEqual(log.operation, "read")
    assert.deepStrictEqual(
      log.context.map(({ action, locator }) => [action, locator]),
      [
        [null, "cfg.toml"],
        ["read", null]
      ]
    )
  })

  it("names the outermost action as the operation, and none where there is none", () => {
    const failure = raised(
      new Reasons.NotFound(),
      Operation.doing("inner"),
      Operation.doing("outer"),
      Operation.at("somewhere")
    )
    assert.strictEqual(Projection.toLog(failure).operation, "outer")
    assert.strictEqual(Projection.toLog(raised(new Reasons.NotFound(), Operation.at("somewhere"))).operation, null)
  })

  it("lets the innermost context win where two name the same metadata", () => {
    const failure = raised(
      new Reasons.DataError(),
      Operation.doing("decode", { metadata: { tenant: "inner", zone: 1 } }),
      Operation.doing("import", { metadata: { tenant: "outer", attempt: 2 } })
    )
    assert.strictEqual(
      JSON.stringify(Projection.toLog(failure).root_metadata),
      `{"attempt":2,"tenant":"inner","zone":1}`
    )
  })

  it("shows the position in the detail of the CLI and nowhere else", () => {
    const failure = new Reasons.ValidationError({ detail: "no", position: "src/handler.rs:42" })
    assert.include(Projection.toCli(failure).detail, "position: src/handler.rs:42")
    for (const text of [
      JSON.stringify(Projection.toHttp(failure)),
      JSON.stringify(Projection.toRpc(failure)),
      JSON.stringify(Projection.toLog(failure)),
      Projection.renderUserDebug(failure)
    ]) {
      assert.notInclude(text, "handler.rs")
    }
  })

  it("keeps code, reason, path, detail and metadata of every structured cause", () => {
    const [middle, leaf, root] = Projection.toLog(threeLayers()).source_frames
    assert.deepStrictEqual(middle, {
      index: 0,
      message: "configuration error << core config",
      code: "conf.core_invalid",
      category: "conf",
      type: "CoreConfigInvalid",
      reason: "configuration error << core config",
      path: "load routes / routes.toml",
      detail: "route file invalid",
      is_root_cause: false
    })
    assert.strictEqual(leaf?.code, "biz.validation_error")
    assert.deepStrictEqual(leaf?.metadata, { "config.kind": "sink_route" })
    assert.strictEqual(root?.is_root_cause, true)
  })

  it("speaks for parallel failures through the first, and keeps the others in order", () => {
    const cause = Cause.fromReasons<unknown>([
      Cause.makeInterruptReason(1),
      Cause.makeDieReason(new Error("bug")),
      Cause.makeFailReason(new Reasons.NotFound({ detail: "order 7" })),
      Cause.makeFailReason(new Reasons.Timeout())
    ])
    const log = Projection.toLog(cause)
    assert.strictEqual(log.code, "biz.not_found")
    assert.deepStrictEqual(
      log.source_frames.map(({ message }) => message),
      ["bug", "timeout error"]
    )
  })

  it("never shows a caller the text of a defect, not even of a public failure that died", () => {
    const opened = ExposurePolicy.make({
      byCategory: { logic: { visibility: "public" }, biz: { visibility: "public" } }
    })
    for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard, opened]) {
      for (const defect of [new Error("the secret plan"), new Reasons.NotFound({ detail: "the secret plan" })]) {
        const cause = causeOf(Effect.die(defect))
        const http = Projection.toHttp(cause, { policy })
        assert.notInclude(JSON.stringify(http), "secret plan")
        assert.notInclude(JSON.stringify(Projection.toRpc(cause, { policy })), "secret plan")
        assert.isAtLeast(http.status, 500)
        assert.strictEqual(http.visibility, "internal")
      }
    }
    const log = Projection.toLog(causeOf(Effect.die(new Error("the secret plan"))))
    assert.strictEqual(log.code, "logic.internal_invariant_broken")
    assert.strictEqual(log.detail, "the secret plan")
  })

  it("calls an interruption cancelled", () => {
    const cause = causeOf(Effect.interrupt)
    assert.strictEqual(Projection.toHttp(cause).code, "sys.cancelled")
    assert.strictEqual(Projection.toHttp(cause, { policy: ExposurePolicy.standard }).status, 499)
    assert.strictEqual(Projection.toRpc(cause).detail, null)
  })

  it("uses the innermost failure of a layered one", () => {
    class Import extends Failure.Layered<Import>()("ProjectionImport", [Reasons.NotFound, Reasons.DataError]) {}
    assert.deepStrictEqual(
      Projection.toHttp(Import.from(new Reasons.NotFound({ detail: "order 7" }))),
      Projection.toHttp(new Reasons.NotFound({ detail: "order 7" }))
    )
  })

  it("leaves its input as it was", () => {
    const failure = Object.freeze(new Reasons.NotFound({ detail: "order 7", cause: Object.freeze(new Error("why")) }))
    const before = Object.getOwnPropertyNames(failure)
    Projection.toLog(failure)
    assert.deepStrictEqual(Object.getOwnPropertyNames(failure), before)
  })
})

describe("Projection.renderUserDebug", () => {
  const debugOf = (fields: ReadonlyArray<readonly [string, unknown]>): string =>
    Projection.renderUserDebug(raised(new Reasons.DataError(), Operation.annotate({ fields })))
      .split("\n")
      .find((line) => line.startsWith("context"))!

  it("quotes what cannot be seen the way Rust does", () => {
    assert.strictEqual(
      debugOf([["k", `"q" \\ it's\n\r\t\0 é 日本 \u001b[31m \u200b \u0301 \u{1f600} \u00a0`]]),
      String.raw`context       : k="\"q\" \\ it's\n\r\t\0 é 日本 \u{1b}[31m \u{200b} \u{301} 😀 \u{a0}"`
    )
  })

  it("keeps fields in order and repeats repeated names", () => {
    assert.strictEqual(
      debugOf([
        ["z", 1],
        ["a", true],
        ["z", "again"]
      ]),
      `context       : z="1", a="true", z="again"`
    )
  })

  it("lets no detail, name or source forge a line", () => {
    const forged = "x\nhttp          : 200 public retryable=true"
    const failure = raised(
      new Reasons.DataError({ detail: forged, cause: ioError(forged) }),
      Operation.doing(forged, { fields: [[forged, forged]], metadata: { [forged]: forged } })
    )
    const lines = Projection.renderUserDebug(failure).split("\n")
    assert.strictEqual(lines.filter((line) => line.startsWith("http ")).length, 1)
  })

  it("prefers the component to all other metadata, if it is text", () => {
    const withMetadata = (metadata: Record<string, unknown>) =>
      Projection.renderUserDebug(raised(new Reasons.DataError(), Operation.annotate({ metadata })))
    assert.include(withMetadata({ "component.name": "engine", a: 1 }), "component     : engine")
    assert.notInclude(withMetadata({ "component.name": "engine", a: 1 }), "metadata")
    assert.include(withMetadata({ "component.name": 7, a: 1 }), "metadata      : a=1, component.name=7")
  })

  it("takes a further redaction policy in its redacted form", () => {
    const failure = raised(
      new Reasons.DataError({ detail: "no order of ada@example.org" }),
      Operation.doing("look up", { fields: { customer: "ada@example.org" }, metadata: { customer: "ada@example.org" } })
    )
    const redaction = Redaction.make({ keys: ["customer"] })
    const snapshot = ErrorSnapshot.of(failure)
    assert.include(Projection.renderUserDebug(snapshot), "ada@example.org")
    assert.strictEqual(
      Projection.renderUserDebugRedacted(snapshot, { redaction }),
      [
        "code          : sys.data_error (sys)",
        "detail        : no order of <redacted>",
        "http          : 500 internal retryable=false",
        "path          : look up",
        `context       : customer="<redacted>"`,
        `metadata      : customer="<redacted>"`
      ].join("\n")
    )
    const once = ErrorSnapshot.redact(snapshot, redaction)
    assert.deepStrictEqual(ErrorSnapshot.redact(once, redaction), once)
  })
})

describe("The metadata line of the user debug text", () => {
  it("is in the order of the keys, numbers too", () => {
    const failure = raised(new Reasons.DataError(), Operation.doing("x", { metadata: { b: 1, "9": 1, "10": 1, B: 1 } }))
    assert.include(Projection.renderUserDebug(failure), "metadata      : 10=1, 9=1, B=1, b=1")
  })
})

describe("Projection.stringify", () => {
  it("writes one line that no terminal obeys, and that reads back the same", () => {
    const failure = raised(
      new Reasons.NotFound({ detail: "a\nb\r\u001b[31m\u009b31m\u2028\u2029\u0085" }),
      Operation.doing("x\ny")
    )
    const line = Projection.stringify(Projection.toLog(failure))
    // oxlint-disable-next-line no-control-regex
    assert.notMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
    assert.deepStrictEqual(JSON.parse(line), Projection.toLog(failure))
  })
  it("writes nothing that changes how a line reads and is not seen itself", () => {
    const detail = "a\u202eb\u2066c\u200bd\ufeffe\u00adf\u{e0041}g"
    const line = Projection.stringify(Projection.toLog(new Reasons.NotFound({ detail })))
    assert.notMatch(line, /\p{Cf}/u)
    assert.include(line, "a\\u202eb\\u2066c\\u200bd\\ufeffe\\u00adf\\udb40\\udc41g")
    assert.strictEqual((JSON.parse(line) as { readonly detail: string }).detail, detail)
  })

  it("writes a number that JSON does not have as text", () => {
    assert.strictEqual(
      Projection.stringify({ count: 10n ** 20n, of: [1n] }),
      `{"count":"100000000000000000000","of":["1"]}`
    )
  })
})
