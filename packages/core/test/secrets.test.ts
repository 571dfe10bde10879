import { assert, describe, it } from "@effect/vitest"
import { Operation, Reasons, Redaction, Report } from "@holdfast/core"
import { Effect, Redacted } from "effect"
import * as fc from "fast-check"

/** A failure on its way out through these operations, the innermost first. */
const raised = (
  failure: Effect.Effect<never, unknown>,
  ...operations: ReadonlyArray<(self: Effect.Effect<never, unknown>) => Effect.Effect<never, unknown>>
): unknown => Effect.runSync(Effect.flip(operations.reduce((self, operation) => operation(self), failure)))

const passwords = (operations: number, fields: number) =>
  raised(
    new Reasons.DataError({ detail: "row 7 is torn" }),
    ...Array.from({ length: operations }, (_, i) =>
      Operation.doing("write", {
        fields: Array.from({ length: fields }, (_, j) => ["password", `secret-${i}-${j}`] as const)
      })
    )
  )

describe("Secrets that are known", () => {
  it("are cut out of a text, the longest first, wherever they stand", () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-c]{4,6}$/), { minLength: 1, maxLength: 20 }),
        fc.array(fc.stringMatching(/^[a-c]{0,6}$/), { maxLength: 20 }),
        (secrets, around) => {
          const text = [...around, ...secrets, ...around].join("-")
          const clean = new Redaction.Secrets(secrets).cutFrom(text, "<>")
          for (const secret of secrets) assert.notInclude(clean, secret)
        }
      )
    )
    assert.strictEqual(new Redaction.Secrets(["abcd", "abcdef"]).cutFrom("abcdef abcd", "*"), "* *")
  })

  it("may be added and taken away between two texts", () => {
    const known = new Redaction.Secrets(["first"])
    assert.strictEqual(known.cutFrom("first second", "*"), "* second")
    known.add("second")
    assert.strictEqual(known.cutFrom("first second", "*"), "* *")
    known.delete("first")
    assert.strictEqual(known.cutFrom("first second", "*"), "first *")
    known.clear()
    assert.strictEqual(known.cutFrom("first second", "*"), "first second")
  })

  it("never make the mask grow by what the mask itself says", () => {
    const known = new Redaction.Secrets(["<red", "reda", "edac", "dact", "redacted", "hunter2"])
    assert.strictEqual(known.cutFrom("bad hunter2", "<redacted>"), "bad <redacted>")
  })

  it("mask texts whole where they are more than can be told apart", () => {
    const many = (count: number) =>
      Redaction.standard.text(
        "row 7",
        Array.from({ length: count }, (_, i) => `secret-${i}`)
      )
    assert.strictEqual(many(256), "row 7")
    assert.strictEqual(many(257), "<redacted>")
    assert.strictEqual(Report.of(passwords(1, 256)).identity.detail, "row 7 is torn")
    assert.strictEqual(Report.of(passwords(1, 257)).identity.detail, "<redacted>")
  })

  it("take bounded time, however many there are and however long the texts", () => {
    const many = passwords(64, 200)
    const known = new Redaction.Secrets(Array.from({ length: 256 }, (_, i) => `aaaa${"b".repeat(i)}`))
    const long = "aaab".repeat(25_000)
    const start = performance.now()
    assert.isNotEmpty(JSON.stringify(Report.of(many)))
    for (let i = 0; i < 100; i++) known.cutFrom(long, "*")
    assert.isBelow(performance.now() - start, 2000)
    assert.strictEqual(known.cutFrom(long, "*"), "*")
  })
})

describe("Secrets of an error", () => {
  it("are those of its operations, of its causes, and of what they were doing", () => {
    const call = Operation.doing("call", { fields: { token: "inner-token" }, metadata: { password: "inner-pass" } })
    const cause = raised(new Reasons.Timeout(), call)
    const error = raised(new Reasons.NotFound({ cause }), Operation.doing("find", { fields: { pin: "outer-pin" } }))
    assert.deepStrictEqual([...Report.secretsOf(error)].toSorted(), ["inner-pass", "inner-token", "outer-pin"])
    assert.deepStrictEqual([...Report.secretsOf(error, Redaction.make({ keys: ["sku"] }))].length, 3)
  })

  it("are what is Redacted in it, at any depth, beside members that cannot be read", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const cyclic: Record<string, unknown> = { deep: [{ key: Redacted.make("deep-key") }] }
    cyclic["self"] = cyclic
    const error = Object.assign(new Error("x"), {
      proxy,
      cyclic,
      bytes: new Uint8Array(1e7),
      token: Redacted.make("tok-1")
    })
    Object.defineProperty(error, "trap", { enumerable: true, get: () => assert.fail("no") })
    assert.deepStrictEqual([...Report.secretsOf(error)].toSorted(), ["deep-key", "tok-1"])
    assert.deepStrictEqual([...Report.secretsOf(proxy)], [])
  })
})

describe("A secret in a text", () => {
  const secret = "s3cr3tTokenValue9"

  it.each([
    `password: ${secret}`,
    `api_key: ${secret}`,
    `x-api-key: ${secret}`,
    `X-Auth-Token: ${secret}`,
    `Authorization: ${secret}`,
    `Authorization: Token ${secret}`,
    `Authorization: Digest username="u", response="${secret}"`,
    `Cookie: a=1; sid=${secret}`,
    `Set-Cookie: sid=${secret}; Path=/`,
    `password = ${secret}`,
    `password='${secret} x'`,
    `{'password': '${secret}'}`,
    `mysql --password ${secret} -u root`,
    `body {"tokens":["${secret}","${secret}"],"page":2}`,
    `body {"credentials":{"user":"ada","key":"${secret}"}}`,
    `body {\\"credentials\\":{\\"a\\":\\"${secret}\\"}}`,
    `{'tokens': ['${secret}']}`,
    `Bearer%20${secret}`
  ])("is found behind its name: %s", (text) => {
    const clean = Redaction.standard.text(text)
    assert.notInclude(clean, secret)
    assert.strictEqual(Redaction.standard.text(clean), clean)
  })

  it.each(["token expired", "token: expired", "session: closed by peer", "the key: see docs", "a token --force"])(
    "is not seen in prose: %s",
    (text) => assert.strictEqual(Redaction.standard.text(text), text)
  )

  it.each(["password: ", "a=", "--token ", "cookie:", "'password'  :  '", "Bearer%20", "x".repeat(64), "\t"])(
    "is looked for without going back over the text: %j, again and again",
    // A pattern that does would not be done before the test times out.
    (part) => assert.isString(Redaction.standard.text(part.repeat(Math.ceil(1_000_000 / part.length))))
  )
})
