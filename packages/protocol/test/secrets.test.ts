import { assert, describe, it } from "@effect/vitest"
import { Failure, Operation, Reasons, Redaction } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause, Data, Effect, Redacted, Schema } from "effect"
import { HttpClientError, HttpClientRequest } from "effect/http"
import * as fc from "fast-check"
import { decoders, exits, written } from "./exits.ts"
import { raised } from "./support.ts"

class LoginRefused extends Failure.Tagged<LoginRefused>()(
  "SecretsLoginRefused",
  {
    user: Schema.String,
    password: Failure.sensitive(Schema.String),
    card: Schema.Redacted(Schema.String),
    notes: Schema.optionalKey(Schema.Json),
    violations: Schema.optionalKey(Schema.Array(ErrorSnapshot.Violation))
  },
  { code: "biz.secrets.login_refused", detail: ({ user, password }) => `${user} with ${password}` }
) {}

class Refused extends Data.TaggedError("SecretsRefused")<{ readonly token: unknown; readonly more: unknown }> {
  override readonly message: string
  constructor({ more, token }: { readonly token: string; readonly more?: unknown }) {
    super({ token: Redacted.make(token), more })
    this.message = `refused ${token}`
  }
}

const secret = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/)

type Plant = (secret: string) => unknown

const login = (password: string, props?: object) =>
  new LoginRefused({ user: "ada", password, card: Redacted.make("unused-card"), ...props })

const plants: Readonly<Record<string, Plant>> = {
  "a sensitive field": (s) => login(s),
  "a sensitive field repeated by the detail": (s) => login(s, { detail: `tried ${s} twice` }),
  "a sensitive field repeated by a cause": (s) => login(s, { cause: new Error(`driver: bad ${s}!`) }),
  "a sensitive field repeated by a cause's cause": (s) =>
    login(s, { cause: new Reasons.SystemError({ detail: s, cause: new Error(s) }) }),
  "a sensitive field repeated by everything around it": (s) =>
    raised(
      login(s, { position: `file-${s}:1` }),
      Operation.doing(`log in ${s}`, { at: s, fields: { hint: s, [s]: 1 }, metadata: { note: s } }),
      Operation.doing("outer", { fields: [["given", { deep: [s] }]] })
    ),
  "a sensitive field repeated by another field": (s) => login(s, { user: s }),
  "a sensitive field repeated inside of another field": (s) => login(s, { user: `ada (${s})`, notes: { [s]: [s] } }),
  "a bearer token in a field": (s) => login("unused-pass", { user: `Bearer ${s}` }),
  "a field of a secret name inside of another field": (s) => login("unused-pass", { notes: { deep: { apiKey: s } } }),
  "a sensitive field repeated by a violation": (s) =>
    login(s, { violations: [{ path: s, code: s, message: `not ${s}` }] }),
  "a sensitive field of a cause repeated by the failure": (s) =>
    new Reasons.BusinessError({ detail: `refused: ${s}`, cause: login(s) }),
  "a Redacted field repeated by the detail": (s) => login("unused-pass", { card: Redacted.make(s), detail: s }),
  "a field of a secret name": (s) =>
    raised(new Reasons.NotFound({ detail: s }), Operation.doing("x", { fields: { "db.api_key": s } })),
  "metadata of a secret name": (s) =>
    raised(new Reasons.NotFound({ cause: new Error(s) }), Operation.doing("x", { metadata: { sessionToken: s } })),
  "a bearer token in a detail": (s) => new Reasons.NotFound({ detail: `sent Authorization: Bearer ${s}` }),
  "a bearer token in a defect": (s) => Cause.die(new Error(`Bearer ${s}`)),
  "credentials of a URL in a cause": (s) => new Reasons.NotFound({ cause: new Error(`GET https://ada:${s}@host/x`) }),
  "credentials of a URL in a field": (s) =>
    raised(
      new Reasons.NotFound(),
      Operation.doing("x", { at: `https://ada:${s}@host/`, fields: { u: `ftp://${s}@h` } })
    ),
  "a secret query parameter": (s) => new Error(`GET /x?access_token=${s}&y=1`),
  "a secret in front of 10 MB": (s) => login(s, { detail: `${s} ${"y ".repeat(5_000_000)}` }),
  "a secret that the cut goes through": (s) => login(s, { detail: `${"y ".repeat(4090)}${s.repeat(1000)}` }),
  "a secret that the end of the window goes through": (s) =>
    login(s, { detail: s.repeat(Math.floor(60_000 / s.length)) }),
  "a secret of a cause's operation repeated by the failure": (s) =>
    login("unused-pass", {
      user: s,
      detail: `failed with ${s}`,
      cause: raised(new Reasons.Timeout(), Operation.doing("call", { fields: { token: s } }))
    }),
  "secret metadata of a cause's operation repeated by the cause": (s) =>
    new Reasons.NotFound({
      cause: raised(new Reasons.Timeout({ detail: `y ${s}` }), Operation.doing("call", { metadata: { password: s } }))
    }),
  "a Redacted in a foreign error whose message repeats it": (s) => new Refused({ token: s }),
  "a Redacted in a foreign cause whose message repeats it": (s) =>
    login("unused-pass", { user: s, cause: new Refused({ token: s }) }),
  "a Redacted deep inside of a field": (s) =>
    new Reasons.NotFound({
      detail: s,
      cause: new Refused({ token: "unused-token", more: [{ key: Redacted.make(s) }] })
    }),
  "a sensitive field repeated in other words by a cause": (s) =>
    login(s, {
      user: JSON.stringify({ s: `${s}"` }),
      cause: new Error(`${Buffer.from(`ada:${s}`).toString("base64")} ${Buffer.from(s).toString("hex")}`, {
        cause: new AggregateError([new Error(Array.from(s).join("\u200b")), new Error(encodeURIComponent(`"${s}`))])
      })
    }),
  "a header of a client's request": (s) =>
    new Reasons.NetworkError({
      detail: `sent ${s}`,
      cause: new HttpClientError.HttpClientError({
        reason: new HttpClientError.TransportError({
          request: HttpClientRequest.get("http://h/", { headers: { "x-api-key": s } }),
          description: `no ${s}`
        })
      })
    }),
  "a header of a request that is a cause": (s) =>
    new Reasons.NetworkError({
      detail: `sent ${s}`,
      cause: new Request("http://h/", { headers: { authorization: `Bearer ${s}` } })
    }),
  "a Cause as a cause": (s) =>
    new Reasons.NotFound({ detail: s, cause: Cause.combine(Cause.fail(login(s)), Cause.die(new Error(s))) }),
  "a secret of a parallel failure's operation": (s) =>
    Cause.combine(
      Cause.fail(new Reasons.NotFound({ detail: `not ${s}` })),
      Effect.runSync(
        Effect.flip(
          Effect.sandbox(Operation.doing(Effect.fail("a text that has failed"), "call", { fields: { token: s } }))
        )
      )
    ),
  "a parallel failure's sensitive field": (s) =>
    Cause.fromReasons<unknown>([
      Cause.makeFailReason(new Reasons.NotFound({ detail: `not ${s}` })),
      Cause.makeFailReason(login(s))
    ])
}

describe("No exit", () => {
  for (const [place, plant] of Object.entries(plants)) {
    it(`shows ${place}`, () => {
      fc.assert(
        fc.property(secret, (value) => {
          for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard]) {
            for (const [exit, text] of Object.entries(exits(plant(value), { policy }))) {
              assert.notInclude(text, value, exit)
              // Not half of it either, which is what a careless cut leaves.
              assert.notInclude(text, value.slice(0, 10), exit)
            }
          }
        }),
        { numRuns: 20 }
      )
    }, 30_000)
  }

  it("shows a secret number that stands beside it under another name", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10_000, max: 2 ** 31 }), (secret) => {
        const around = Operation.doing("dial", {
          fields: { tried: secret },
          metadata: { "db.password": secret, other: secret, text: `pin ${secret}` }
        })
        for (const [exit, text] of Object.entries(exits(raised(new Reasons.SystemError(), around)))) {
          assert.notInclude(text, String(secret), exit)
        }
      })
    )
    const plain = raised(new Reasons.SystemError(), Operation.annotate({ metadata: { token: 7734551, rows: 12 } }))
    assert.deepStrictEqual(Projection.toLog(plain).root_metadata, { rows: 12, token: "<redacted>" })
  })

  it("shows a known secret that is longer than anything that is shown", () => {
    for (const [length, before] of [
      [3000, 0],
      [6000, 8000],
      [8000, 24_000],
      [18_000, 8190],
      [40_000, 10]
    ] as const) {
      const long = "Zq7".repeat(length)
      const failure = login(long, { detail: "- ".repeat(before / 2) + long })
      for (const [exit, text] of Object.entries(exits(failure))) assert.notInclude(text, "Zq7Zq7", exit)
    }
  }, 30_000)

  it("shows a caller what is internal", () => {
    for (const policy of [ExposurePolicy.contract, ExposurePolicy.standard]) {
      const failure = raised(
        new Reasons.SystemError({ detail: "marker", position: "marker", cause: new Error("marker") }),
        Operation.doing("marker", { at: "marker", fields: { marker: "marker" }, metadata: { marker: "marker" } })
      )
      const all = Object.entries(exits(failure, { policy }))
      const outside = all.filter(([exit]) => /for (?:client|partner), carry (?:undefined|public)/.test(exit))
      assert.strictEqual(outside.length, 2 * (14 + 8))
      for (const [exit, text] of outside) assert.notInclude(text, "marker", exit)
    }
  })

  it("shows what a further policy masks, wherever it is", () => {
    const name = "customer-77"
    const further = Redaction.make({
      scanners: [{ name: "customer", pattern: /customer-\d+/g, find: (match) => match }]
    })
    const failure = raised(
      login("unused-pass", {
        detail: name,
        position: `${name}.ts:7`,
        violations: [{ path: "a", code: "b", message: name }],
        cause: raised(
          new Reasons.SystemError({ detail: name, cause: new Error(name) }),
          Operation.doing(name, { metadata: { inner: name } })
        )
      }),
      Operation.doing(`find ${name}`, { at: name, fields: { who: name }, metadata: { who: name } })
    )
    const snapshot = ErrorSnapshot.of(failure, { policy: ExposurePolicy.standard, carry: "all" })
    assert.isAtLeast(JSON.stringify(snapshot).split(name).length, 15)
    assert.notInclude(JSON.stringify(ErrorSnapshot.redact(snapshot, further)), name)
    assert.notInclude(Projection.renderUserDebugRedacted(snapshot, { redaction: further }), name)
  })

  for (const [format, decode] of Object.entries(decoders)) {
    it(`of what came back through ${format} shows a secret, whatever was carried`, () => {
      fc.assert(
        fc.property(secret, fc.constantFrom(...Object.values(plants)), (value, plant) => {
          const options = { policy: ExposurePolicy.standard, carry: "all" } as const
          const sent = written[format]!(plant(value), options)
          const back = Effect.runSync(decode(sent, [LoginRefused, Reasons.NotFound]))
          const relayed = Effect.runSync(decode(sent))
          for (const failure of [back, relayed]) {
            for (const [exit, text] of Object.entries(exits(failure, options))) {
              assert.notInclude(text, value.slice(0, 10), exit)
            }
          }
        }),
        { numRuns: 50 }
      )
    }, 30_000)
  }

  it("has an error in it that could be reached from outside", () => {
    const failure = login("hunter2hunter2")
    assert.notInclude(JSON.stringify(Object.values(ErrorSnapshot.of(failure))), "hunter2")
  })
})
