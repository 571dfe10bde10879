import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Identity, Reasons } from "@holdfast/core"
import { Cause, Config, ConfigProvider, Effect, PlatformError, Schema } from "effect"
import { SqlError } from "effect/sql"
import { runInNewContext } from "node:vm"
import { HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { RpcClientError } from "effect/rpc"
import { Socket } from "effect/socket"
import { WorkerError } from "effect/workers"

const request = HttpClientRequest.get("http://127.0.0.1/")
const statusError = (status: number) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.StatusCodeError({
      request,
      response: HttpClientResponse.fromWeb(request, new Response(null, { status }))
    })
  })
const transportError = new HttpClientError.HttpClientError({
  reason: new HttpClientError.TransportError({ request })
})
const rpcError = (reason: RpcClientError.RpcClientError["reason"]) => new RpcClientError.RpcClientError({ reason })
const { fromHttpClientError } = HttpClientError.HttpClientErrorSchema
const nodeError = (code: string) => Object.assign(new Error("system"), { code })
const failureOf = (effect: Effect.Effect<unknown, unknown>): unknown => Effect.runSync(Effect.flip(effect))

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const hostile = {
  get _tag(): string {
    throw new Error("no")
  },
  get message(): string {
    throw new Error("no")
  }
}

describe("Identity.of", () => {
  const table: ReadonlyArray<readonly [string, unknown, string]> = [
    ["a declared failure", new Reasons.Conflict(), "biz.conflict"],
    ["Effect's timeout", new Cause.TimeoutError(), "sys.timeout"],
    ["Effect's missing element", new Cause.NoSuchElementError(), "biz.not_found"],
    ["Effect's illegal argument", new Cause.IllegalArgumentError(), "logic.internal_invariant_broken"],
    ["Effect's exceeded capacity", new Cause.ExceededCapacityError(), "sys.resource_exhausted"],
    ["a schema error", failureOf(Schema.decodeUnknownEffect(Schema.String)(1)), "biz.validation_error"],
    [
      "a config error",
      failureOf(Config.String("PORT").pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))))),
      "conf.core_invalid"
    ],
    [
      "a platform error",
      PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "open" }),
      "sys.io_error"
    ],
    [
      "a platform timeout",
      PlatformError.systemError({ _tag: "TimedOut", module: "FileSystem", method: "open" }),
      "sys.timeout"
    ],
    ["HTTP 404", statusError(404), "biz.not_found"],
    ["HTTP 429", statusError(429), "biz.rate_limited"],
    ["HTTP 500", statusError(500), "sys.external_service_error"],
    ["HTTP 503", statusError(503), "sys.network_error"],
    ["HTTP 504", statusError(504), "sys.timeout"],
    ["an HTTP transport error", transportError, "sys.network_error"],
    ["an RPC client's HTTP transport error", rpcError(fromHttpClientError(transportError)), "sys.network_error"],
    ["an RPC client's HTTP 404", rpcError(fromHttpClientError(statusError(404))), "biz.not_found"],
    [
      "an RPC client's closed socket",
      rpcError(new Socket.SocketCloseError({ code: 1006, closeReason: undefined })),
      "sys.network_error"
    ],
    [
      "an RPC client's socket that did not open in time",
      rpcError(new Socket.SocketOpenError({ kind: "Timeout", cause: null })),
      "sys.timeout"
    ],
    [
      "an RPC client's malformed answer",
      rpcError(new RpcClientError.RpcClientDefect({ message: "x", cause: null })),
      "sys.data_error"
    ],
    [
      "a socket error",
      new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: null }) }),
      "sys.network_error"
    ],
    [
      "a worker error",
      new WorkerError.WorkerError({ reason: new WorkerError.WorkerSpawnError({ message: "x" }) }),
      "sys.io_error"
    ],
    ["ECONNREFUSED", nodeError("ECONNREFUSED"), "sys.network_error"],
    ["ETIMEDOUT", nodeError("ETIMEDOUT"), "sys.timeout"],
    ["ENOSPC", nodeError("ENOSPC"), "sys.resource_exhausted"],
    ["ENOENT", nodeError("ENOENT"), "sys.io_error"],
    ["a code named like a property of every object", nodeError("toString"), "logic.unclassified"],
    ["an aborted fetch", new DOMException("x", "AbortError"), "sys.cancelled"],
    [
      "an error that wraps a known one",
      new TypeError("fetch failed", { cause: nodeError("ECONNREFUSED") }),
      "sys.network_error"
    ],
    ["a list of errors, by its first", new AggregateError([nodeError("ETIMEDOUT"), new Error("x")]), "sys.timeout"],
    ["an error that wraps a failure", new Error("x", { cause: new Reasons.Conflict() }), "biz.conflict"],
    [
      "an error of another realm",
      runInNewContext(`Object.assign(new Error("x"), { code: "EPIPE" })`),
      "sys.network_error"
    ],
    [
      "a SQL error that may be retried",
      new SqlError.SqlError({ reason: new SqlError.DeadlockError({ cause: null }) }),
      "sys.network_error"
    ],
    [
      "a SQL error that may not",
      new SqlError.SqlError({ reason: new SqlError.SqlSyntaxError({ cause: null }) }),
      "sys.external_service_error"
    ],
    ["a thrown string", "boom", "logic.unclassified"],
    ["undefined", undefined, "logic.unclassified"],
    ["a symbol", Symbol("s"), "logic.unclassified"],
    ["a null-prototype object", Object.create(null), "logic.unclassified"],
    ["a revoked proxy", revoked(), "logic.unclassified"],
    ["an object whose getters throw", hostile, "logic.unclassified"]
  ]
  it.each(table)("%s", (_name, error, code) => {
    const identity = Identity.of(error)
    assert.strictEqual(identity.code, code)
    assert.strictEqual(identity.category, code.split(".")[0])
    assert.isString(identity.reason)
  })

  it("does not read messages", () => {
    assert.strictEqual(Identity.of(new Error("connect ECONNREFUSED timeout 404")).code, "logic.unclassified")
  })

  it("asks the application's own table about foreign errors only, and survives its mistakes", () => {
    class Quota extends Error {}
    const own: Classifier.Classify = (error) => (error instanceof Quota ? Reasons.RateLimited.declared : undefined)
    assert.strictEqual(Identity.of(new Quota(), own).code, "biz.rate_limited")
    assert.strictEqual(Identity.of(new Reasons.NotFound(), () => Reasons.RateLimited.declared).code, "biz.not_found")
    const broken = () => {
      throw new Error("broken table")
    }
    assert.strictEqual(Identity.of(nodeError("ENOENT"), broken).code, "sys.io_error")
  })
})

describe("the fifteen universal reasons", () => {
  const config = ["check configuration values", "validate config source"]
  const table: ReadonlyArray<
    readonly [{ readonly declared: Failure.Declared }, string, string, ReadonlyArray<string>]
  > = [
    [Reasons.ValidationError, "biz.validation_error", "validation error", []],
    [Reasons.BusinessError, "biz.business_error", "business logic error", []],
    [Reasons.NotFound, "biz.not_found", "not found error", []],
    [Reasons.PermissionDenied, "biz.permission_denied", "permission error", []],
    [Reasons.LogicError, "logic.internal_invariant_broken", "BUG :logic error", []],
    [Reasons.RuleError, "biz.run_rule_error", "run rule error", []],
    [Reasons.DataError, "sys.data_error", "data error", []],
    [Reasons.SystemError, "sys.io_error", "system error", ["check filesystem state", "verify file permissions"]],
    [Reasons.NetworkError, "sys.network_error", "network error", ["check network connectivity", "retry the request"]],
    [Reasons.ResourceExhausted, "sys.resource_exhausted", "resource error", []],
    [Reasons.Timeout, "sys.timeout", "timeout error", ["retry later", "inspect downstream service latency"]],
    [Reasons.CoreConfigInvalid, "conf.core_invalid", "configuration error << core config", config],
    [Reasons.FeatureConfigInvalid, "conf.feature_invalid", "configuration error << feature config error", config],
    [Reasons.DynamicConfigInvalid, "conf.dynamic_invalid", "configuration error << dynamic config error", config],
    [Reasons.ExternalServiceError, "sys.external_service_error", "external service error", []]
  ]
  it.each(table)("%#: say what the contract says", ({ declared }, code, reason, hints) => {
    assert.deepInclude(declared as object, { code, reason, category: code.split(".")[0] })
    assert.deepStrictEqual(declared.hints, { client: [], partner: [], operator: hints, developer: [] })
  })
})

describe("Classifier.toFailure", () => {
  it("leaves a failure alone, and makes one of everything else, with the error as its cause", () => {
    const failure = new Reasons.NotFound()
    assert.strictEqual(Classifier.toFailure(failure), failure)
    for (const [error, tag] of [
      [nodeError("ETIMEDOUT"), "Timeout"],
      ["boom", "Unclassified"],
      [null, "Unclassified"],
      [revoked(), "Unclassified"]
    ] as const) {
      const made = Classifier.toFailure(error)
      assert.strictEqual(made._tag, tag)
      assert.strictEqual(made.cause, error)
    }
    assert.strictEqual(Classifier.toFailure("x", () => Reasons.RateLimited.declared)._tag, "RateLimited")
    assert.strictEqual(Classifier.toFailure("x", () => Reasons.CircuitOpen.declared)._tag, "Unclassified")
  })
})

describe("Identity.fromCause", () => {
  const fail = Cause.fail(new Reasons.NotFound())
  const die = Cause.die(new Error("bug"))
  const interrupt = Cause.interrupt()
  const table: ReadonlyArray<readonly [string, Cause.Cause<unknown>, string]> = [
    ["a typed failure before a defect", Cause.combine(die, fail), "biz.not_found"],
    ["a typed failure before an interruption", Cause.combine(interrupt, fail), "biz.not_found"],
    ["a defect before an interruption", Cause.combine(interrupt, die), "logic.internal_invariant_broken"],
    [
      "a declared failure raised as a defect keeps its code",
      Cause.die(new Reasons.NetworkError()),
      "sys.network_error"
    ],
    ["an interruption alone", interrupt, "sys.cancelled"],
    ["nothing at all", Cause.empty, "logic.internal_invariant_broken"]
  ]
  it.each(table)("%s", (_name, cause, code) => {
    assert.strictEqual(Identity.fromCause(cause).code, code)
  })
})

it("Failure.isFailure tells failures from everything else", () => {
  assert.isTrue(Failure.isFailure(new Reasons.NotFound()))
  assert.isFalse(Failure.isFailure(new Error("x")))
  assert.isFalse(Failure.isFailure(null))
})
