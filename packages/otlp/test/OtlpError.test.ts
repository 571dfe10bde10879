import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure } from "@holdfast/core"
import { OtlpError } from "@holdfast/otlp"
import { Cause, Duration, Effect, Schema } from "effect"
import { HttpClientError, HttpClientRequest } from "effect/http"

const endpoint = "http://collector:4318/v1/traces"
const codeOf = (error: unknown) => Classifier.classify(error).code
const retryOf = (error: unknown) => Classifier.classify(error).retry
const leafOf = (error: Failure.Any): object => Failure.leafOf(error)

describe("an HTTP status", () => {
  it("may be tried again for 429, 502, 503 and 504, and for no other from 200 to 599", () => {
    for (let status = 200; status < 600; status++) {
      const error = OtlpError.fromHttpStatus({ endpoint, status, retryAfter: Duration.seconds(7) })
      if (status < 300) {
        assert.isUndefined(error, `${status}`)
        continue
      }
      const again = [429, 502, 503, 504].includes(status)
      const code = again
        ? "sys.http_unavailable"
        : status === 413
          ? "sys.request_too_large"
          : status === 415
            ? "sys.unsupported_encoding"
            : status === 404 || status === 405
              ? "conf.not_an_otlp_receiver"
              : "sys.http_rejected"
      assert.strictEqual(codeOf(error), code, `${status}`)
      assert.strictEqual(retryOf(error), again ? "throttled" : "never", `${status}`)
      assert.deepStrictEqual(Classifier.retryAfterOf(error), again ? Duration.seconds(7) : undefined, `${status}`)
    }
  })

  it("says what it is about", () => {
    assert.strictEqual(
      OtlpError.fromHttpStatus({ endpoint, status: 503 })?.message,
      "http unavailable: http://collector:4318/v1/traces answered 503"
    )
    assert.deepInclude(leafOf(OtlpError.fromHttpStatus({ endpoint, status: 413, size: 99 })!), { size: 99 })
    assert.deepInclude(leafOf(OtlpError.fromHttpStatus({ endpoint, status: 415, encoding: "text/x" })!), {
      encoding: "text/x"
    })
  })

  it("can be caught by its branch, and survives JSON", () => {
    const error = OtlpError.fromHttpStatus({ endpoint, status: 400 })!
    const branch = Effect.catchReason(Effect.fail(error), "OtlpError", "TransportError", (t) =>
      Effect.succeed(t.reason._tag)
    )
    assert.strictEqual(Effect.runSync(branch), "HttpRejected")
    const codec = Schema.toCodecJson(OtlpError.OtlpError)
    const back = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error))))
    assert.strictEqual(codeOf(back), "sys.http_rejected")
  })
})

describe("a gRPC status", () => {
  it("may be tried again exactly where the protocol says so", () => {
    const table: ReadonlyArray<readonly [number, string, "again" | "never" | "with RetryInfo"]> = [
      [1, "CANCELLED", "again"],
      [2, "UNKNOWN", "never"],
      [3, "INVALID_ARGUMENT", "never"],
      [4, "DEADLINE_EXCEEDED", "again"],
      [5, "NOT_FOUND", "never"],
      [6, "ALREADY_EXISTS", "never"],
      [7, "PERMISSION_DENIED", "never"],
      [8, "RESOURCE_EXHAUSTED", "with RetryInfo"],
      [9, "FAILED_PRECONDITION", "never"],
      [10, "ABORTED", "again"],
      [11, "OUT_OF_RANGE", "again"],
      [12, "UNIMPLEMENTED", "never"],
      [13, "INTERNAL", "never"],
      [14, "UNAVAILABLE", "again"],
      [15, "DATA_LOSS", "again"],
      [16, "UNAUTHENTICATED", "never"]
    ]
    const retryInfo = Duration.millis(1500)
    for (const [code, status, rule] of table) {
      const without = OtlpError.fromGrpcStatus({ endpoint, code })!
      const withInfo = OtlpError.fromGrpcStatus({ endpoint, code, retryInfo })!
      assert.deepInclude(leafOf(without), { endpoint, status })
      assert.strictEqual(retryOf(without), rule === "again" ? "throttled" : "never", status)
      assert.strictEqual(retryOf(withInfo), rule === "never" ? "never" : "throttled", status)
      assert.deepStrictEqual(Classifier.retryAfterOf(withInfo), rule === "never" ? undefined : retryInfo, status)
    }
    assert.isUndefined(OtlpError.fromGrpcStatus({ endpoint, code: 0 }))
    assert.deepInclude(leafOf(OtlpError.fromGrpcStatus({ endpoint, code: 99 })!), { status: "UNKNOWN" })
  })
})

describe("Retry-After", () => {
  const now = Date.UTC(1994, 10, 6, 8, 49, 35)
  const cases: ReadonlyArray<readonly [string | undefined, number | undefined]> = [
    ["2", 2000],
    [" 120 ", 120_000],
    ["0", 0],
    ["999999", 600_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 2000],
    ["sun, 06 nov 1994 08:49:37 gmt", 2000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 2000],
    ["Saturday, 06-Nov-93 08:49:37 GMT", 0],
    ["Sun Nov  6 08:49:37 1994", 2000],
    ["Sun, 06 Nov 1994 08:49:30 GMT", 0],
    ["Sun, 06 Nov 2094 08:49:37 GMT", 600_000],
    ["-5", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["abc", undefined],
    ["", undefined],
    [undefined, undefined],
    ["1994-11-06T08:49:37Z", undefined],
    ["Sun, 06 Foo 1994 08:49:37 GMT", undefined],
    ["Sun, 06 Nov 1994 25:49:37 GMT", undefined],
    ["Sun, 06 Nov 1994 08:49:37 PST", undefined]
  ]
  for (const [value, expected] of cases) {
    it(`of ${JSON.stringify(value)} means ${expected === undefined ? "nothing" : `${expected} ms`}`, () => {
      const wait = OtlpError.parseRetryAfter(value, { now, cap: Duration.minutes(10) })
      assert.deepStrictEqual(wait === undefined ? undefined : Duration.toMillis(wait), expected)
    })
  }

  it("has no cap unless one is given", () => {
    assert.deepStrictEqual(OtlpError.parseRetryAfter("999999", { now }), Duration.seconds(999_999))
  })
})

describe("an error of the connection", () => {
  const request = HttpClientRequest.post(endpoint, { headers: { "x-api-key": "hunter2" } })
  const viaClient = (cause: unknown) =>
    new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
  const system = (code: string) => Object.assign(new Error(`connect ${code} 127.0.0.1:4318`), { code })

  it("is named by its system code, however deep the client has wrapped it", () => {
    const table: Record<string, string> = {
      ECONNREFUSED: "sys.connection_refused",
      ENOTFOUND: "sys.connection_refused",
      EAI_AGAIN: "sys.connection_refused",
      EHOSTUNREACH: "sys.connection_refused",
      ENETUNREACH: "sys.connection_refused",
      ETIMEDOUT: "sys.connection_timeout",
      UND_ERR_CONNECT_TIMEOUT: "sys.connection_timeout",
      ECONNRESET: "sys.connection_lost",
      EPIPE: "sys.connection_lost",
      UND_ERR_SOCKET: "sys.connection_lost",
      CERT_HAS_EXPIRED: "conf.tls_refused",
      DEPTH_ZERO_SELF_SIGNED_CERT: "conf.tls_refused",
      UNABLE_TO_VERIFY_LEAF_SIGNATURE: "conf.tls_refused",
      ERR_TLS_CERT_ALTNAME_INVALID: "conf.tls_refused",
      ERR_SSL_WRONG_VERSION_NUMBER: "conf.tls_refused",
      EPROTO: "conf.tls_refused",
      HPE_INVALID_CONSTANT: "sys.malformed_data"
    }
    for (const [name, code] of Object.entries(table)) {
      for (const error of [
        system(name),
        viaClient(system(name)),
        viaClient(new TypeError("fetch failed", { cause: system(name) })),
        viaClient(new TypeError("fetch failed", { cause: new AggregateError([system(name), system(name)]) }))
      ]) {
        assert.strictEqual(codeOf(OtlpError.fromUnknown(error, { endpoint })), code, name)
      }
    }
  })

  it("without a code is a lost connection when the client says so, and an internal error otherwise", () => {
    assert.strictEqual(codeOf(OtlpError.fromUnknown(viaClient(undefined), { endpoint })), "sys.connection_lost")
    for (const error of [new Error("?"), "text", null, { code: 7 }]) {
      assert.strictEqual(codeOf(OtlpError.fromUnknown(error, { endpoint })), "logic.internal_error")
    }
  })

  it("keeps the system's own error as the cause, and nothing that may hold the request", () => {
    const refused = system("ECONNREFUSED")
    assert.strictEqual(OtlpError.fromUnknown(viaClient(refused), { endpoint }).cause, refused)
    assert.isUndefined(OtlpError.fromUnknown(viaClient(new Error("?")), { endpoint }).cause)
  })

  it("is a timeout when Effect's own clock ran out, with the time it was given", () => {
    const error = OtlpError.fromUnknown(new Cause.TimeoutError(), { endpoint, timeout: Duration.seconds(10) })
    assert.deepInclude(leafOf(error), { _tag: "ConnectionTimeout", after: Duration.seconds(10) })
  })

  it("leaves a failure that is one already as it is", () => {
    const error = OtlpError.fromHttpStatus({ endpoint, status: 503 })
    assert.strictEqual(OtlpError.fromUnknown(error, { endpoint }), error)
  })

  it("shows no header and no credential, whatever is printed of it", () => {
    const secretUrl = "http://user:hunter2@collector:4318/v1/traces?key=hunter2#hunter2"
    for (const cause of [system("ECONNREFUSED"), new TypeError('"hunter2" is an invalid header value'), undefined]) {
      const error = OtlpError.fromUnknown(viaClient(cause), { endpoint: secretUrl })
      const printed = [
        error.message,
        String(error),
        JSON.stringify(error),
        String(error.cause),
        Failure.leafOf(error).stack
      ]
      assert.notInclude(printed.join("\n"), "hunter2")
    }
    assert.strictEqual(OtlpError.showEndpoint(secretUrl), endpoint)
    assert.strictEqual(OtlpError.showEndpoint("hunter2"), "the endpoint")
  })
})
