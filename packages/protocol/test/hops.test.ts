import { assert, describe, it } from "@effect/vitest"
import { Failure } from "@holdfast/core"
import { ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Duration, Effect } from "effect"

const secret = "s3cr3tTokenValue9"
const chatty = `db postgres://root:${secret}@10.0.0.1/x refused; Authorization: Bearer ${secret}`

class Hinted extends Failure.Tagged<Hinted>()(
  "HopsHinted",
  {},
  {
    code: "sys.hops.hinted",
    hints: { client: ["CLIENT"], partner: ["PARTNER"], operator: ["OPERATOR"], developer: ["DEVELOPER"] }
  }
) {}

const standard = { policy: ExposurePolicy.standard }

const exits: Readonly<Record<string, (error: unknown, options: Projection.Options) => string>> = {
  http: (error, options) => Projection.stringify(Projection.toHttp(error, options)),
  rpc: (error, options) => Projection.stringify(Projection.toRpc(error, options)),
  problem: (error, options) => Projection.stringify(Projection.toProblem(error, options)),
  "json-rpc": (error, options) => Projection.stringify(Projection.toJsonRpc(error, options)),
  graphql: (error, options) => Projection.stringify(Projection.toGraphQl(error, options)),
  message: (error, options) => Projection.stringify(Projection.toMessageHeaders(error, options)),
  grpc: (error, options) => decodeURIComponent(JSON.stringify(Projection.toGrpc(error, options).trailers))
}

const inside: Readonly<Record<string, (error: unknown) => string>> = {
  log: (error) => Projection.stringify(Projection.toLog(error, standard)),
  cli: (error) => Projection.stringify(Projection.toCli(error, standard)),
  debug: (error) => Projection.renderUserDebug(error, standard)
}

const strangers: ReadonlyArray<readonly [string, Effect.Effect<RemoteFailure.RemoteFailure, unknown>]> = [
  ["JSON-RPC", RemoteFailure.decodeJsonRpc({ error: { code: -32_000, message: chatty } })],
  ["GraphQL", RemoteFailure.decodeGraphQl({ errors: [{ message: chatty }] })],
  ["headers of a message", RemoteFailure.decodeMessageHeaders({ "error-type": chatty })],
  ["a problem", RemoteFailure.decodeProblem({ title: chatty, status: 500, detail: chatty })],
  ["a problem with a code", RemoteFailure.decodeProblem({ code: "sys.theirs", title: "theirs", detail: chatty })],
  ["gRPC", RemoteFailure.decodeGrpc({ code: 13, message: chatty })]
]

describe("what a peer says in words of its own", () => {
  it.effect.each(strangers)("never reaches our callers: %s", ([, decoded]) =>
    Effect.gen(function* () {
      const failure = yield* decoded
      for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard, ExposurePolicy.bare]) {
        for (const [name, project] of Object.entries(exits)) {
          assert.notInclude(project(failure, { policy }), "postgres", name)
        }
      }
    })
  )

  it.effect.each(strangers)("reaches operators without its secrets: %s", ([, decoded]) =>
    Effect.gen(function* () {
      const failure = yield* decoded
      const outer = new Hinted({ cause: failure })
      for (const [name, render] of Object.entries(inside)) {
        assert.include(render(failure), "postgres", name)
        assert.notInclude(render(failure), secret, name)
        assert.notInclude(render(outer), secret, name)
      }
      assert.notInclude(failure.message, secret)
    })
  )

  it.effect("has no secret in hints, titles and decisions either", () =>
    Effect.gen(function* () {
      const body = Projection.toRpc(new Hinted({}), { ...standard, carry: "all" })
      const told = JSON.parse(JSON.stringify(body).replaceAll("CLIENT", chatty)) as unknown
      const failure = yield* RemoteFailure.decodeRpc(told)
      for (const [name, project] of Object.entries(exits)) assert.notInclude(project(failure, standard), secret, name)
    })
  )
})

describe("hints that were written for one audience", () => {
  const formats = [
    ["http", Projection.toHttp, RemoteFailure.decodeHttp],
    ["rpc", Projection.toRpc, RemoteFailure.decodeRpc],
    ["problem", Projection.toProblem, RemoteFailure.decodeProblem],
    ["json-rpc", Projection.toJsonRpc, RemoteFailure.decodeJsonRpc],
    ["graphql", Projection.toGraphQl, RemoteFailure.decodeGraphQl],
    ["message", Projection.toMessageHeaders, RemoteFailure.decodeMessageHeaders],
    [
      "grpc",
      (error: unknown, options: Projection.Options) => Projection.toGrpc(error, options).details,
      RemoteFailure.decodeGrpc
    ]
  ] as const

  it.effect.each(formats)("are for the same one a hop later: %s", ([, project, decode]) =>
    Effect.gen(function* () {
      for (const audience of ["partner", "operator", "developer"] as const) {
        for (const carry of [undefined, "public", "all"] as const) {
          const options = { ...standard, audience, ...(carry === undefined ? {} : { carry }) }
          const back = yield* decode(project(new Hinted({}), options))
          assert.notMatch(exits["http"]!(back, standard), /PARTNER|OPERATOR|DEVELOPER/, `${audience} ${carry}`)
          assert.include(exits["rpc"]!(back, { ...standard, audience }), audience.toUpperCase())
        }
      }
    })
  )
})

describe("a peer that lies", () => {
  it.effect("cannot make anybody wait for ever", () =>
    Effect.gen(function* () {
      const body = Projection.toProblem(new Hinted({}), standard)
      for (const [given, expected] of [
        [1e308, 2 ** 31],
        [-1, 0],
        [1500, 1500]
      ] as const) {
        const failure = yield* RemoteFailure.decodeProblem({ ...body, retryable: true, retry_after_ms: given })
        assert.strictEqual(failure.retryAfter && Duration.toMillis(failure.retryAfter), expected)
      }
    })
  )

  it.effect("is read with what is new about it as the narrowest there is", () =>
    Effect.gen(function* () {
      const body = Projection.toRpc(new Hinted({}), standard)
      const failure = yield* RemoteFailure.decodeRpc({
        ...body,
        visibility: "partner",
        audience: "auditor",
        status: -1
      })
      assert.deepInclude(failure, { visibility: "internal", audience: "developer", status: null })
    })
  )
})
