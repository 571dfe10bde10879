import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { ExposurePolicy, LogEdge } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { Cause, Effect, ErrorReporter, Layer, Logger, Schema } from "effect"
import { HttpEffect, HttpServerRespondable, HttpServerResponse } from "effect/http"
import { values } from "./hostileErrors.ts"

type Answer = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>

const answered = async (
  answer: Answer,
  more: Layer.Layer<never> = Layer.empty,
  headers: Record<string, string> = {}
) => {
  const lines: Array<string> = []
  const collecting = Logger.layer([Logger.map(LogEdge.logger, (line) => void lines.push(line))])
  const app = HttpEdge.handled(answer).pipe(Effect.provide(Layer.mergeAll(more, collecting)))
  const {
    body,
    headers: given,
    status
  } = await HttpEffect.toWebHandler(app)(new Request("http://localhost/", { headers })).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await response.text()
  }))
  return { body, headers: given, status, lines }
}

const teapot = HttpServerResponse.text("teapot", { status: 418 })

class Itself extends Failure.Tagged<Itself>()("AnswersItself", { id: Schema.String }, { code: "biz.answers.itself" }) {
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(HttpServerResponse.text(this.id, { status: 410 }))
  }
}

describe("What brings its own answer along", () => {
  it("keeps it, raised or thrown, and nobody is told", async () => {
    for (const [answer, status, text] of [
      [Effect.fail(teapot), 418, "teapot"],
      [Effect.die(teapot), 418, "teapot"],
      [Effect.fail(new Itself({ id: "7" })), 410, "7"]
    ] as const) {
      const { body, lines, ...given } = await answered(answer as Answer)
      assert.deepStrictEqual([given.status, body, lines], [status, text, []])
    }
  })

  it("is beside a bug that somebody hears of", async () => {
    const { lines, status } = await answered(
      Effect.failCause(
        Cause.fromReasons([...Cause.fail(teapot).reasons, ...Cause.die(new Error("bug")).reasons])
      ) as Answer
    )
    assert.strictEqual(status, 418)
    assert.strictEqual(lines.length, 1)
  })
})

describe("A 500", () => {
  const silent = Object.assign(new Error("driver said no"), { [ErrorReporter.ignore]: true })

  const entries = async (answer: Effect.Effect<never, unknown>, reporting: Layer.Layer<never>) => {
    const { lines, status } = await answered(answer as Answer, reporting)
    return status >= 500 ? lines.length : 1
  }

  it("is never without an entry in the log, whether a reporter logs or nobody listens", async () => {
    for (const [name, error] of [
      ["an error that is not to be reported", silent],
      ["a failure that may pass", new Reasons.Timeout()],
      ["a failure that may not", new Reasons.DataError()]
    ] as const) {
      for (const reporting of [Layer.empty, LogEdge.reporting]) {
        assert.strictEqual(await entries(Effect.fail(error), reporting), 1, name)
        assert.strictEqual(await entries(Effect.die(error), reporting), 1, name)
      }
    }
  })

  it("is never without one, whatever it is about", async () => {
    for (const [name, make] of values) {
      assert.strictEqual(await entries(Effect.fail(make()), LogEdge.reporting), 1, name)
    }
  }, 30_000)
})

describe("The correlation id", () => {
  const named = { "x-correlation-id": "req-7" }

  it("is on every answer: what went well, what failed, what answers for itself", async () => {
    for (const answer of [
      Effect.succeed(HttpServerResponse.text("fine")),
      Effect.fail(new Reasons.NotFound()),
      Effect.fail(teapot),
      Effect.fail(new Itself({ id: "7" }))
    ] as const) {
      const { headers } = await answered(answer as Answer, Layer.empty, named)
      assert.strictEqual(headers.get("x-correlation-id"), "req-7")
    }
  })

  it("is left as the program has set it", async () => {
    const own = HttpServerResponse.setHeader(HttpServerResponse.text("fine"), "X-Correlation-Id", "mine")
    const { headers } = await answered(Effect.succeed(own), ExposurePolicy.layer(ExposurePolicy.standard), named)
    assert.strictEqual(headers.get("x-correlation-id"), "mine")
  })
})
