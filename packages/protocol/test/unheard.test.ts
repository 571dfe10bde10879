import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons, Report } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { HttpEdge } from "@holdfast/protocol/http"
import { Effect, ErrorReporter, Layer, Logger, References, Schema } from "effect"
import { HttpEffect, type HttpServerResponse } from "effect/http"
import { values } from "./hostileErrors.ts"

const secret = "hunter2-Zq9x"

class Login extends Failure.Tagged<Login>()(
  "UnheardLogin",
  { pass: Failure.sensitive(Schema.String) },
  { code: "sys.unheard.login", retry: "never" }
) {}

type Answer = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>

/** The log entries of one request that ends this way, as level, text and annotations. */
const logged = async (failing: Effect.Effect<never, unknown>, more: Layer.Layer<never> = Layer.empty) => {
  const lines: Array<readonly [string, string, Readonly<Record<string, unknown>>]> = []
  const recorder = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    lines.push([logLevel, String(message), fiber.getRef(References.CurrentLogAnnotations)])
  })
  const app = HttpEdge.handled(failing as Answer).pipe(Effect.provide(Layer.merge(Logger.layer([recorder]), more)))
  const response = await HttpEffect.toWebHandler(app)(new Request("http://localhost/"))
  return { lines, status: response.status, body: await response.text() }
}

describe("where nobody listens", () => {
  it("a bug is logged with its stack, its code and the name of the occurrence, without secrets", async () => {
    const { lines } = await logged(Effect.die(new TypeError(`no ${secret}: Bearer ${secret}`)))
    assert.strictEqual(lines.length, 1)
    const [[level, text, annotations]] = lines as [(typeof lines)[0]]
    assert.strictEqual(level, "Error")
    assert.include(text, "unheard.test.ts")
    assert.notInclude(text, `Bearer ${secret}`)
    assert.strictEqual(annotations["error.type"], "logic.internal_invariant_broken")
    assert.match(String(annotations["occurrence_id"]), /^[0-9a-f]{32}$/)
    assert.isString(annotations["correlation_id"])
  })

  it("a failure keeps its secrets there, too", async () => {
    const { lines } = await logged(new Login({ pass: secret, cause: new Error(`LDAP refused ${secret}`) }))
    assert.strictEqual(lines.length, 1)
    assert.notInclude(lines[0]![1], secret)
  })

  it("what is the caller's affair, what was logged and what a reporter hears of is not logged", async () => {
    const heard: Array<unknown> = []
    const reporter = ErrorReporter.layer([ErrorReporter.make(({ error }) => void heard.push(error))])
    assert.deepStrictEqual((await logged(new Reasons.NotFound())).lines, [])
    assert.strictEqual((await logged(Report.logged(new Login({ pass: secret })))).lines.length, 1)
    assert.deepStrictEqual((await logged(new Login({ pass: secret }), reporter)).lines, [])
    assert.strictEqual(heard.length, 1)
  })
})

describe("a policy and a reporter that are both broken", () => {
  it("cost the text of the answer and nothing else", async () => {
    const broken = Layer.mergeAll(
      Layer.succeed(ExposurePolicy.ExposurePolicy, () => {
        throw new Error("policy")
      }),
      ErrorReporter.layer([
        ErrorReporter.make(() => {
          throw new Error("reporter")
        })
      ])
    )
    const { body, status } = await logged(new Reasons.NotFound({ detail: "order 7" }), broken)
    assert.strictEqual(status, 500)
    assert.deepInclude(JSON.parse(body), { code: "biz.not_found", visibility: "internal" })
  })
})

describe("an answer made by hand", () => {
  for (const [name, make] of values) {
    it(`is one for ${name}`, async () => {
      const handler = HttpEffect.toWebHandler(HttpEdge.response(make(), { carry: "all" }))
      const response = await handler(new Request("http://localhost/"))
      assert.isAtLeast(response.status, 400)
      assert.isString((JSON.parse(await response.text()) as { readonly code: unknown }).code)
    }, 30_000)
  }
})

describe("a title in another language", () => {
  it("is for people: what comes back keeps its own reason", () => {
    const made = ErrorSnapshot.of(new Reasons.NotFound({ detail: "order 7" }), { carry: "all" })
    const { snapshot } = ErrorSnapshot.localize(made, {
      titles: { de: { "biz.not_found": "Nicht gefunden" } },
      locales: ["de"]
    })
    assert.strictEqual(Projection.toProblem(snapshot).title, "Nicht gefunden")
    const back = Effect.runSync(RemoteFailure.decodeProblem(Projection.toProblem(snapshot, { carry: "all" })))
    assert.strictEqual(back.reason, "not found error")
  })
})
