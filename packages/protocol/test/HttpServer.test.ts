import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { ExposurePolicy, LogEdge } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { ByteSize, Deferred, Effect, ErrorReporter, Layer, Logger, Stream, Tracer } from "effect"
import type { unhandled } from "effect/Types"
import {
  HttpClient,
  HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { connect } from "node:net"

/** One that exports: requests have no spans under the tracer that does not. */
const spans: Array<Tracer.NativeSpan> = []
const tracer = Tracer.make({
  span: (options) => {
    const span = new Tracer.NativeSpan(options)
    spans.push(span)
    return span
  }
})

interface Line {
  readonly level: string
  readonly message: string
  readonly occurrence_id?: string
  readonly annotations?: Readonly<Record<string, unknown>>
  readonly failure?: { readonly code: string; readonly detail: string }
}

const lines: Array<string> = []

const logged = (): ReadonlyArray<Line> => lines.map((line) => JSON.parse(line) as Line)

const started = Deferred.makeUnsafe<void>()
const stopped = Deferred.makeUnsafe<void>()

const broken: HttpServerResponse.HttpServerResponse = HttpServerResponse.stream(
  Stream.concat(Stream.make(new TextEncoder().encode("begun ")), Stream.die(new Error("marker: stream")))
)

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/missing", Effect.fail(new Reasons.NotFound({ detail: "order 7" }))),
  HttpRouter.add("GET", "/busy", Effect.fail(new Reasons.RateLimited())),
  HttpRouter.add("GET", "/ledger", Effect.die(new Error("marker: row 7"))),
  HttpRouter.add("GET", "/stream", Effect.succeed(broken)),
  HttpRouter.add("POST", "/echo", (request) => Effect.flatMap(request.json, (body) => HttpServerResponse.json(body))),
  HttpRouter.add(
    "GET",
    "/slow",
    Deferred.succeed(started, undefined).pipe(
      Effect.andThen(Effect.never),
      Effect.onInterrupt(() => Deferred.succeed(stopped, undefined))
    )
  )
)

const served = (options: HttpEdge.Options, more: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.empty) =>
  HttpRouter.serve(Layer.mergeAll(HttpEdge.layer(options), more, routes), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provideMerge(Layer.succeed(Tracer.Tracer, tracer)),
    Layer.provideMerge(LogEdge.reporting),
    Layer.provideMerge(Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])),
    Layer.provideMerge(Layer.succeed(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard))
  )

type Handler = Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled>

/** A middleware between the edge and the routes. */
const inside = (middleware: (handler: Handler) => Handler): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.middleware(middleware, { global: true })

const sent = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    const response = yield* HttpClient.execute(request)
    const text = yield* response.text
    return { status: response.status, headers: response.headers, text, json: look(text) }
  })

const look = (text: string): Record<string, unknown> =>
  text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {}

const get = (path: string, headers: Record<string, string> = {}) => sent(HttpClientRequest.get(path, { headers }))

const problem = { accept: "application/problem+json" }

const withServer = (
  sentence: string,
  program: Effect.Effect<void, unknown, HttpClient.HttpClient | HttpServer.HttpServer>,
  options: HttpEdge.Options = {},
  more?: Layer.Layer<never, never, HttpRouter.HttpRouter>
) =>
  it.effect(sentence, () =>
    Effect.suspend(() => {
      lines.length = 0
      return Effect.provide(program, served(options, more))
    })
  )

describe("A failure that is answered", () => {
  withServer(
    "can be found in the log by the name that the answer gives it, once",
    Effect.gen(function* () {
      for (const [path, level, code] of [
        ["/missing", "INFO", "biz.not_found"],
        ["/ledger", "ERROR", "logic.internal_invariant_broken"]
      ] as const) {
        lines.length = 0
        const { headers, json } = yield* get(path, { ...problem, "x-correlation-id": "req-7" })
        assert.match(String(json["instance"]), /^urn:occurrence:[0-9a-f]{32}$/)
        assert.match(String(json["trace_id"]), /^[0-9a-f]{32}$/)
        assert.strictEqual(headers["x-correlation-id"], "req-7")
        const [line, ...others] = logged()
        assert.deepStrictEqual(others, [])
        assert.strictEqual(`urn:occurrence:${line?.occurrence_id}`, json["instance"])
        assert.deepInclude(line, { level, annotations: { correlation_id: "req-7" } })
        assert.strictEqual(line?.failure?.code, code)
      }
      const [one, two] = [yield* get("/missing", problem), yield* get("/missing", problem)]
      assert.notStrictEqual(one.json["instance"], two.json["instance"])
    })
  )

  withServer(
    "is known by its code on the span of the request, which ends in an answer",
    Effect.gen(function* () {
      for (const [path, code, category] of [
        ["/missing", "biz.not_found", "biz"],
        ["/ledger", "logic.internal_invariant_broken", "logic"]
      ] as const) {
        spans.length = 0
        yield* get(path)
        const told = spans
          .filter(({ kind }) => kind === "server")
          .map(({ attributes }) => Object.fromEntries(attributes))
        assert.strictEqual(told.length, 1)
        assert.deepInclude(told[0], { "error.type": code, "error.category": category })
      }
    })
  )

  withServer(
    "says to each reader what that one may read",
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/ledger", { role: "operator" })).json["message"], "marker: row 7")
      for (const role of ["client", "partner", "throws"]) {
        assert.notInclude((yield* get("/ledger", { role })).text, "marker", role)
      }
    }),
    {
      audience: ({ headers }) => {
        switch (headers["role"]) {
          case "operator":
          case "partner":
            return headers["role"]
          case "throws":
            throw new Error("nobody")
          default:
            return "client"
        }
      }
    }
  )

  withServer(
    "has no body when it was asked for by HEAD, and the same head",
    Effect.gen(function* () {
      const [asked, whole] = [yield* sent(HttpClientRequest.head("/missing")), yield* get("/missing")]
      assert.deepStrictEqual([asked.status, asked.text], [404, ""])
      assert.strictEqual(asked.headers["content-type"], whole.headers["content-type"])
      assert.strictEqual(asked.headers["content-length"], whole.headers["content-length"])
    })
  )

  withServer(
    "is logged neither for a route that is not there nor as an error for a body that cannot be read",
    Effect.gen(function* () {
      const nowhere = yield* get("/nowhere")
      assert.strictEqual(nowhere.status, 404)
      assert.deepStrictEqual(lines, [])
      const bad = yield* sent(HttpClientRequest.post("/echo").pipe(HttpClientRequest.bodyText("{", "application/json")))
      assert.strictEqual(bad.status, 400)
      assert.deepInclude(bad.json, { code: "biz.validation_error", message: "the request cannot be read" })
      assert.deepStrictEqual(
        logged().map(({ level }) => level),
        ["INFO"]
      )
    })
  )

  withServer(
    "of a body that is too large is a 413",
    Effect.gen(function* () {
      const { json, status } = yield* sent(
        HttpClientRequest.post("/echo").pipe(HttpClientRequest.bodyText("[]".repeat(1000), "application/json"))
      )
      assert.strictEqual(status, 413)
      assert.strictEqual(json["code"], "biz.payload_too_large")
    }),
    {},
    inside((effect) => Effect.provideService(effect, HttpIncomingMessage.MaxBodySize, ByteSize.bytes(100)))
  )

  withServer(
    "of a middleware inside of the edge is answered like any other",
    Effect.gen(function* () {
      const { json, status, text } = yield* get("/missing")
      assert.strictEqual(status, 401)
      assert.strictEqual(json["code"], "biz.unauthenticated")
      assert.notInclude(text, "order 7")
    }),
    {},
    inside(() => Effect.fail(new Reasons.Unauthenticated()) as never)
  )
})

describe("An answer that is already on its way", () => {
  withServer(
    "breaks off when its stream fails, says nothing of why, and leaves a report",
    Effect.gen(function* () {
      const texts: Array<string> = []
      const decoder = new TextDecoder()
      const end = yield* HttpClient.get("/stream").pipe(
        HttpClientResponse.stream,
        Stream.runForEach((bytes) => Effect.sync(() => void texts.push(decoder.decode(bytes)))),
        Effect.exit
      )
      assert.strictEqual(end._tag, "Failure")
      assert.notInclude(texts.join(""), "marker")
      assert.deepStrictEqual(
        logged().map(({ failure, level }) => [level, failure?.detail]),
        [["ERROR", "marker: stream"]]
      )
    })
  )
})

describe("A request whose caller has left", () => {
  withServer(
    "stops, and is no error",
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const socket = connect(Number(new URL(HttpServer.formatAddress(address)).port), "127.0.0.1", () =>
        socket.write("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
      )
      yield* Deferred.await(started)
      socket.destroy()
      yield* Deferred.await(stopped)
      assert.deepStrictEqual(
        logged().filter(({ level }) => level === "ERROR"),
        []
      )
    })
  )
})

describe("Content negotiation", () => {
  const json = "application/json"
  const problemJson = "application/problem+json"
  const table = (prefer: "json" | "problem", cases: ReadonlyArray<readonly [accept: string, type: string]>) =>
    withServer(
      `goes by RFC 9110 when ${prefer} is preferred`,
      Effect.gen(function* () {
        for (const [accept, type] of cases) {
          const { headers } = yield* get("/missing", { accept })
          assert.include(headers["content-type"], type, accept)
          assert.strictEqual(headers["vary"], "accept, accept-language")
        }
      }),
      { prefer }
    )

  table("json", [
    ["*/*;q=0", json],
    ["", json],
    [";;q=,,", json],
    ["application/problem+json;q=high", json],
    ["application/problem+json;q=2, application/json;q=0.1", json],
    [`application/json;v="a,b;q=0";q=0.2, application/problem+json;q=0.3`, problemJson],
    ["APPLICATION/PROBLEM+JSON", problemJson],
    ["application/json;q=0, */*", problemJson],
    ["application/json;q=0", problemJson],
    ["application/problem+json;q=0", json],
    ["application/json;q=0, application/problem+json;q=0", json],
    ["application/*;q=0.1, application/problem+json;q=0.2", problemJson],
    ["application/json;q=0.001, application/problem+json;q=0.002", problemJson],
    [`"unclosed, application/problem+json`, problemJson],
    [",".repeat(1000) + problemJson, problemJson]
  ])

  table("problem", [
    ["application/problem+json;q=0, */*", json],
    ["application/problem+json;q=0", json],
    ["*/*", problemJson],
    ["text/html", problemJson],
    ["application/json", json]
  ])

  it.effect("reads headers that came twice as one list, and gives no name back that came twice", () =>
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const text = yield* Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            let got = ""
            const socket = connect(Number(new URL(HttpServer.formatAddress(address)).port), "127.0.0.1")
            socket.on("data", (data) => (got += data.toString())).on("close", () => resolve(got))
            socket.write(
              "GET /missing HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: application/json;q=0.1\r\n" +
                "accept: application/problem+json\r\nx-correlation-id: a\r\nx-correlation-id: b\r\n\r\n"
            )
          })
      )
      assert.match(text, /content-type: application\/problem\+json/i)
      assert.match(text, /x-correlation-id: [0-9a-f]{32}\r/i)
    }).pipe(Effect.provide(served({})))
  )

  withServer(
    "survives languages that are none",
    Effect.gen(function* () {
      for (const language of ["", ";;", "de;q=0, fr", "*", "de;q=nonsense", "x".repeat(5000), "-, x-", "__proto__"]) {
        const { headers, status } = yield* get("/missing", { "accept-language": language })
        assert.strictEqual(status, 404)
        assert.notProperty(headers, "content-language", language)
      }
      const { headers } = yield* get("/missing", { ...problem, "accept-language": "fr, DE-at;q=0.5" })
      assert.strictEqual(headers["content-language"], "de")
    }),
    { titles: { de: { "biz.not_found": "Nicht gefunden" } } }
  )
})

describe("A body that breaks off", () => {
  it.effect("has no response among its causes, whoever logs it", () =>
    Effect.gen(function* () {
      lines.length = 0
      const torn = Stream.concat(Stream.make(new TextEncoder().encode("begun ")), Stream.fail(new Reasons.Timeout()))
      const app = HttpRouter.serve(
        Layer.mergeAll(HttpRouter.add("GET", "/torn", HttpServerResponse.stream(torn)), HttpEdge.layer()),
        { disableListenLog: true }
      ).pipe(
        Layer.provideMerge(NodeHttpServer.layerTest),
        Layer.provideMerge(LogEdge.reporting),
        Layer.provideMerge(Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])),
        Layer.provideMerge(ExposurePolicy.layer(ExposurePolicy.standard))
      )
      yield* Effect.exit(Effect.flatMap(HttpClient.get("/torn"), ({ text }) => text)).pipe(Effect.provide(app))
      assert.isAbove(lines.length, 1)
      assert.notInclude(lines.join(), "HttpServerResponse")
    })
  )
})

describe("The language of an answer", () => {
  withServer(
    "is said where a text was translated, and not where the only text is a detail",
    Effect.gen(function* () {
      const german = { "accept-language": "de" }
      const detail = yield* get("/missing", german)
      assert.strictEqual(detail.json["message"], "order 7")
      assert.notProperty(detail.headers, "content-language")
      const title = yield* get("/ledger", german)
      assert.strictEqual(title.json["message"], "kaputt")
      assert.strictEqual(title.headers["content-language"], "de")
    }),
    { titles: { de: { "biz.not_found": "Nicht gefunden", "http.500": "kaputt" } } }
  )
})

describe("A title", () => {
  const german = { "accept-language": "de" }
  const titles = { de: { "biz.not_found": "{what} nicht gefunden" } }

  withServer(
    "that a translation lacks, or that cannot be filled, is a warning, once",
    Effect.gen(function* () {
      for (const path of ["/busy", "/busy", "/missing", "/missing"]) yield* get(path, german)
      assert.deepStrictEqual(
        logged().flatMap(({ failure, level, message }) => (failure === undefined ? [`${level}: ${message}`] : [])),
        ["WARN: no title for biz.rate_limited in de", "WARN: the title of biz.not_found in de cannot be filled"]
      )
    }),
    { titles }
  )

  withServer(
    "is filled by the formatter of your choice",
    Effect.gen(function* () {
      const { headers, json } = yield* get("/missing", { ...problem, ...german })
      assert.strictEqual(json["title"], "{what} nicht gefunden (de)")
      assert.strictEqual(headers["content-language"], "de")
    }),
    { titles: { ...titles }, format: (message, _, locale) => `${message} (${locale})` }
  )
})

describe("Everything that an edge reports", () => {
  it.effect("goes to reporters that are hostile to nobody but themselves", () =>
    Effect.gen(function* () {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const response = yield* HttpEdge.handled(Effect.fail(proxy)).pipe(
        Effect.provideService(
          HttpServerRequest.HttpServerRequest,
          HttpServerRequest.fromWeb(new Request("http://localhost/"))
        ),
        Effect.provide(ErrorReporter.layer([]))
      )
      assert.strictEqual(response.status, 500)
    })
  )
})
