import { assert, describe, it } from "@effect/vitest"
import { Operation, Reasons, Redaction, Report } from "@holdfast/core"
import { Effect, Redacted } from "effect"
import * as fc from "fast-check"
import { createHmac } from "node:crypto"

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
    const alike = new Redaction.Secrets(Array.from({ length: 256 }, (_, i) => `${"a".repeat(i + 4)}b`))
    const texts = { long: "a".repeat(100_000), escaped: "%41".repeat(4_000_000) }
    const start = performance.now()
    assert.isNotEmpty(JSON.stringify(Report.of(many)))
    for (let i = 0; i < 100; i++) alike.cutFrom(texts.long, "*")
    assert.strictEqual(alike.cutFrom(texts.long, "*"), "*")
    assert.isTrue(new Redaction.Secrets(["hunter2"]).cutFrom(texts.escaped, "*") === "*")
    assert.isBelow(performance.now() - start, 4000)
  })

  it("cost the length of a text, however many they are", () => {
    const known = new Redaction.Secrets(Array.from({ length: 256 }, (_, i) => `secret-${i}-${"x".repeat(i)}`))
    const text = "the quick brown fox jumps over the lazy dog ".repeat(200)
    for (let i = 0; i < 2000; i++) assert.strictEqual(known.cutFrom(text, "*"), text)
  })
})

/** How one part of a program writes what it was given into a text that another part reads. */
const encodings: Readonly<Record<string, (text: string) => string>> = {
  "percent-encoded": encodeURIComponent,
  "percent-encoded in small letters": (s) => encodeURIComponent(s).replace(/%../g, (escape) => escape.toLowerCase()),
  "percent-encoded, each character of it": (s) =>
    Array.from(new TextEncoder().encode(s), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  "percent-encoded for a path": encodeURI,
  "a part of a form": (s) => new URLSearchParams({ s }).toString().slice(2),
  "a part of JSON": (s) => JSON.stringify(s).slice(1, -1),
  "a part of JSON in ASCII": (s) =>
    JSON.stringify(s)
      .slice(1, -1)
      .replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .replaceAll("/", "\\/"),
  "a part of HTML": (s) =>
    s.replace(/[&<>"']/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char] ?? "&#39;"),
  "coloured in the middle": (s) => `${s.replace(/.{2}/u, "$&\u001b[31;1m")}`,
  "cut up by characters without width": (s) => Array.from(s).join("\u200b")
}

const written: Readonly<Record<string, (text: string) => string>> = {
  base64: (s) => Buffer.from(s).toString("base64"),
  base64url: (s) => Buffer.from(s).toString("base64url"),
  "base64 behind one byte": (s) => Buffer.from(`u${s}`).toString("base64"),
  "base64 behind two bytes": (s) => Buffer.from(`u:${s}`).toString("base64"),
  "base64 behind three bytes": (s) => Buffer.from(`ad:${s}`).toString("base64"),
  "base64 in the middle": (s) => Buffer.from(`{"user":"ada","password":"${s}","again":true}`).toString("base64"),
  "base64 of JSON": (s) => Buffer.from(JSON.stringify({ password: s })).toString("base64url"),
  hex: (s) => Buffer.from(s).toString("hex"),
  "hex in capitals": (s) => Buffer.from(s).toString("hex").toUpperCase(),
  "bytes as Node prints them": (s) =>
    `<Buffer ${[...Buffer.from(s)].map((b) => b.toString(16).padStart(2, "0")).join(" ")}>`,
  "bytes as JSON": (s) => JSON.stringify(Buffer.from(s))
}

/** A secret as people and programs choose them, with at least five bytes. */
const anySecret = fc
  .array(fc.constantFrom(..."aXY56 -_./+%&=?#\\\"'<>:@!~*()ä€😀"), { minLength: 8, maxLength: 24 })
  .map((chars) => chars.join(""))

describe("A known secret is found", () => {
  it.each(Object.entries(encodings))("%s, and that once more", (_name, encode) => {
    fc.assert(
      fc.property(anySecret, fc.constantFrom(...Object.values(encodings)), (secret, again) => {
        const known = new Redaction.Secrets([secret])
        for (const form of [encode(secret), again(encode(secret))]) {
          const clean = known.cutFrom(`before [${form}] after`, "<redacted>")
          assert.strictEqual(clean, "before [<redacted>] after")
        }
      }),
      { numRuns: 300 }
    )
  })

  it.each(Object.entries(written))("as %s, which may be escaped in turn", (_name, write) => {
    fc.assert(
      fc.property(anySecret, fc.constantFrom(...Object.values(encodings)), (secret, again) => {
        const known = new Redaction.Secrets([secret])
        const form = write(secret)
        const without = known.cutFrom(`before ${form} after`, "<redacted>")
        assert.include(without, "<redacted>")
        // What is left is the same whatever the secret was.
        for (const other of ["base64", "base64url", "hex"] as const) {
          const rest = without.replace(/^before | after$/g, "").split("<redacted>")
          for (const part of rest) assert.notInclude(Buffer.from(part, other).toString(), secret.slice(0, 4))
        }
        assert.include(known.cutFrom(again(form), "<redacted>"), "<redacted>")
      }),
      { numRuns: 300 }
    )
  })

  it("in base64 with nothing left of it but what stands beside it", () => {
    const known = new Redaction.Secrets(["hunter2"])
    for (const [before, after] of [
      ["", ""],
      ["a:", ""],
      ["ad:", ""],
      ["ada:", "!"],
      ["", "?!"]
    ] as const) {
      const text = Buffer.from(`${before}hunter2${after}`).toString("base64")
      const other = Buffer.from(`${before}Zq8$-%&${after}`).toString("base64")
      const kept = known.cutFrom(text, "*").split("*")
      assert.isTrue(kept.length === 2 && other.startsWith(kept[0]!) && other.endsWith(kept[1]!), `${text} ${kept}`)
    }
  })

  it("although its own characters look like escapes", () => {
    for (const secret of ["a%41b+c&amp;d", "C:\\new\\table", "%2541%2541", "p+ss w%rd", '\\u0041bcd"x']) {
      const known = new Redaction.Secrets([secret])
      for (const form of [secret, ...Object.values(encodings).map((encode) => encode(secret))]) {
        assert.strictEqual(known.cutFrom(`(${form})`, "*"), "(*)", secret)
      }
    }
  })

  it("by its bytes only where they are enough to be sure", () => {
    const known = new Redaction.Secrets(["1234", "abcde"])
    assert.strictEqual(known.cutFrom("31323334 MTIzNA== 49,50,51,52", "*"), "31323334 MTIzNA== 49,50,51,52")
    assert.strictEqual(known.cutFrom("6162636465 YWJjZGU= 97,98,99,100,101", "*"), "* *= *")
    assert.strictEqual(known.cutFrom("%31%32%33%34", "*"), "*")
  })

  it("and nothing else is", () => {
    const text = "50% of 7 &c. C:\\temp a+b \u001b[31mred\u001b[0m aGVsbG8gd29ybGQ= 68656c6c6f"
    assert.strictEqual(new Redaction.Secrets(["hunter2", "secret"]).cutFrom(text, "*"), text)
  })

  it("once: what is clean stays as it is", () => {
    fc.assert(
      fc.property(
        fc.array(anySecret, { minLength: 1, maxLength: 3 }),
        fc.array(fc.constantFrom(...Object.values({ ...encodings, ...written })), { maxLength: 4 }),
        (secrets, forms) => {
          const known = new Redaction.Secrets(secrets)
          const once = known.cutFrom(
            forms.map((form, i) => form(secrets[i % secrets.length]!)).join(" / "),
            "<redacted>"
          )
          assert.strictEqual(known.cutFrom(once, "<redacted>"), once)
        }
      )
    )
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

describe("What an error is known to hold", () => {
  const held = (holder: unknown) => [...Report.secretsOf(Object.assign(new Error("x"), { holder }))].toSorted()

  it.each<readonly [string, unknown, ReadonlyArray<string>]>([
    [
      "a Map",
      new Map<unknown, unknown>([
        ["token", "map-token"],
        ["a", { key: Redacted.make("map-key") }]
      ]),
      ["map-key", "map-token"]
    ],
    ["a Set", new Set([{ password: "set-pass" }]), ["set-pass"]],
    ["Headers", new Headers({ "x-api-key": "head-key", accept: "text/html" }), ["head-key"]],
    [
      "a Request",
      new Request("http://h/", { headers: { authorization: "Bearer req-token-1" } }),
      ["Bearer req-token-1", "req-token-1"]
    ],
    ["a Response", new Response("", { headers: { "x-session-token": "res-token" } }), ["res-token"]],
    ["cookies", { headers: { cookie: "a=1; sid=0123456789" } }, ["0123456789", "a=1; sid=0123456789"]],
    ["pairs", [["Authorization", "Basic YWRhOmh1bnRlcjI="]], ["Basic YWRhOmh1bnRlcjI=", "YWRhOmh1bnRlcjI="]],
    ["a list of secrets", { tokens: ["tok-1", "tok-2"] }, ["tok-1", "tok-2"]]
  ])("is what is secret by name in %s", (_name, holder, expected) => {
    assert.deepStrictEqual(held(holder), expected)
    assert.deepStrictEqual([...Report.secretsOf(holder)].toSorted(), expected)
  })

  it("are bytes, too, in every form in which they are written", () => {
    const key = new Uint8Array([0xff, 0x00, 0xfe, 0x10, 0x80, 0x7f])
    const known = Report.secretsOf(Object.assign(new Error("x"), { key: Redacted.make(key) }))
    for (const text of ["base64", "base64url", "hex"].map((form) => Buffer.from(key).toString(form as "hex"))) {
      assert.strictEqual(known.cutFrom(`of ${text}`, "*").replace(/=+$/, ""), "of *")
    }
    const text = Report.secretsOf(Object.assign(new Error("x"), { key: Redacted.make(Buffer.from("hunter2")) }))
    assert.strictEqual(text.cutFrom("bad hunter2", "*"), "bad *")
  })

  it("is what stands under a secret name in an object that was made a field", () => {
    const failure = raised(
      new Reasons.DataError({ detail: "hunter2 and tok-9" }),
      Operation.doing("x", { fields: { login: { password: "hunter2" } }, metadata: { all: [{ token: "tok-9" }] } })
    )
    assert.strictEqual(Report.of(failure).identity.detail, "<redacted> and <redacted>")
  })
})

describe("A report under a further policy", () => {
  const policy = Redaction.make({ keys: ["patient"], slots: ["locator"], mask: "***" })
  const report = Report.of(
    raised(
      new Reasons.DataError({
        detail: "no ada.lovelace",
        cause: raised(
          new Reasons.Timeout({ detail: "of ada.lovelace" }),
          Operation.doing("ask", { metadata: { patient: "ada.lovelace" } })
        )
      }),
      Operation.doing("look up ada.lovelace", {
        at: "ward 7",
        fields: { patient: "ada.lovelace", n: 1 },
        metadata: { n: 1 }
      })
    )
  )

  it("shows what the policy leaves, wherever it stands", () => {
    const clean = Report.redact(report, policy)
    assert.include(JSON.stringify(report), "ada.lovelace")
    for (const text of [JSON.stringify(clean), Report.verbose(clean)]) {
      assert.notInclude(text, "ada.lovelace")
      assert.notInclude(text, "ward 7")
    }
    assert.strictEqual(clean.identity.code, report.identity.code)
    assert.strictEqual(clean.identity.category, report.identity.category)
    assert.strictEqual(clean.identity.path, "look up *** / ***")
    assert.deepStrictEqual(clean.contexts[0]?.fields, [
      ["patient", "***"],
      ["n", "1"]
    ])
  })

  it("is the same once more", () => {
    const once = Report.redact(report, policy)
    assert.deepStrictEqual(Report.redact(once, policy), once)
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

  it.each<readonly [string, Redaction.Policy]>([
    ["the standard one", Redaction.standard],
    ["one that drops, with a short mask", Redaction.make({ conceal: Redaction.drop, mask: "***" })],
    ["one that keeps the end", Redaction.make({ conceal: Redaction.keepLast(4) })],
    [
      "one that hashes",
      Redaction.make({
        conceal: Redaction.keyedHash((secret) => createHmac("sha256", "key").update(secret).digest("hex"))
      })
    ]
  ])("is taken out once: what is left under %s is clean", (_name, policy) => {
    const part = fc.constantFrom(
      "password",
      "token",
      "apiKey",
      "=",
      ": ",
      ":",
      '"',
      "'",
      "{",
      "}",
      "[",
      "]",
      "\\",
      '\\"',
      "%22",
      "%3D",
      "%25",
      "&",
      "?",
      "Bearer ",
      "basic%20",
      "http://",
      "@",
      "ada:",
      "/",
      " ",
      "\n",
      ",",
      "<redacted>",
      "***",
      "Cookie: ",
      "Authorization: ",
      "--",
      "eyJhbGciOiJI.eyJzdWIiOiIx.abc",
      "4242 4242 4242 4242",
      "a1b2c3d4e5",
      "\u200b",
      "\u001b[31m",
      "…",
      "#0123456789abcdef"
    )
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 9 }), (parts) => {
        const once = policy.text(parts.join(""))
        assert.strictEqual(policy.text(once), once)
      }),
      { numRuns: 3000 }
    )
  })
})
