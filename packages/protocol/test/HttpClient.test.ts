import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Identity } from "@holdfast/core"
import { Projection, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { Duration, Effect, Fiber, Schema } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import { closed, head, hostile, turn } from "./hostile.ts"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "HttpClientSoldOut",
  { sku: Schema.String },
  { code: "biz.http_client.sold_out" }
) {}

const body = Projection.stringify(Projection.toRpc(new SoldOut({ sku: "Ä-1" }), { carry: "public" }))

const json = { "content-type": "application/json" }

const clients = {
  fetch: NodeHttpClient.layerFetch,
  "node:http": NodeHttpClient.layerNodeHttp,
  undici: NodeHttpClient.layerUndici
}

const asked = (url: string, options?: HttpEdge.Patience) =>
  Effect.gen(function* () {
    const client = HttpEdge.client(yield* HttpClient.HttpClient, [SoldOut], options)
    return yield* Effect.flip(client.get(url))
  })

/** Waits for a fiber while the clock runs: the wait begins when the head of the answer has come, which is real time. */
const inTime = <A, E>(fiber: Fiber.Fiber<A, E>, step: Duration.Input) =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* turn
      yield* TestClock.adjust(step)
    }
    return yield* Fiber.join(fiber)
  })

const undecodable = (failure: unknown): RemoteFailure.UndecodableRemote => {
  assert.instanceOf(failure, RemoteFailure.UndecodableRemote)
  return failure
}

const remote = (failure: unknown): RemoteFailure.RemoteFailure => {
  assert.instanceOf(failure, RemoteFailure.RemoteFailure)
  return failure
}

for (const [name, layer] of Object.entries(clients)) {
  describe(`A client over ${name}`, () => {
    const answers = (
      sentence: string,
      answer: (socket: Socket) => void,
      check: (url: string, sockets: ReadonlyArray<Socket>) => Effect.Effect<void, unknown, HttpClient.HttpClient>
    ) =>
      it.effect(sentence, () =>
        Effect.gen(function* () {
          const server = yield* hostile(answer)
          yield* check(server.url, server.sockets)
        }).pipe(Effect.scoped, Effect.provide(layer))
      )

    answers(
      "reads a body that comes in pieces, a character cut in two",
      async (socket) => {
        const bytes = Buffer.from(body)
        const cut = bytes.indexOf("Ä") + 1
        socket.write(head(409, { ...json, "content-length": String(bytes.length) }))
        socket.write(bytes.subarray(0, cut))
        await new Promise((resolve) => setImmediate(resolve))
        socket.write(bytes.subarray(cut))
      },
      (url) =>
        Effect.gen(function* () {
          const failure = yield* asked(url)
          assert.instanceOf(failure, SoldOut)
          assert.strictEqual(failure.sku, "Ä-1")
        })
    )

    answers(
      "stops reading a huge body, and closes the connection",
      (socket) => {
        socket.write(head(503, { ...json, connection: "close" }))
        const piece = "x".repeat(65_536)
        const more = () => {
          while (!socket.destroyed && socket.write(piece));
        }
        socket.on("drain", more)
        more()
      },
      (url, sockets) =>
        Effect.gen(function* () {
          const failure = undecodable(yield* asked(url))
          assert.deepInclude(failure, { status: 503, problem: "too_large", limit: 1_048_576 })
          assert.strictEqual(
            Identity.of(failure).detail,
            "status 503: the body is larger than 1048576 bytes, and was read no further; look at what answers at this address"
          )
          assert.isBelow(failure.excerpt.length, 300)
          assert.strictEqual(Classifier.classify(failure).retry, "transient")
          const socket = yield* closed(sockets)
          // One MiB was read; the rest was on its way when the client left.
          assert.isBelow(socket.bytesWritten, 32 * 1_048_576)
        })
    )

    answers(
      "reads no more than it is told to",
      (socket) => void socket.end(head(500, { ...json, connection: "close" }) + body),
      (url) =>
        Effect.gen(function* () {
          const limit = Buffer.byteLength(body) - 1
          assert.deepInclude(undecodable(yield* asked(url, { maxBytes: limit })), { problem: "too_large", limit })
          assert.instanceOf(yield* asked(url, { maxBytes: Buffer.byteLength(body) }), SoldOut)
        })
    )

    answers(
      "gives up a body that never ends after ten seconds",
      (socket) => void socket.write(`${head(502, { ...json, "content-length": "1000" })}{"status":`),
      (url, sockets) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(asked(url))
          const failure = undecodable(yield* inTime(fiber, "1 second"))
          assert.deepInclude(failure, { status: 502, excerpt: `{"status":`, problem: "timed_out", bytes: 10 })
          assert.strictEqual(
            Identity.of(failure).detail,
            "status 502: gave up after 10 s with 10 bytes of a body that did not end; look at what answers at this address"
          )
          yield* closed(sockets)
        })
    )

    answers(
      "gives up a body that drips",
      (socket) => {
        socket.write(head(500, { ...json, "transfer-encoding": "chunked" }))
        const drip = () => {
          if (socket.destroyed) return
          socket.write("1\r\n \r\n")
          setImmediate(drip)
        }
        drip()
      },
      (url) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(asked(url, { patience: "2 seconds" }))
          assert.strictEqual(undecodable(yield* inTime(fiber, "100 millis")).status, 500)
        })
    )

    answers(
      "reads a whole failure out of an answer that promised more",
      (socket) => void socket.end(head(409, { ...json, "content-length": "100000" }) + body),
      (url) => Effect.map(asked(url), (failure) => void assert.instanceOf(failure, SoldOut))
    )

    answers(
      "gives a typed failure for an answer that breaks off in the middle",
      (socket) => {
        socket.write(head(503, { ...json, "transfer-encoding": "chunked" }) + `a\r\n{"status":\r\n`, () =>
          socket.resetAndDestroy()
        )
      },
      (url) =>
        Effect.gen(function* () {
          const failure = yield* asked(url)
          // Whether the head came through before the reset is up to the network; both ends are known.
          if (failure instanceof RemoteFailure.UndecodableRemote) {
            assert.deepInclude(failure, { status: 503, problem: "incomplete" })
            assert.match(Identity.of(failure).detail ?? "", /^status 503: the body broke off after \d+ bytes$/)
          } else assert.strictEqual(Identity.of(failure).code, "sys.network_error")
          assert.strictEqual(Classifier.classify(failure).retry, "transient")
        })
    )

    answers(
      "reads text that is no UTF-8 as far as it can be read",
      (socket) => {
        socket.write(head(400, { ...json, connection: "close" }))
        socket.end(Buffer.concat([Buffer.from(`{"a":"`), Buffer.from([0xff, 0xfe, 0xc3, 0x28]), Buffer.from(`"}`)]))
      },
      (url) =>
        Effect.gen(function* () {
          const { excerpt } = undecodable(yield* asked(url))
          assert.isTrue(excerpt.isWellFormed())
          assert.include(excerpt, "\ufffd")
        })
    )

    answers(
      "survives a compressed bomb",
      (socket) => {
        const bomb = gzipSync(Buffer.alloc(64 * 1_048_576, " "))
        socket.write(head(500, { ...json, "content-encoding": "gzip", "content-length": String(bomb.length) }))
        socket.write(bomb)
      },
      (url) => Effect.map(asked(url), (failure) => void assert.strictEqual(undecodable(failure).status, 500))
    )

    answers(
      "names the version of a body that is not known here, even if more was promised",
      (socket) =>
        void socket.end(
          head(500, { ...json, "content-length": "100000" }) + `{"schema_version":2,"code":"sys.timeout"}`
        ),
      (url) =>
        Effect.map(
          asked(url),
          (failure) => void assert.strictEqual(undecodable(failure).problem, "unsupported_version")
        )
    )

    answers(
      "makes of an answer without a body what its status stands for",
      (socket) => void socket.end(head(404, { "content-length": "0", "retry-after": "3" })),
      (url) =>
        Effect.map(asked(url), (failure) => {
          const { category, code, origin, status, visibility } = remote(failure)
          assert.deepStrictEqual(
            [code, category, status, visibility, origin],
            ["biz.not_found", "biz", 404, "internal", "foreign"]
          )
          assert.deepStrictEqual(Classifier.retryAfterOf(failure), Duration.seconds(3))
        })
    )

    answers(
      "does not wait for the body of an answer to HEAD, which has none",
      (socket) => void socket.write(head(503, { ...json, "content-length": "1000", "retry-after": "7" })),
      (url) =>
        Effect.gen(function* () {
          const client = HttpEdge.client(yield* HttpClient.HttpClient, [SoldOut])
          const failure = remote(yield* Effect.flip(client.head(url)))
          assert.deepStrictEqual([failure.code, failure.status], ["sys.network_error", 503])
          assert.strictEqual(Classifier.classify(failure).retry, "transient")
          assert.deepStrictEqual(Classifier.retryAfterOf(failure), Duration.seconds(7))
        })
    )

    answers(
      "tells a body that never came from none",
      (socket) => void socket.end(head(503, { ...json, "content-length": "100" })),
      (url) =>
        Effect.map(asked(url), (failure) => {
          assert.deepInclude(undecodable(failure), { excerpt: "", problem: "incomplete", bytes: 0 })
        })
    )

    answers(
      "closes the connection when it is interrupted in the middle of a body",
      (socket) => void socket.write(`${head(500, { ...json, "content-length": "1000" })}{`),
      (url, sockets) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(asked(url))
          while (sockets.length === 0 || sockets[0]!.bytesWritten === 0) yield* turn
          yield* Fiber.interrupt(fiber)
          yield* closed(sockets)
        })
    )

    it.effect("fails as its transport does, in a way that is classified", () =>
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(hostile(() => {}))
        const refused = yield* asked(url)
        assert.strictEqual(Identity.of(refused).code, "sys.network_error")
        assert.strictEqual(Classifier.classify(refused).retry, "transient")
        const hung = yield* hostile((socket) => socket.destroy())
        assert.strictEqual(Identity.of(yield* asked(hung.url)).code, "sys.network_error")
        const garbled = yield* hostile((socket) => socket.end("nothing like HTTP\r\n\r\n"))
        assert.strictEqual(Identity.of(yield* asked(garbled.url)).code, "sys.network_error")
        assert.strictEqual(Identity.of(yield* asked("http://[")).category, "conf")
      }).pipe(Effect.scoped, Effect.provide(layer))
    )
  })
}

describe("The pause that a server asks for", () => {
  const pause = (value: string) =>
    Effect.gen(function* () {
      const server = yield* hostile((socket) => socket.end(head(503, { "retry-after": value, "content-length": "0" })))
      const failure = yield* asked(server.url)
      const given = Classifier.retryAfterOf(failure)
      return given === undefined ? undefined : Duration.toMillis(given)
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))

  it.effect("is a number of seconds or a date, and nothing else", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      assert.strictEqual(yield* pause("7"), 7000)
      assert.strictEqual(yield* pause("Thu, 01 Jan 2026 00:00:30 GMT"), 30_000)
      assert.strictEqual(yield* pause("Thursday, 01-Jan-26 00:00:30 GMT"), 30_000)
      assert.strictEqual(yield* pause("Wed, 31 Dec 2025 00:00:00 GMT"), 0)
      for (const junk of ["-5", "1.5", "soon", "7, 8", "9".repeat(65)]) {
        assert.isUndefined(yield* pause(junk), junk)
      }
      assert.strictEqual(yield* pause("9".repeat(60)), 2 ** 31)
    })
  )
})

describe("The body of a failure", () => {
  const answered = (contentType: string | undefined, text: string, status = 409) =>
    Effect.gen(function* () {
      const type = contentType === undefined ? {} : { "content-type": contentType }
      const length = { "content-length": String(Buffer.byteLength(text)) }
      const server = yield* hostile((socket) => socket.end(head(status, { ...type, ...length }) + text))
      return yield* asked(server.url)
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))

  const problem = Projection.stringify(Projection.toProblem(new SoldOut({ sku: "A-1" }), { carry: "public" }))

  for (const type of [
    "application/problem+json",
    "application/problem+json; charset=utf-8",
    "Application/Problem+JSON;charset=UTF-8",
    "application/json",
    "APPLICATION/JSON; charset=utf-8",
    "text/plain",
    undefined
  ]) {
    it.effect(`is read as the problem that it is under ${type ?? "no content type"}`, () =>
      Effect.map(answered(type, problem), (failure) => void assert.instanceOf(failure, SoldOut))
    )
  }

  it.effect("of a stranger is a problem under application/json where it looks like one, and nothing else is", () =>
    Effect.gen(function* () {
      for (const text of [
        `{"type":"https://example.org/out-of-credit","title":"You do not have enough credit."}`,
        `{"title":"Conflict","status":409,"traceId":"00-1"}`,
        `{"type":"about:blank","status":409}`,
        `{"title":"gone","code":"biz.stock.sold_out"}`
      ]) {
        assert.strictEqual((yield* answered("application/json", text))._tag, "RemoteFailure", text)
      }
      for (const text of [
        `{"title":"x"}`,
        `{"type":"error","error":{"type":"overloaded_error"}}`,
        `{"title":"x","status":200}`,
        `{"title":"x","code":"E42"}`,
        `[{"type":"a","title":"b"}]`
      ]) {
        undecodable(yield* answered("application/json", text))
      }
    })
  )
})
