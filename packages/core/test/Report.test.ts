import { assert, describe, it } from "@effect/vitest"
import { Failure, Operation, Reasons, Redaction, Report } from "@holdfast/core"
import { Cause, Effect, Exit, Logger, References, Schema } from "effect"
import * as fc from "fast-check"
import { createHmac } from "node:crypto"

class LoginRefused extends Failure.Tagged<LoginRefused>()(
  "ReportLoginRefused",
  { user: Schema.String, password: Failure.sensitive(Schema.String) },
  { code: "biz.report.login_refused" }
) {}

const signed = (secret: string): string => createHmac("sha256", "key").update(secret).digest("hex")

const causeOf = (effect: Effect.Effect<unknown, unknown>): Cause.Cause<unknown> => {
  const exit = Effect.runSyncExit(effect)
  return Exit.isFailure(exit) ? exit.cause : Cause.empty
}

describe("Report", () => {
  const failing = Effect.fail(
    new Reasons.SystemError({
      detail: "route file invalid",
      position: "cfg.ts:9",
      cause: new Reasons.ValidationError({ detail: "bad port", cause: new Error("not a number") })
    })
  ).pipe(
    Operation.doing("load routes", {
      at: "routes.toml",
      fields: { line: 12 },
      metadata: { "component.name": "engine" }
    }),
    Failure.context("Failed to start")
  )

  it("prints a chain: the sentences, the failure, and every cause to the root", () => {
    assert.strictEqual(
      Report.chain(Report.fromCause(causeOf(failing))),
      [
        "Error: Failed to start",
        "  Caused by: system error: route file invalid",
        "  Caused by: validation error: bad port",
        "  Caused by: not a number"
      ].join("\n")
    )
  })

  it("prints everything in the verbose form", () => {
    assert.strictEqual(
      Report.verbose(Report.fromCause(causeOf(failing))),
      [
        "reason: system error",
        "detail: route file invalid",
        "position: cfg.ts:9",
        "context:",
        "  [0] doing: load routes",
        "      at: routes.toml",
        "      1. line: 12",
        "  [1] doing: Failed to start",
        "path: Failed to start / load routes / routes.toml",
        `metadata: component.name="engine"`,
        "caused by:",
        "  [0] validation error: bad port [biz.validation_error]",
        "  [1] not a number"
      ].join("\n")
    )
  })

  it("adds the stack on request", () => {
    assert.match(
      Report.chain(Report.of(new Error("boom")), { stack: true }),
      /^Error: unclassified error: boom\n\s+at /
    )
  })

  it("keeps parallel failures as causes, in order, each once", () => {
    const shared = new Error("shared root")
    const cause = Cause.combine(
      Cause.fail(new Reasons.NotFound({ cause: shared })),
      Cause.fail(new Reasons.Conflict({ cause: shared }))
    )
    const { frames } = Report.fromCause(cause)
    assert.deepStrictEqual(
      frames.map((frame) => [frame.index, frame.message, frame.is_root_cause]),
      [
        [0, "shared root", false],
        [1, "conflict", true]
      ]
    )
  })

  it("unfolds an AggregateError", () => {
    const { frames } = Report.of(new AggregateError([new Error("a"), new Error("b", { cause: "c" })], "both"))
    assert.deepStrictEqual(
      frames.map((frame) => frame.message),
      ["a", "b", "c"]
    )
  })

  it("ends where a chain of causes closes on itself", () => {
    const a = new Error("a")
    const b = new Error("b", { cause: a })
    a.cause = b
    assert.strictEqual(Report.chain(Report.of(a)), "Error: unclassified error: a\n  Caused by: b")
  })

  it("shows the first and the last of 100 000 causes, and says how many it left out", () => {
    let error = new Error("root")
    for (let i = 0; i < 100_000; i++) error = new Error(`link ${i}`, { cause: error })
    const { frames } = Report.of(error)
    assert.strictEqual(frames.length, 32)
    assert.strictEqual(frames[0]?.message, "link 99998")
    assert.strictEqual(frames.at(-2)?.message, "… 99969 more causes …")
    assert.strictEqual(frames.at(-1)?.message, "root")
    assert.deepStrictEqual(
      frames.filter((frame) => frame.is_root_cause),
      [frames.at(-1)]
    )
  })

  it("cuts what is endless and says so, keeping the outermost operation and the root cause", () => {
    const deep = Array.from({ length: 200 }, (_, i) => i).reduce<Effect.Effect<never, unknown>>(
      (inner, i) => Operation.doing(inner, `step ${i}`),
      Effect.fail(new Reasons.DataError({ detail: "x".repeat(10_000_000) }))
    )
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]))
    const report = Report.fromCause(causeOf(deep.pipe(Operation.annotate({ fields, metadata: fields }))))
    assert.match(report.identity.detail!, /^x{8192}… 9,991,808 more characters$/)
    assert.strictEqual(report.contexts.length, 64)
    assert.strictEqual(report.contexts[62]?.action, "… 138 more operations")
    assert.deepStrictEqual(report.contexts[63]?.fields.at(-1), ["…", "36 more fields"])
    assert.strictEqual(report.metadata["…"], "36 more entries")
    assert.isBelow(JSON.stringify(report).length, 40_000)
  })

  it("leaves no half of a secret where it cuts", () => {
    const token = `Bearer ${"s".repeat(200)}`
    const detail = `${"y ".repeat(32_700)}${token} and more ${"z".repeat(100)}`
    const { identity } = Report.of(new Reasons.DataError({ detail }))
    assert.notInclude(identity.detail, "sss")
  })

  it("lays itself out for a terminal, within the width", () => {
    const report = Report.fromCause(causeOf(failing))
    assert.strictEqual(
      Report.pretty(report, { width: 48 }),
      [
        "✖ system error: route file invalid",
        "  sys.io_error",
        "  at cfg.ts:9",
        "  Failed to start / load routes / routes.toml",
        "    line: 12",
        `    component.name="engine"`,
        "  ├ validation error: bad port",
        "  │ biz.validation_error",
        "  └ not a number"
      ].join("\n")
    )
    assert.include(Report.pretty(report, { colour: true }), "\u001b[31m✖ \u001b[0m")
    assert.notInclude(Report.pretty(report), "\u001b")
  })

  it("goes into a page without becoming a part of it", () => {
    const page = Report.html(Report.of(new Reasons.DataError({ detail: `<script>alert("x")</script>` })))
    assert.include(page, "<li>data error: &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;</li>")
    assert.notInclude(page, "<script")
  })

  it("keeps every text on its line, so that no text can forge another", () => {
    const report = Report.of(new Reasons.DataError({ detail: "a\nError: forged\u001b[31m" }))
    assert.strictEqual(Report.chain(report), "Error: data error: a\\nError: forged\\u{1b}[31m")
    assert.strictEqual(Report.verbose(report), "reason: data error\ndetail: a\n  Error: forged\\u{1b}[31m")
  })
})

const secret = "s3cr3t-Value-42"

describe("Report.logged", () => {
  const run = (program: Effect.Effect<unknown, unknown>) => {
    const lines: Array<readonly [string, unknown]> = []
    const recorder = Logger.make(({ logLevel, message }) => void lines.push([logLevel, message]))
    Effect.runSyncExit(
      program.pipe(Effect.provide(Logger.layer([recorder])), Effect.provideService(References.MinimumLogLevel, "All"))
    )
    return lines
  }

  it("logs a failure once, however many of it it passes, at the level of its severity", () => {
    const failing = Effect.fail(new Reasons.NotFound({ detail: "order 7" }))
    assert.deepStrictEqual(run(failing.pipe(Report.logged, Operation.doing("look up"), Report.logged)), [
      ["Info", ["not found error: order 7"]]
    ])
    assert.deepStrictEqual(run(Effect.die("bug").pipe(Report.logged)), [["Error", ["BUG :logic error: bug"]]])
  })

  it("logs the next failure again, and leaves success and interruption alone", () => {
    const shared = new Reasons.NotFound()
    const once = Effect.fail(shared).pipe(Report.logged, Effect.ignore)
    assert.strictEqual(run(Effect.andThen(once, once)).length, 2)
    assert.deepStrictEqual(run(Effect.succeed(1).pipe(Report.logged)), [])
    assert.deepStrictEqual(run(Effect.interrupt.pipe(Report.logged)), [])
  })
})

describe("Redaction", () => {
  const shapes: ReadonlyArray<readonly [string, string, string]> = [
    ["a bearer token", "authorization: Bearer abc.def-ghi", "authorization: Bearer <redacted>"],
    ["credentials in a URL", "GET http://ada:hunter2@host/x failed", "GET http://<redacted>@host/x failed"],
    ["a secret query parameter", "http://host/x?api_key=abc&y=1", "http://host/x?api_key=<redacted>&y=1"],
    ["a JSON web token", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "got <redacted>"],
    ["a private key", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "<redacted>"],
    ["a card number", "card 4111 1111 1111 1111 refused", "card <redacted> refused"],
    ["a password with an @", "postgres://ada:pa@hunter2@db/x", "postgres://<redacted>@db/x"],
    ["a password with a #", "redis://:hunter2#1@h failed", "redis://<redacted>@h failed"],
    ["a user that reads like its scheme", "postgres://postgres@db", "postgres://<redacted>@db"],
    ["a value that reads like its name", "GET /x?key=key", "GET /x?key=<redacted>"],
    [
      "a value behind a secret name",
      "login failed: password=hunter2, user=ada",
      "login failed: password=<redacted>, user=ada"
    ],
    ["a secret in JSON", `sent {"user":"ada","api_key":"k-1 2"}`, `sent {"user":"ada","api_key":"<redacted>"}`],
    ["a number that is no card", "order 4111 1111 1111 1112", "order 4111 1111 1111 1112"],
    ["a timestamp in nanoseconds", "at 1763815193000000000", "at 1763815193000000000"]
  ]
  it.each(shapes)("finds %s in any text", (_name, text, clean) => {
    assert.strictEqual(Redaction.standard.text(text), clean)
    assert.strictEqual(Redaction.standard.text(clean), clean)
  })

  it("knows secret names whatever their case, separators and prefix", () => {
    for (const key of [
      "password",
      "X-API-Key",
      "secret_key",
      "jwt",
      "db.pin",
      "headers.authorization.0",
      "passwords",
      "db.Access_Key",
      "http.request.header.authorization",
      "Set-Cookie",
      "refreshToken"
    ]) {
      assert.isTrue(Redaction.standard.isSecretKey(key), key)
    }
    for (const key of ["sku", "path", "tokens_used", "key", "shipping", "author"])
      assert.isFalse(Redaction.standard.isSecretKey(key), key)
  })

  it("masks a value under a secret name wherever else it occurs", () => {
    const report = Report.fromCause(
      causeOf(
        Effect.fail(new Reasons.NetworkError({ cause: new Error(`refused ${secret}`) })).pipe(
          Operation.doing("log in", { fields: { password: secret } })
        )
      )
    )
    assert.deepStrictEqual(report.contexts[0]?.fields, [["password", "<redacted>"]])
    assert.strictEqual(report.frames[0]?.message, "refused <redacted>")
  })

  it("cuts out the longer of two secrets that begin alike, and what an object of fields holds", () => {
    const cause = causeOf(
      Effect.fail(new Error("said alphabravo99")).pipe(
        Operation.doing("log in", { fields: { password: "alpha", token: "alphabravo99", user: { password: secret } } })
      )
    )
    const report = Report.fromCause(cause)
    assert.strictEqual(report.identity.detail, "said <redacted>")
    assert.notInclude(Report.verbose(report), secret)
  })

  it("takes a field called errors for what it is", () => {
    class Errs extends Failure.Tagged<Errs>()("Errs", { errors: Schema.Array(Schema.String) }, { code: "biz.errs" }) {}
    assert.deepStrictEqual(Report.of(new Errs({ errors: ["a", "b"] })).frames, [])
  })

  it("masks the places it is told to, whatever they hold and wherever else they show", () => {
    const policy = Redaction.make({ slots: ["action", "detail", "message", "stack"], mask: "***" })
    const cause = causeOf(
      Effect.fail(new Reasons.DataError({ detail: "row 7", cause: new Error("torn") })).pipe(
        Operation.doing("import lovelace", { at: "orders.csv" }),
        Failure.context("Failed for lovelace")
      )
    )
    const report = Report.fromCause(cause, { redaction: policy })
    assert.strictEqual(report.identity.path, "*** / orders.csv")
    assert.deepStrictEqual(report.contexts[0]?.path, ["***", "orders.csv"])
    assert.strictEqual(
      Report.chain(report, { stack: true }),
      "Error: ***\n  Caused by: data error: ***\n  Caused by: ***\n***"
    )
    assert.notInclude(JSON.stringify(report), "lovelace")
  })

  it("leaves the end of a secret, or a hash of it, where it is asked to", () => {
    const ends = Redaction.make({ conceal: Redaction.keepLast(4) })
    assert.strictEqual(ends.text("sent Bearer abcdefghijkl"), "sent Bearer …ijkl")
    assert.strictEqual(ends.text("sent Bearer abcdef"), "sent Bearer <redacted>")
    const hashes = Redaction.make({ conceal: (text) => `#${text.length}` })
    assert.strictEqual(hashes.text("GET http://ada:hunter2@host"), "GET http://#11@host")
  })

  const call = causeOf(
    Effect.fail(new Reasons.DataError({ detail: "?token=0123456789abcdef" })).pipe(
      Operation.doing("call", {
        fields: { apiKey: "0123456789abcdef", pin: 123456789, n: 1 },
        metadata: { "db.password": "0123456789abcdef", session: true, n: 1 }
      })
    )
  )
  it.each<readonly [string, Redaction.Conceal | undefined, string | undefined, string]>([
    ["masks it", undefined, "***", "?token=***"],
    ["leaves the field out, and masks it in a text", Redaction.drop, undefined, "?token=***"],
    ["keeps the end", Redaction.keepLast(4), "…cdef", "?token=…cdef"],
    ["puts a keyed hash there", Redaction.keyedHash(signed), "#b0349a882ba44d37", "?token=#b0349a882ba44d37"],
    [
      "masks it where that fails",
      () => {
        throw new Error("no")
      },
      "***",
      "***"
    ]
  ])("%s where a value has a secret name, and is the same once more", (_name, conceal, value, detail) => {
    const policy = Redaction.make({ mask: "***", ...(conceal === undefined ? {} : { conceal }) })
    const report = Report.fromCause(call, { redaction: policy })
    const [context] = report.contexts
    assert.strictEqual(context?.fields.find(([name]) => name === "apiKey")?.[1], value)
    assert.strictEqual(context?.metadata["db.password"], value)
    assert.strictEqual(context?.metadata["n"], 1)
    assert.deepStrictEqual(context?.fields.at(-1), ["n", "1"])
    // A value that is known is not concealed where it is repeated: the mask says so.
    assert.include(["?token=***", detail], report.identity.detail)
    assert.strictEqual(policy.text("?token=0123456789abcdef"), detail)
    assert.strictEqual(policy.text(detail), detail)
    const plain = JSON.parse(JSON.stringify(report)) as Report.Report
    assert.notInclude(JSON.stringify(plain), "0123456789abcdef")
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Report.redact(plain, policy))), plain)
    assert.deepStrictEqual([plain.identity.code, plain.identity.category], ["sys.data_error", "sys"])
  })

  it("masks the whole text where the hash is no hash", () => {
    const policy = Redaction.make({ conceal: Redaction.keyedHash((secret) => secret.toUpperCase()) })
    assert.strictEqual(policy.text("?token=0123456789abcdef"), "<redacted>")
    assert.strictEqual(policy.text("?token=short"), "<redacted>")
  })

  it("keeps slots apart from fields of the same name", () => {
    const cause = causeOf(
      Effect.fail(new Reasons.DataError({ detail: "SLOT" })).pipe(
        Operation.doing("ACTION", { fields: { detail: "FIELD", action: "FIELD" }, metadata: { message: "FIELD" } })
      )
    )
    const bySlot = JSON.stringify(
      Report.fromCause(cause, { redaction: Redaction.make({ slots: ["detail", "action", "message"] }) })
    )
    const byKey = JSON.stringify(
      Report.fromCause(cause, { redaction: Redaction.make({ keys: ["detail", "action", "message"] }) })
    )
    assert.deepStrictEqual([/SLOT|ACTION/.test(bySlot), /FIELD/.test(bySlot)], [false, true])
    assert.deepStrictEqual([/SLOT/.test(byKey), /ACTION/.test(byKey), /FIELD/.test(byKey)], [true, true, false])
  })

  it("fails closed: a policy that throws masks every text and every value", () => {
    const boom = (): never => {
      throw new Error("no")
    }
    const broken: Redaction.Policy = { mask: "***", isSecretKey: boom, text: boom, conceal: boom }
    const nameless: Redaction.Policy = { ...Redaction.make({ mask: "***" }), isSecretKey: boom }
    for (const shown of [
      Report.fromCause(call, { redaction: broken }),
      Report.redact(Report.fromCause(call), broken),
      Report.fromCause(call, { redaction: nameless }),
      Report.redact(Report.fromCause(call), nameless)
    ]) {
      assert.include(["***", "?token=***", "?token=<redacted>"], shown.identity.detail)
      assert.strictEqual(shown.identity.code, "sys.data_error")
      assert.deepStrictEqual(
        shown.contexts[0]?.fields.map(([, value]) => value),
        ["***", "***", "***"]
      )
    }
  })

  it.each([
    ["JSON in JSON", `{"body":"{\\"password\\":\\"hunter2-x\\"}"}`, `{"body":"{\\"password\\":\\"<redacted>\\"}"}`],
    ["a query in a query", "?next=%2Flogin%3Ftoken%3Dabc123%26a%3D1", "?next=%2Flogin%3Ftoken%3D<redacted>%26a%3D1"],
    ["a URL in a URL", "?u=http%3A%2F%2Fada%3Ahunter2%40db%2F", "?u=http%3A%2F%2F<redacted>%40db%2F"],
    ["a text with a colour in it", "pass\u001b[1mword=hunter2", "pass\u001b[1mword=<redacted>"],
    ["HTML", "&quot;apiKey&quot;: &quot;k-1&quot;", "&quot;apiKey&quot;: &quot;<redacted>&quot;"]
  ])("finds the shape of a secret in %s", (_name, text, clean) => {
    assert.strictEqual(Redaction.standard.text(text), clean)
    assert.strictEqual(Redaction.standard.text(clean), clean)
  })

  it("masks everything when a scanner of the application fails", () => {
    const broken = Redaction.make({
      scanners: [
        {
          name: "broken",
          pattern: /./g,
          find: () => {
            throw new Error("no")
          }
        }
      ]
    })
    assert.strictEqual(broken.text("anything"), "<redacted>")
  })

  it("shows a scanner of the application only the texts that hold what it needs", () => {
    const asked: Array<string> = []
    const find = (match: string): string => {
      asked.push(match)
      return match
    }
    const policy = Redaction.make({ scanners: [{ name: "ticket", pattern: /T\w+/g, needs: ["T7", "T8"], find }] })
    assert.strictEqual(policy.text("Tomorrow T7x"), "<redacted> <redacted>")
    assert.strictEqual(policy.text("Tomorrow"), "Tomorrow")
    assert.strictEqual(policy.text("T8y"), "<redacted>")
    assert.deepStrictEqual(asked, ["Tomorrow", "T7x", "T8y"])
  })

  it("lets no planted secret out, whatever slot it is in", () => {
    const slots: Record<string, (s: string) => Effect.Effect<never, unknown>> = {
      "sensitive field": (s) => Effect.fail(new LoginRefused({ user: "ada", password: s })),
      "sensitive field repeated by the cause": (s) =>
        Effect.fail(new LoginRefused({ user: "ada", password: s, cause: new Error(`bad ${s}`), detail: `tried ${s}` })),
      "sensitive field of a cause": (s) =>
        Effect.fail(new Reasons.DataError({ cause: new LoginRefused({ user: "ada", password: s }), detail: s })),
      "secret field": (s) => Effect.fail(new Error(s)).pipe(Operation.doing(`do ${s}`, { fields: { token: s } })),
      "secret metadata": (s) =>
        Effect.fail(new Error(s)).pipe(Operation.doing("do", { at: s, metadata: { "db.password": s } })),
      "bearer header": (s) => Effect.fail(new Error(`sent Bearer ${s}`)),
      "URL credentials": (s) =>
        Effect.fail(new Error(`http://user:${s}@host/`)).pipe(Operation.at(`https://x:${s}@h/p`)),
      "query parameter": (s) => Effect.die(new Error(`http://host/?token=${s}`))
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(slots)),
        fc.stringMatching(/^[A-Za-z0-9]{12,40}$/),
        (slot, planted) => {
          const cause = causeOf(slots[slot]!(planted))
          const report = Report.fromCause(cause)
          const outputs = [
            JSON.stringify(report),
            Report.compact(report),
            Report.verbose(report),
            Report.chain(report, { stack: true }),
            Report.pretty(report, { stack: true }),
            Report.html(report)
          ]
          for (const output of outputs) assert.notInclude(output, planted, slot)
        }
      ),
      { numRuns: 400 }
    )
  })
})

describe("Report of hostile values", () => {
  const revoked = <A extends object>(target: A): A => {
    const { proxy, revoke } = Proxy.revocable(target, {})
    revoke()
    return proxy
  }

  const table: ReadonlyArray<readonly [string, () => unknown]> = [
    [
      "a cause that is new each time",
      () => {
        class Evil extends Error {
          override get cause(): unknown {
            return new Evil("x")
          }
        }
        return new Evil("x")
      }
    ],
    [
      "twenty thousand errors that each have as many",
      () => {
        class Many extends Error {
          get errors(): ReadonlyArray<unknown> {
            // Each is another one; making them with a stack would take longer than looking at them.
            return Array.from({ length: 20_000 }, () => Object.create(this) as unknown)
          }
        }
        return new Many("x")
      }
    ],
    ["a position that is no text", () => Object.assign(new Error("x"), { position: 5 })],
    ["a revoked list of errors", () => Object.assign(new Error("x"), { errors: revoked([]) })],
    ["a revoked cause", () => new Error("x", { cause: revoked({}) })],
    [
      "a list that claims five million members",
      () => {
        const errors = new Proxy([], { get: (_, key) => (key === "length" ? 5_000_000 : undefined) })
        return Object.assign(new Error("x"), { errors })
      }
    ],
    [
      "a list of itself",
      () => {
        const errors: Array<unknown> = []
        errors.push(errors)
        return new Error("x", { cause: errors })
      }
    ]
  ]
  it.each(table)("ends, and says what there is: %s", (_name, make) => {
    assert.match(Report.chain(Report.of(make())), /^Error: unclassified error: x/)
  })

  it("finds the end of a text without spaces as fast as of any other", () => {
    const report = Report.of(new Reasons.DataError({ detail: "x".repeat(10_000_000) }))
    assert.isBelow(report.identity.detail!.length, 10_000)
  })

  it("hides a secret that is longer than what is looked at, and one that is a name", () => {
    const long = "k".repeat(100_000)
    const failure = new LoginRefused({ user: "ada", password: long, detail: `tried ${long}` })
    assert.strictEqual(Report.of(failure).identity.detail, "tried <redacted>")
    const named = new LoginRefused({ user: "ada", password: secret })
    const report = Report.fromCause(
      causeOf(
        Effect.fail(named).pipe(Operation.doing("log in", { fields: { [secret]: 1 }, metadata: { [secret]: true } }))
      )
    )
    assert.notInclude(Report.verbose(report) + JSON.stringify(report), secret)
  })
})
