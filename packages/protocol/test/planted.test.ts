import { NodeHttpServer } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Failure, Operation, Reasons } from "@holdfast/core"
import { ExposurePolicy, LogEdge } from "@holdfast/protocol"
import { CliEdge } from "@holdfast/protocol/cli"
import { HttpEdge } from "@holdfast/protocol/http"
import { ApiEdge } from "@holdfast/protocol/http-api"
import { RpcEdge } from "@holdfast/protocol/rpc"
import { Cause, Effect, ErrorReporter, Layer, Logger, Redacted, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest, HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Rpc, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { TestConsole } from "effect/testing"

/** Nobody at all may read this. */
const secret = "Zq7hunter2Zq7"
/** A client or a partner may not read this. */
const inner = "marker-inside"

class LoginRefused extends Failure.Tagged<LoginRefused>()(
  "PlantedLoginRefused",
  { user: Schema.String, password: Failure.sensitive(Schema.String), card: Schema.Redacted(Schema.String) },
  {
    code: "biz.planted.login_refused",
    detail: ({ user }) => `${user} is refused`,
    hints: { client: ["log in again"], operator: [`${inner}: look at the ledger`] }
  }
) {}

class LedgerGone extends Failure.Tagged<LedgerGone>()(
  "PlantedLedgerGone",
  {},
  { code: "sys.planted.ledger_gone", detail: `${inner}: /dev/sda1` }
) {}

const login = (props: object = {}) =>
  new LoginRefused({ user: "ada", password: secret, card: Redacted.make(secret), ...props })

const busy = <E>(error: E): Effect.Effect<never, E> =>
  Effect.fail(error).pipe(
    Operation.doing(inner, {
      at: inner,
      fields: { [inner]: inner, apiKey: secret },
      metadata: { note: inner, token: secret }
    })
  )

const plants: Readonly<Record<string, () => Effect.Effect<never, unknown>>> = {
  "sensitive fields": () => Effect.fail(login()),
  "sensitive fields repeated by detail and cause": () =>
    Effect.fail(login({ detail: `no ${secret}`, cause: new Error(`${inner} ${secret}`), position: inner })),
  "operations around a public failure": () => busy(new Reasons.NotFound({ detail: "order 7" })),
  "operations around an internal failure": () => busy(new LedgerGone()),
  "operations around a secret": () => busy(login({ cause: new LedgerGone() })),
  "a bearer token in a cause": () =>
    Effect.fail(new Reasons.NotFound({ cause: new Error(`${inner} Authorization: Bearer ${secret}`) })),
  "an error that nobody declared": () =>
    Effect.fail(Object.assign(new Error(`${inner} Bearer ${secret}`), { code: inner })),
  "a text": () => Effect.fail(`${inner} Bearer ${secret}`),
  "a defect": () => Effect.die(new Error(`${inner} https://ada:${secret}@host/`)),
  "a declared failure as a defect": () => Effect.die(new LedgerGone({ cause: new Error(`Bearer ${secret}`) })),
  "an interruption": () => Effect.failCause(Cause.interrupt(7)),
  "a parallel failure": () =>
    Effect.failCause(
      Cause.fromReasons<unknown>([
        Cause.makeFailReason(new Reasons.NotFound()),
        Cause.makeFailReason(login({ cause: inner }))
      ])
    )
}

let planted: Effect.Effect<never, unknown> = Effect.never

/** Every answer says at least which failure it was. */
const told = /"code":"|"_tag":"(?:Planted\w+|NotFound)"|Code: /

const now = Effect.suspend(() => planted)

const roleOf = (headers: Readonly<Record<string, string | undefined>>) =>
  headers["role"] === "partner" || headers["role"] === "operator" ? headers["role"] : "client"

class Shop extends RpcGroup.make(
  Rpc.make("call", { success: Schema.String }),
  Rpc.make("declared", { success: Schema.String, error: Schema.Union([LoginRefused, LedgerGone, Reasons.NotFound]) }),
  Rpc.make("watch", { success: Schema.Int, stream: true })
).middleware(RpcEdge.Failures) {}

const handlers = Shop.toLayer({
  call: () => now as Effect.Effect<never>,
  declared: () => now as Effect.Effect<never, never>,
  watch: () => Stream.concat(Stream.make(1), Stream.fromEffect(now)) as Stream.Stream<number>
})

const Api = HttpApi.make("Planted").add(
  HttpApiGroup.make("shop").add(
    HttpApiEndpoint.get("call", "/api", {
      success: Schema.String,
      error: [ApiEdge.problem(LoginRefused), ApiEdge.problem(LedgerGone), ApiEdge.problem(Reasons.NotFound)]
    })
  )
)

const api = HttpApiBuilder.layer(Api).pipe(
  Layer.provide(
    HttpApiBuilder.group(Api, "shop", (group) =>
      Effect.succeed(group.handleAll({ call: () => now as Effect.Effect<never> }))
    )
  )
)

const rpc = RpcServer.layerHttp({ group: Shop, path: "/rpc", protocol: "http" }).pipe(
  Layer.provide(Layer.mergeAll(handlers, RpcEdge.layer({ audience: roleOf, carry: "public" }))),
  Layer.provide(RpcSerialization.layerNdjson)
)

const lines: Array<string> = []
const reported: Array<string> = []

const served = (policy: ExposurePolicy.Policy) =>
  HttpRouter.serve(
    Layer.mergeAll(
      HttpEdge.layer({ audience: ({ headers }) => roleOf(headers), carry: "public" }),
      HttpRouter.add("GET", "/http", now as Effect.Effect<never>),
      api,
      rpc
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(ErrorReporter.layer([ErrorReporter.make(({ error }) => void reported.push(error.message))])),
    Layer.provideMerge(LogEdge.reporting),
    Layer.provideMerge(Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])),
    Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, policy))
  )

const http = (path: string, accept: string) => (role: string) =>
  Effect.gen(function* () {
    const response = yield* HttpClient.execute(HttpClientRequest.get(path, { headers: { accept, role } }))
    return `${response.status} ${JSON.stringify(response.headers)} ${yield* response.text}`
  })

/** What comes over the wire, byte for byte: no client of ours reads it first. */
const overRpc = (tag: string) => (role: string) =>
  Effect.gen(function* () {
    const message = {
      _tag: "Request",
      id: "1",
      tag,
      payload: null,
      headers: [["role", role]],
      traceId: "0",
      spanId: "0",
      sampled: true
    }
    const response = yield* HttpClient.execute(
      HttpClientRequest.post("/rpc").pipe(
        HttpClientRequest.bodyText(`${JSON.stringify(message)}\n`, "application/ndjson")
      )
    )
    const text = yield* response.text
    assert.include(text, "Exit", tag)
    return text
  })

const onTerminal = (verbose: boolean) => (role: string) =>
  Effect.gen(function* () {
    const before = (yield* TestConsole.errorLines).length
    const audience = roleOf({ role })
    yield* Effect.exit(CliEdge.main(now, { audience, verbose }))
    return (yield* TestConsole.errorLines).slice(before).join("\n")
  }) as Effect.Effect<string>

const edges = {
  "HTTP, JSON": http("/http", "application/json"),
  "HTTP, problem": http("/http", "application/problem+json"),
  HttpApi: http("/api", "application/problem+json"),
  "RPC, undeclared": overRpc("call"),
  "RPC, declared": overRpc("declared"),
  "RPC, stream": overRpc("watch"),
  CLI: onTerminal(false),
  "CLI, verbose": onTerminal(true)
}

for (const [policyName, policy] of Object.entries({
  contract: ExposurePolicy.contract,
  standard: ExposurePolicy.standard
})) {
  layer(served(policy))(`What leaves under ${policyName}`, (it) => {
    for (const [edge, leave] of Object.entries(edges)) {
      it.effect(`through ${edge} has no secret in it, and nothing internal for those outside`, () =>
        Effect.gen(function* () {
          for (const [plant, make] of Object.entries(plants)) {
            planted = make()
            lines.length = 0
            for (const role of ["client", "partner", "operator"]) {
              const text = yield* leave(role)
              const what = `${plant}, to a ${role}`
              assert.match(text, told, what)
              assert.notInclude(text, secret, what)
              assert.notInclude(text, secret.slice(0, 10), what)
              // Where a bug is stands at a terminal only, for those at home who have asked for everything.
              if (edge !== "CLI, verbose" || role !== "operator") assert.notMatch(text, /at .*\.ts:\d/, what)
              if (role !== "operator") assert.notInclude(text, inner, what)
              // What is kept from others is there for those who may read it.
              else if (plant === "a defect") assert.include(text, inner, what)
            }
            assert.notInclude(lines.join("\n"), secret, `${plant}, in the log`)
          }
        })
      )
    }
  })
}

const boom = (): never => {
  throw new Error("trap")
}

const trap = (): object => new Proxy({}, { get: boom, has: boom, getPrototypeOf: boom, ownKeys: boom })

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const cyclic = (): Error => {
  const error = new Error("a")
  error.cause = new AggregateError([error], "b", { cause: error })
  return error
}

const deep = (): unknown => {
  let error: unknown = new Error("the root")
  for (let index = 0; index < 10_000; index++)
    error = new Reasons.SystemError({ detail: `link ${index}`, cause: error })
  return error
}

const hostile: Readonly<Record<string, () => Effect.Effect<never, unknown>>> = {
  "a megabyte of detail": () => Effect.fail(new Reasons.NotFound({ detail: "x\n\u001b[31m".repeat(120_000) })),
  "a field that breaks lines": () =>
    Effect.fail(login({ user: "ada\r\nset-cookie: a=b\u2028\u0000", cause: new Error("x\ny") })),
  "a chain of 10 000": () => Effect.fail(deep()),
  "a cycle": () => Effect.die(cyclic()),
  "a trap": () => Effect.fail(trap()),
  "a trap that died": () => Effect.die(trap()),
  "a trap underneath": () => Effect.fail(new Reasons.NotFound({ cause: trap() })),
  "a revoked proxy": () => Effect.die(revoked()),
  "polluting keys": () => Effect.fail(JSON.parse(`{"__proto__": {"polluted": true}, "_tag": "ShowHelp", "errors": 7}`)),
  "a lone surrogate": () => Effect.fail(new Reasons.NotFound({ detail: "\ud800" })),
  nothing: () => Effect.failCause(Cause.empty)
}

// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0009\u000b-\u001f]/

// oxlint-disable-next-line no-control-regex
const risky = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/

/** Where Effect writes the JSON, which leaves what is no control character to JSON as it is. */
const byOthers = new Set(["HttpApi", "RPC, undeclared", "RPC, declared", "RPC, stream"])

layer(served(ExposurePolicy.standard))("Hostile failures", (it) => {
  for (const [edge, leave] of Object.entries(edges)) {
    it.effect(`leave through ${edge} as something short that obeys nobody`, () =>
      Effect.gen(function* () {
        for (const [plant, make] of Object.entries(hostile)) {
          planted = make()
          lines.length = 0
          for (const role of ["client", "operator"]) {
            const text = yield* leave(role)
            const what = `${plant}, to a ${role}`
            assert.match(text, told, what)
            assert.isBelow(text.length, 200_000, what)
            assert.isTrue(text.isWellFormed(), what)
            assert.notMatch(text, byOthers.has(edge) ? control : risky, what)
            assert.notInclude(text.toLowerCase(), '"set-cookie"', what)
          }
          for (const line of lines) assert.doesNotThrow(() => JSON.parse(line) as unknown, what(plant))
          assert.isUndefined(({} as { readonly polluted?: unknown }).polluted)
        }
      })
    )
  }
})

const what = (plant: string): string => `${plant}, in the log`

const broken: ExposurePolicy.Policy = () => {
  throw new Error("marker-policy")
}

layer(served(broken))("A policy that throws", (it) => {
  for (const [edge, leave] of Object.entries(edges)) {
    it.effect(`is a closed failure and a reported defect at ${edge}`, () =>
      Effect.gen(function* () {
        planted = Effect.fail(new Reasons.NotFound({ detail: inner }))
        reported.length = 0
        const text = yield* leave("client").pipe(
          Effect.provideService(ExposurePolicy.ExposurePolicy, broken),
          Effect.provide(ErrorReporter.layer([ErrorReporter.make(({ error }) => void reported.push(error.message))]))
        )
        assert.notInclude(text, "marker", edge)
        assert.include(reported, "marker-policy", edge)
      })
    )
  }
})
