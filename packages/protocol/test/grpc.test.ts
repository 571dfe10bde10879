import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Identity, Operation, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Cause, Duration, Effect, Exit, Schema } from "effect"
import * as fc from "fast-check"
import protobuf from "protobufjs"
import { raised, threeLayers } from "./support.ts"

class Sold extends Failure.Tagged<Sold>()(
  "GrpcSold",
  { sku: Schema.String, left: Schema.Int },
  { code: "biz.grpc.sold", grpc: "OUT_OF_RANGE", retry: "throttled", hints: { client: ["take fewer", "come back"] } }
) {}

class Refused extends Failure.Tagged<Refused>()(
  "GrpcRefused",
  { violations: Schema.Array(ErrorSnapshot.Violation) },
  { code: "biz.grpc.refused", retry: "throttled", hints: { client: ["mend it"] } }
) {}

// Google's own definitions, as far as they concern us, read by somebody else's library.
const { root } = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message RetryInfo { Duration retry_delay = 1; }
  message LocalizedMessage { string locale = 1; string message = 2; }
  message BadRequest {
    message FieldViolation {
      string field = 1; string description = 2; string reason = 3; LocalizedMessage localized_message = 4;
    }
    repeated FieldViolation field_violations = 1;
  }
  message RequestInfo { string request_id = 1; string serving_data = 2; }
  message Help { message Link { string description = 1; string url = 2; } repeated Link links = 1; }
`)

const read = (type: string, bytes: Uint8Array): Record<string, unknown> => {
  const message = root.lookupType(`google.rpc.${type}`)
  return message.toObject(message.decode(bytes), { longs: Number })
}

const statusOf = (bytes: Uint8Array) => {
  const status = read("Status", bytes) as {
    readonly code: number
    readonly message: string
    readonly details: ReadonlyArray<{ readonly type_url: string; readonly typeUrl: string; readonly value: Uint8Array }>
  }
  const details = (status.details ?? []).map(({ typeUrl, value }) => {
    const name = typeUrl.replace("type.googleapis.com/google.rpc.", "")
    return [name, read(name, value)] as const
  })
  return { ...status, details: Object.fromEntries(details), names: details.map(([name]) => name) }
}

/** As HTTP/2 counts a list of headers. */
const sizeOf = (trailers: Readonly<Record<string, string>>): number =>
  Object.entries(trailers).reduce((size, [name, value]) => size + name.length + value.length + 32, 0)

const standard = { policy: ExposurePolicy.standard } as const

describe("Projection.toGrpc", () => {
  it("is read by an independent decoder", () => {
    const violations = [{ path: "items.0.sku", code: "missing_key", message: "is required" }]
    const sent = Projection.toGrpc(new Refused({ violations, detail: "größer", retryAfter: "1500 millis" }), {
      ...standard,
      domain: "orders.example.org",
      requestId: "req-7",
      helpBase: "https://errors.example.org/",
      localization: { titles: { de: { "biz.grpc.refused": "abgelehnt" } }, locales: ["de-AT"] }
    })
    assert.deepStrictEqual(statusOf(sent.details), {
      code: 3,
      message: "größer",
      names: ["ErrorInfo", "RetryInfo", "BadRequest", "LocalizedMessage", "RequestInfo", "Help"],
      details: {
        ErrorInfo: {
          reason: "BIZ_GRPC_REFUSED",
          domain: "orders.example.org",
          metadata: {
            code: "biz.grpc.refused",
            category: "biz",
            title: "refused",
            http_status: "400",
            visibility: "public",
            retryable: "true"
          }
        },
        RetryInfo: { retryDelay: { seconds: 1, nanos: 500_000_000 } },
        BadRequest: { fieldViolations: [{ field: "items.0.sku", description: "is required", reason: "MISSING_KEY" }] },
        LocalizedMessage: { locale: "de", message: "abgelehnt" },
        RequestInfo: { requestId: "req-7" },
        Help: { links: [{ description: "mend it", url: "https://errors.example.org/biz.grpc.refused" }] }
      }
    })
  })

  it("has the three trailers as text that a header may hold", () => {
    const { trailers } = Projection.toGrpc(new Reasons.NotFound({ detail: "größer\n100%" }))
    assert.strictEqual(trailers["grpc-status"], "5")
    assert.strictEqual(trailers["grpc-message"], "gr%C3%B6%C3%9Fer%0A100%25")
    assert.match(trailers["grpc-status-details-bin"], /^[A-Za-z0-9+/]+$/)
    const bytes = Uint8Array.from(Buffer.from(trailers["grpc-status-details-bin"], "base64"))
    assert.strictEqual(statusOf(bytes).message, "größer\n100%")
  })

  const codes: ReadonlyArray<readonly [Failure.Any, string, number]> = [
    [new Reasons.ValidationError(), "INVALID_ARGUMENT", 3],
    [new Reasons.NotFound(), "NOT_FOUND", 5],
    [new Reasons.PermissionDenied(), "PERMISSION_DENIED", 7],
    [new Reasons.Unauthenticated(), "UNAUTHENTICATED", 16],
    [new Reasons.Conflict(), "ABORTED", 10],
    [new Reasons.RateLimited(), "RESOURCE_EXHAUSTED", 8],
    [new Reasons.DataError(), "DATA_LOSS", 15],
    [new Reasons.NetworkError(), "UNAVAILABLE", 14],
    [new Reasons.Timeout(), "DEADLINE_EXCEEDED", 4],
    [new Reasons.Cancelled(), "CANCELLED", 1],
    [new Reasons.Unimplemented(), "UNIMPLEMENTED", 12],
    [new Reasons.CoreConfigInvalid(), "INTERNAL", 13],
    [new Reasons.LogicError(), "INTERNAL", 13],
    [new Sold({ sku: "A", left: 0 }), "OUT_OF_RANGE", 11]
  ]
  for (const [failure, status, code] of codes) {
    it(`gives ${failure._tag} the canonical code ${status}`, () => {
      const { code: number, status: name } = Projection.toGrpc(failure, standard)
      assert.strictEqual(`${name} ${number}`, `${status} ${code}`)
    })
  }

  it("shows nothing internal", () => {
    for (const error of [
      new Reasons.SystemError({ detail: "marker", position: "marker:1", cause: new Error("marker") }),
      Cause.die(new Error("marker")),
      raised(new Reasons.DataError(), Operation.doing("marker", { metadata: { marker: "marker" } }))
    ]) {
      const { details, message } = Projection.toGrpc(error)
      assert.notInclude(message, "marker")
      assert.notInclude(new TextDecoder().decode(details), "marker")
    }
  })

  it("keeps the rules of ErrorInfo for any code", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/), { minLength: 1, maxLength: 8 }), (parts) => {
        const classify = () => ({ ...Reasons.NotFound.declared, code: `biz.${parts.join(".")}` })
        const info = statusOf(Projection.toGrpc(new Error("x"), { classify }).details).details["ErrorInfo"]!
        assert.match(String(info["reason"]), /^[A-Z][A-Z0-9_]{0,61}[A-Z0-9]$/)
        for (const key of Object.keys(info["metadata"] as object)) assert.match(key, /^[a-z][a-zA-Z0-9-_]{0,63}$/)
      })
    )
  })

  it("drops details in a fixed order until the trailer fits", () => {
    const violations = Array.from({ length: 60 }, (_, i) => ({ path: `p${i}`, code: "bad", message: "m".repeat(100) }))
    const failure = new Refused({ violations, detail: "d".repeat(5000), retryAfter: 1000 })
    const everything = {
      ...standard,
      requestId: "r",
      carry: "all",
      localization: { titles: { de: { "biz.grpc.refused": "abgelehnt" } }, locales: ["de"] }
    } as const
    const kept = [60_000, 16_000, 9000, 3000, 1].map((budget) => {
      const { details, trailers } = Projection.toGrpc(failure, { ...everything, budget })
      assert.isAtMost(sizeOf(trailers), Math.max(1024, budget))
      return statusOf(details).names
    })
    assert.deepStrictEqual(kept[0], ["ErrorInfo", "RetryInfo", "BadRequest", "LocalizedMessage", "RequestInfo", "Help"])
    for (let i = 1; i < kept.length; i++) assert.deepStrictEqual(kept[i], kept[i - 1]!.slice(0, kept[i]!.length))
    assert.deepStrictEqual(kept.at(-1), ["ErrorInfo"])
    assert.isAtMost(sizeOf(Projection.toGrpc(failure, everything).trailers), 8192)
  })

  it("keeps the text within its trailer, and cuts neither an escape nor a character", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("漢", "😀", "ä", "a", "%", "\n"),
        fc.nat(3),
        fc.constantFrom(1, 2000, 8192),
        (char, shift, budget) => {
          const detail = "x".repeat(shift) + char.repeat(3000)
          const { message, trailers } = Projection.toGrpc(new Reasons.NotFound({ detail }), { budget })
          assert.isAtMost(trailers["grpc-message"].length, 1100)
          assert.isAtMost(sizeOf(trailers), Math.max(1024, budget))
          assert.strictEqual(decodeURIComponent(trailers["grpc-message"]), message)
          assert.isTrue(detail.startsWith(message.replace("… [truncated]", "")))
        }
      )
    )
  })

  it("keeps the stable code, the canonical one and the text of anything, in whatever room", () => {
    const text = fc.constantFrom("漢", "😀", "%", "a", "\n").chain((char) => fc.nat(9000).map((n) => char.repeat(n)))
    const segment = fc.stringMatching(/^[a-z][a-z0-9]{0,60}$/)
    const code = fc
      .array(segment, { minLength: 1, maxLength: 8 })
      .map((parts) => `biz.${parts.join(".")}`.slice(0, 256))
    fc.assert(
      fc.property(
        text,
        code.filter((code) => !code.endsWith(".")),
        text,
        fc.constantFrom(1, 1024, 1500, 3000, 8192),
        fc.constantFrom("client", "operator"),
        (detail, code, domain, budget, audience) => {
          const hints = { client: Array.from({ length: 16 }, (_, i) => `${i}${detail.slice(0, 400)}`) }
          const classify = () => ({
            ...Reasons.RateLimited.declared,
            code,
            hints: { ...Reasons.RateLimited.declared.hints, ...hints }
          })
          const cause = Array.from({ length: 20 }).reduce<unknown>((cause) => new Error(detail, { cause }), undefined)
          const {
            code: number,
            details,
            message,
            trailers
          } = Projection.toGrpc(new Error(detail, { cause }), {
            ...standard,
            carry: "all",
            classify,
            domain,
            audience,
            budget
          })
          assert.isAtMost(sizeOf(trailers), Math.max(1024, budget))
          for (const body of [details, { code: number, message, details }]) {
            const back = Effect.runSync(RemoteFailure.decodeGrpc(body))
            assert.strictEqual(back.code, code)
            assert.strictEqual(back.retryable, true)
            assert.strictEqual(back.visibility, "internal")
          }
          assert.strictEqual(trailers["grpc-status"], "8")
          assert.isNotEmpty(message)
        }
      )
    )
  })

  it("gives up what is carried whole, before the violations and the pause, and before the text", () => {
    const violations = [{ path: "p", code: "bad", message: "m".repeat(300) }]
    const failure = new Refused({ violations, detail: "d".repeat(900), retryAfter: 1000 })
    const seen = [8000, 3800, 3000, 1500].map((budget) => {
      const { details } = Projection.toGrpc(failure, { ...standard, carry: "all", budget })
      const { details: found, message, names } = statusOf(details)
      const { metadata } = found["ErrorInfo"] as { readonly metadata: Readonly<Record<string, string>> }
      return [Object.hasOwn(metadata, "failure"), names.slice(1).join(), message.length]
    })
    assert.deepStrictEqual(seen, [
      [true, "RetryInfo,BadRequest,Help", 900],
      [false, "RetryInfo,BadRequest,Help", 900],
      [false, "RetryInfo", 900],
      [false, "", 120]
    ])
  })

  it("writes a pause that rounds to a whole second as that second", () => {
    const failure = new Reasons.RateLimited({ retryAfter: Duration.millis(999.9999999) })
    const { RetryInfo } = statusOf(Projection.toGrpc(failure, standard).details).details
    assert.deepStrictEqual(RetryInfo, { retryDelay: { seconds: 1 } })
  })
})

describe("RemoteFailure.decodeGrpc", () => {
  it.effect("takes bytes, base64, trailers, and an error of grpc-js", () =>
    Effect.gen(function* () {
      const { code, details, message, trailers } = Projection.toGrpc(new Reasons.NotFound({ detail: "order 7" }))
      const base64 = trailers["grpc-status-details-bin"]
      for (const body of [
        details,
        base64,
        `${base64}==`.slice(0, Math.ceil(base64.length / 4) * 4),
        { code, message, details },
        { code, message, details: base64 },
        trailers,
        { code, details: message, metadata: { get: () => [Buffer.from(details)] } }
      ]) {
        const failure = yield* RemoteFailure.decodeGrpc(body)
        assert.deepStrictEqual(
          [failure.code, failure.detail, failure.reason, failure.status],
          ["biz.not_found", "order 7", "not found error", 400]
        )
      }
      const known = yield* RemoteFailure.decodeGrpc(details, [Reasons.NotFound])
      assert.instanceOf(known, Reasons.NotFound)
    })
  )

  it.effect(
    "reads what was made with the largest budget, and what a text of another house looks like in its trailer",
    () =>
      Effect.gen(function* () {
        const violations = Array.from({ length: 64 }, (_, i) => ({
          path: `p${i}`,
          code: "c",
          message: "m".repeat(512)
        }))
        const failure = new Refused({ violations })
        for (const budget of [1e9, Infinity]) {
          const { details } = Projection.toGrpc(failure, { budget })
          assert.isAbove(details.length, 30_000)
          assert.strictEqual((yield* RemoteFailure.decodeGrpc(details, [])).violations?.length, 64)
        }
        assert.deepStrictEqual(Projection.toGrpc(failure, { budget: Number.NaN }), Projection.toGrpc(failure))
        const theirs = yield* RemoteFailure.decodeGrpc({
          "grpc-status": "14",
          "grpc-message": "gr%C3%B6%C3%9Fe 100%25"
        })
        assert.deepStrictEqual([theirs.detail, theirs.retryable], ["größe 100%", true])
      })
  )

  it("keeps identity and decision, and rebuilds the class", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer(), fc.string(), fc.nat(1e6), (sku, left, detail, pause) => {
        const sent = new Sold({ sku, left, detail, retryAfter: pause })
        const options = { ...standard, carry: "all", budget: 60_000 } as const
        const { details } = Projection.toGrpc(sent, options)
        const before = ErrorSnapshot.of(sent, options)
        const back = Effect.runSync(RemoteFailure.decodeGrpc(details, [Sold]))
        assert.strictEqual(back._tag, "GrpcSold")
        assert.deepStrictEqual(ErrorSnapshot.of(back, options), before)
        const stranger = Effect.runSync(RemoteFailure.decodeGrpc(details))
        assert.deepStrictEqual(Classifier.retryAfterOf(stranger), Duration.millis(pause))
        assert.deepStrictEqual(ErrorSnapshot.of(stranger, options).decision, before.decision)
      })
    )
  })

  it.effect("reads a status of another house by its canonical code", () =>
    Effect.gen(function* () {
      const status = root.lookupType("google.rpc.Status")
      const bytes = status.encode({ code: 14, message: "backend down" }).finish()
      for (const body of [
        bytes,
        { code: 14, message: "backend down" },
        { code: 14, message: "backend down", details: "!" }
      ]) {
        const failure = yield* RemoteFailure.decodeGrpc(body)
        assert.deepStrictEqual(
          [failure.code, failure.reason, failure.detail, failure.status],
          ["sys.remote_failure", "remote failure", "backend down", 503]
        )
        assert.strictEqual(Classifier.classify(failure).retry, "transient")
      }
      assert.isUndefined(Identity.of(yield* RemoteFailure.decodeGrpc({ code: 2, message: "" })).detail ?? undefined)
    })
  )

  it.effect("takes a pause that is negative or endless as the shortest or the longest", () =>
    Effect.gen(function* () {
      for (const [seconds, millis] of [
        [-5, 0],
        [9e15, 2 ** 31],
        [3, 3000]
      ] as const) {
        const value = root.lookupType("google.rpc.RetryInfo").encode({ retryDelay: { seconds } }).finish()
        const typeUrl = "type.googleapis.com/google.rpc.RetryInfo"
        const bytes = root
          .lookupType("google.rpc.Status")
          .encode({ code: 14, message: "down", details: [{ typeUrl, value }] })
          .finish()
        const failure = yield* RemoteFailure.decodeGrpc(bytes)
        assert.deepStrictEqual(Classifier.retryAfterOf(failure), Duration.millis(millis))
      }
    })
  )

  it.effect("tells a detail that says the same as the title from none", () =>
    Effect.gen(function* () {
      const decoded = (failure: Failure.Any) => RemoteFailure.decodeGrpc(Projection.toGrpc(failure).details)
      assert.strictEqual(
        (yield* decoded(new Reasons.NotFound({ detail: "not found error" }))).detail,
        "not found error"
      )
      assert.isUndefined((yield* decoded(new Reasons.NotFound())).detail)
    })
  )

  it.effect("keeps every character of a text, a leading U+FEFF too", () =>
    Effect.gen(function* () {
      const { details } = Projection.toGrpc(new Reasons.NotFound({ detail: "\ufefforder 7" }))
      assert.strictEqual((yield* RemoteFailure.decodeGrpc(details)).detail, "\ufefforder 7")
    })
  )

  it("never dies of anything", () => {
    const { details } = Projection.toGrpc(threeLayers())
    const torn = fc.tuple(fc.nat(details.length), fc.nat(255)).map(([at, byte]) => {
      const bytes = details.slice()
      bytes[at] = byte
      return bytes.slice(0, Math.max(1, (at * 7) % bytes.length))
    })
    fc.assert(
      fc.property(fc.oneof(torn, fc.uint8Array(), fc.base64String(), fc.anything()), (body) => {
        const exit = Effect.runSyncExit(RemoteFailure.decodeGrpc(body))
        assert.isTrue(Exit.isSuccess(exit) || exit.cause.reasons.every(Cause.isFailReason))
      }),
      { numRuns: 500 }
    )
    for (const body of [new Uint8Array(10_000_000), "A".repeat(10_000_000), { code: 0, message: "fine" }]) {
      assert.strictEqual(Effect.runSync(Effect.flip(RemoteFailure.decodeGrpc(body)))._tag, "UndecodableRemote")
    }
  })
})
