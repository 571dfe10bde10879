import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure } from "@holdfast/core"
import { OtlpConfig, OtlpExporter } from "@holdfast/otlp"
import { Context, Duration, Effect, Layer, Option, type Scope, Tracer } from "effect"
import { FetchHttpClient } from "effect/http"
import { gzipSync } from "node:zlib"
import packageJson from "../../package.json" with { type: "json" }
import { version } from "../../src/version.ts"
import { receiver } from "./receiver.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const batch: OtlpExporter.Batch = { body: bytes('{"resourceSpans":[]}'), contentType: "application/json", items: 10 }
const codeOf = (error: unknown) => Classifier.classify(error).code
const leafOf = (error: Failure.Any): object => Failure.leafOf(error)

const exporterFor = Effect.fnUntraced(function* (
  endpoint: string,
  file: object = {},
  options: OtlpExporter.Options = {}
) {
  const config = yield* OtlpConfig.decode({ endpoint, ...file })
  return yield* OtlpExporter.make(config, options)
})

const clients = [
  ["fetch", FetchHttpClient.layer],
  ["node:http", NodeHttpClient.layerNodeHttp],
  ["undici", NodeHttpClient.layerUndici]
] as const

it("tells the version of its package", () => assert.strictEqual(version, packageJson.version))

for (const [name, client] of clients) {
  describe(`an export over ${name}`, () => {
    const live = (title: string, body: Effect.Effect<void, unknown, Layer.Success<typeof client> | Scope.Scope>) =>
      it.live(title, () => Effect.provide(body, client))

    live(
      "is one POST with the body as it is, our content type and User-Agent, the configured headers and no trace context",
      Effect.gen(function* () {
        const server = yield* receiver((_, response) => response.end())
        const exporter = yield* exporterFor(
          `${server.url}/base`,
          { headers: { authorization: "Bearer hunter2", "X-Tenant": "a" } },
          { userAgent: "my-app/1.2" }
        )
        const spans: Array<string> = []
        const tracer = Tracer.make({
          span: (options) => {
            spans.push(options.name)
            return new Tracer.NativeSpan(options)
          }
        })
        const result = yield* exporter
          .export(batch)
          .pipe(Effect.withSpan("outer"), Effect.provideService(Tracer.Tracer, tracer))
        assert.deepStrictEqual(result, { accepted: 10, rejected: 0, message: "", understood: true })
        assert.strictEqual(server.seen.length, 1)
        const { body, headers, method, url } = server.seen[0]!
        assert.strictEqual(`${method} ${url}`, "POST /base/v1/traces")
        assert.deepStrictEqual(new Uint8Array(body), batch.body)
        assert.strictEqual(headers["content-type"], "application/json")
        assert.strictEqual(headers["content-length"], `${batch.body.length}`)
        assert.strictEqual(headers["user-agent"], `my-app/1.2 OTel-OTLP-Exporter-JavaScript/${version}`)
        assert.strictEqual(headers["authorization"], "Bearer hunter2")
        assert.strictEqual(headers["x-tenant"], "a")
        for (const none of ["traceparent", "b3", "content-encoding"]) assert.notProperty(headers, none)
        assert.deepStrictEqual(spans, ["outer"])
      })
    )

    live(
      "goes to the path of its signal, with its own content type and encoding",
      Effect.gen(function* () {
        const server = yield* receiver((_, response) => response.end())
        const exporter = yield* exporterFor(server.url)
        yield* exporter.export({
          body: gzipSync(batch.body),
          contentType: "application/x-protobuf",
          contentEncoding: "gzip",
          items: 1,
          signal: "logs"
        })
        const { headers, url } = server.seen[0]!
        assert.strictEqual(url, "/v1/logs")
        assert.strictEqual(headers["content-type"], "application/x-protobuf")
        assert.strictEqual(headers["content-encoding"], "gzip")
      })
    )

    live(
      "never follows a redirect",
      Effect.gen(function* () {
        for (const status of [301, 302, 303, 307, 308]) {
          const server = yield* receiver((request, response) => {
            if (request.url === "/elsewhere") response.end()
            else response.writeHead(status, { location: "/elsewhere" }).end()
          })
          const exporter = yield* exporterFor(server.url)
          const error = yield* Effect.flip(exporter.export(batch))
          assert.strictEqual(codeOf(error), "sys.http_rejected")
          assert.deepInclude(leafOf(error), { status, endpoint: `${server.url}/v1/traces` })
          assert.strictEqual(server.seen.length, 1)
        }
      })
    )

    live(
      "is one request whatever the status, with the receiver's Retry-After believed up to the cap",
      Effect.gen(function* () {
        let status = 0
        const server = yield* receiver((_, response) =>
          response.writeHead(status, { "retry-after": "2000" }).end("no room, hunter2")
        )
        const exporter = yield* exporterFor(server.url)
        const codes: Record<number, string> = {
          400: "sys.http_rejected",
          401: "sys.http_rejected",
          404: "conf.not_an_otlp_receiver",
          405: "conf.not_an_otlp_receiver",
          408: "sys.http_rejected",
          413: "sys.request_too_large",
          415: "sys.unsupported_encoding",
          429: "sys.http_unavailable",
          500: "sys.http_rejected",
          502: "sys.http_unavailable",
          503: "sys.http_unavailable",
          504: "sys.http_unavailable"
        }
        for (const [each, code] of Object.entries(codes)) {
          status = Number(each)
          server.seen.length = 0
          const error = yield* Effect.flip(exporter.export(batch))
          assert.strictEqual(codeOf(error), code, each)
          assert.strictEqual(server.seen.length, 1, each)
          assert.deepStrictEqual(
            Classifier.retryAfterOf(error),
            code === "sys.http_unavailable" ? Duration.minutes(10) : undefined
          )
          assert.notInclude(error.message, "hunter2")
        }
      })
    )

    live(
      "to a port where nobody listens is a refused connection, and shows no header",
      Effect.gen(function* () {
        const server = yield* receiver((_, response) => response.end())
        yield* Effect.promise(server.close)
        const exporter = yield* exporterFor(server.url, { headers: { "x-key": "hunter2" } })
        const error = yield* Effect.flip(exporter.export(batch))
        assert.strictEqual(codeOf(error), "sys.connection_refused")
        assert.propertyVal(error.cause, "code", "ECONNREFUSED")
        const { inspect } = yield* Effect.promise(() => import("node:util"))
        assert.notInclude(inspect(error, { depth: 9 }), "hunter2")
      })
    )

    live(
      "that is cut off without an answer is a lost connection",
      Effect.gen(function* () {
        const server = yield* receiver((_, __, raw) => raw.socket.destroy())
        const error = yield* Effect.flip((yield* exporterFor(server.url)).export(batch))
        assert.strictEqual(codeOf(error), "sys.connection_lost")
      })
    )

    live(
      "that hangs ends when its time is up, and takes its connection with it",
      Effect.gen(function* () {
        let closed: (value: unknown) => void
        const gone = new Promise((resolve) => (closed = resolve))
        const server = yield* receiver((_, __, raw) => raw.socket.on("close", closed))
        const exporter = yield* exporterFor(server.url, { timeout: "80 millis" })
        const error = yield* Effect.flip(exporter.export(batch))
        assert.deepInclude(leafOf(error), { _tag: "ConnectionTimeout", after: Duration.millis(80) })
        yield* Effect.promise(() => gone)
      })
    )

    live(
      "whose answer stops in the middle of the body ends when its time is up",
      Effect.gen(function* () {
        const server = yield* receiver((_, response) => {
          response.writeHead(200, { "content-type": "application/json" })
          response.write("{")
        })
        const exporter = yield* exporterFor(server.url, { timeout: "80 millis" })
        assert.strictEqual(codeOf(yield* Effect.flip(exporter.export(batch))), "sys.connection_timeout")
      })
    )

    live(
      "reads a partial success in JSON, with the count as a number or a string",
      Effect.gen(function* () {
        for (const [partialSuccess, expected] of [
          [
            { rejectedSpans: "3", errorMessage: "too\nold" },
            { accepted: 7, rejected: 3, message: "too old" }
          ],
          [{ rejectedDataPoints: 3 }, { accepted: 7, rejected: 3, message: "" }],
          [{ rejectedLogRecords: 99 }, { accepted: 0, rejected: 10, message: "" }],
          [{ errorMessage: "careful" }, { accepted: 10, rejected: 0, message: "careful" }],
          [{}, { accepted: 10, rejected: 0, message: "" }]
        ] as const) {
          const server = yield* receiver((_, response) =>
            response
              .writeHead(200, { "content-type": "application/json; charset=utf-8" })
              .end(JSON.stringify({ partialSuccess }))
          )
          const result = yield* (yield* exporterFor(server.url)).export(batch)
          assert.deepStrictEqual(result, { ...expected, understood: true })
        }
      })
    )

    live(
      "reads a partial success in protobuf",
      Effect.gen(function* () {
        const partial = [0x08, 0x83, 0x00, 0x12, 0x07, ...bytes("too old")]
        const server = yield* receiver((_, response) =>
          response
            .writeHead(200, { "content-type": "application/x-protobuf" })
            .end(Buffer.from([0x0a, partial.length, ...partial]))
        )
        const result = yield* (yield* exporterFor(server.url)).export({
          ...batch,
          contentType: "application/x-protobuf"
        })
        assert.deepStrictEqual(result, { accepted: 7, rejected: 3, message: "too old", understood: true })
      })
    )

    live(
      "that succeeds with an answer nobody understands is delivered, and says so",
      Effect.gen(function* () {
        for (const [type, body] of [
          ["application/json", "OK"],
          ["application/json", "[]"],
          ["application/json", '{"partialSuccess":{"rejectedSpans":"-3"}}'],
          ["application/x-protobuf", "\u000f"],
          ["text/plain", "OK"]
        ] as const) {
          const server = yield* receiver((_, response) => response.writeHead(200, { "content-type": type }).end(body))
          const result = yield* (yield* exporterFor(server.url)).export(batch)
          assert.deepStrictEqual(
            result,
            { accepted: 10, rejected: 0, message: "", understood: false },
            `${type} ${body}`
          )
        }
      })
    )

    live(
      "to a web page is to no OTLP receiver",
      Effect.gen(function* () {
        const server = yield* receiver((_, response) =>
          response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>Please log in</html>")
        )
        const error = yield* Effect.flip((yield* exporterFor(server.url)).export(batch))
        assert.strictEqual(codeOf(error), "conf.not_an_otlp_receiver")
        assert.strictEqual(
          error.message,
          `not an OTLP receiver: ${server.url}/v1/traces answered 200 as no OTLP receiver does`
        )
      })
    )

    live(
      "stops reading an answer that is too large, and does not ask for it again",
      Effect.gen(function* () {
        for (const announced of [true, false]) {
          let written = 0
          const server = yield* receiver((_, response, raw) => {
            response.writeHead(200, announced ? { "content-length": 64 * 1024 * 1024 } : {})
            const more = (): void => {
              while (!raw.socket.destroyed && written < 64 * 1024 * 1024) {
                written += 65_536
                if (!response.write(Buffer.alloc(65_536, 32))) return void response.once("drain", more)
              }
            }
            more()
          })
          const exporter = yield* exporterFor(server.url, {}, { maxResponseBytes: 100_000 })
          const error = yield* Effect.flip(exporter.export(batch))
          assert.deepInclude(leafOf(error), { _tag: "ResponseTooLarge", limit: 100_000 })
          assert.strictEqual(Classifier.classify(error).retry, "never")
          assert.isBelow(written, 32 * 1024 * 1024)
          written = 64 * 1024 * 1024
        }
      })
    )
  })
}

describe("an export", () => {
  it.live("that is too large, or empty, is not sent", () =>
    Effect.gen(function* () {
      const server = yield* receiver((_, response) => response.end())
      const exporter = yield* exporterFor(server.url, { batch: { max_request_bytes: 1024 } })
      const error = yield* Effect.flip(exporter.export({ ...batch, body: new Uint8Array(1025) }))
      assert.deepInclude(leafOf(error), { _tag: "RequestTooLarge", size: 1025, limit: 1024 })
      assert.deepInclude(yield* exporter.export({ ...batch, items: 0 }), { accepted: 0, rejected: 0 })
      assert.deepStrictEqual(server.seen, [])
    }).pipe(Effect.provide(NodeHttpClient.layerNodeHttp))
  )

  const keepAlive = NodeHttpClient.layerNodeHttpNoAgent.pipe(
    Layer.provide(NodeHttpClient.layerAgentOptions({ keepAlive: true }))
  )
  for (const [name, client] of [
    ["fetch", FetchHttpClient.layer],
    ["node:http with keepAlive", keepAlive],
    ["undici", NodeHttpClient.layerUndici]
  ] as const) {
    it.live(`uses its connections again over ${name}, after a success and after a refusal`, () =>
      Effect.gen(function* () {
        const ports = new Set<number | undefined>()
        let status = 200
        const server = yield* receiver((_, response, raw) => {
          ports.add(raw.socket.remotePort)
          response.writeHead(status).end("words".repeat(3000))
        })
        const exporter = yield* exporterFor(server.url)
        for (let at = 0; at < 30; at++) {
          status = [200, 503, 400][at % 3]!
          yield* Effect.ignore(exporter.export(batch))
        }
        // A pool may open a few more while the first is still on its way back.
        assert.isAtMost(ports.size, 5)
      }).pipe(Effect.provide(client))
    )
  }

  it.live("stops at the limit while it unpacks an answer", () =>
    Effect.gen(function* () {
      const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 32))
      const server = yield* receiver((_, response) =>
        response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/json" }).end(bomb)
      )
      const error = yield* Effect.flip((yield* exporterFor(server.url)).export(batch))
      assert.deepInclude(leafOf(error), { _tag: "ResponseTooLarge", limit: 4 * 1024 * 1024 })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("can be replaced: the exporter is a service", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Layer.succeed(OtlpExporter.OtlpExporter, {
          export: ({ items }) => Effect.succeed({ accepted: items, rejected: 0, message: "", understood: true })
        })
      )
      const exporter = Context.getOption(context, OtlpExporter.OtlpExporter)
      assert.deepInclude(yield* Option.getOrThrow(exporter).export(batch), { accepted: 10 })
    })
  )
})
