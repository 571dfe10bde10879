import { assert, describe, expect, it } from "@effect/vitest"
import { Classifier, Failure, Reasons } from "@holdfast/core"
import { Cause, Duration, Effect, Equal, ErrorReporter, Exit, Hash, Redacted, Schema } from "effect"
import { inspect } from "node:util"
import { expectTypeOf } from "vitest"
import { declaredAt } from "../src/failure/declaration.ts"

class StockUnavailable extends Failure.Tagged<StockUnavailable>()(
  "StockUnavailable",
  { sku: Schema.String, requested: Schema.Int },
  {
    code: "biz.stock.unavailable",
    detail: ({ requested, sku }) => `${requested} of ${sku} requested`,
    http: 409,
    hints: { client: ["reduce the quantity"] }
  }
) {}

class LoginRefused extends Failure.Tagged<LoginRefused>()(
  "LoginRefused",
  { user: Schema.String, password: Failure.sensitive(Schema.String), key: Schema.Redacted(Schema.String) },
  { code: "biz.login.refused", detail: ({ key, password, user }) => `${user} with ${password} and ${key}` }
) {}

const stock = () => new StockUnavailable({ sku: "A-1", requested: 3 })

describe("Failure.Tagged", () => {
  it.effect("makes an error that is yielded, caught by its tag, and typed by its fields", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        return yield* stock()
      })
      expectTypeOf(program).toEqualTypeOf<Effect.Effect<never, StockUnavailable>>()
      const caught = program.pipe(
        Effect.catchTag("StockUnavailable", (failure) => {
          expectTypeOf(failure.sku).toEqualTypeOf<string>()
          expectTypeOf(failure.retryAfter).toEqualTypeOf<Duration.Duration | undefined>()
          return Effect.succeed(`${failure.sku}/${failure.requested}`)
        })
      )
      expectTypeOf(caught).toEqualTypeOf<Effect.Effect<string>>()
      assert.strictEqual(yield* caught, "A-1/3")
    })
  )

  it("is equal to another by its fields", () => {
    const other = new StockUnavailable({ sku: "A-1", requested: 4 })
    assert.isTrue(Equal.equals(stock(), stock()))
    assert.isTrue(Equal.equals(Exit.fail(stock()), Exit.fail(stock())))
    assert.strictEqual(Hash.hash(stock()), Hash.hash(stock()))
    assert.isFalse(Equal.equals(stock(), other))
    assert.isFalse(Equal.equals(stock(), new Reasons.NotFound()))
  })

  it("fills in what the declaration leaves out", () => {
    assert.deepInclude(StockUnavailable.declared, {
      tag: "StockUnavailable",
      code: "biz.stock.unavailable",
      category: "biz",
      reason: "unavailable",
      retry: "never",
      severity: "Info",
      http: 409,
      grpc: undefined,
      hints: { client: ["reduce the quantity"], partner: [], operator: [], developer: [] }
    })
    assert.strictEqual(Reasons.NetworkError.declared.severity, "Warn")
    assert.strictEqual(Reasons.LogicError.declared.severity, "Error")
  })

  it("speaks in its message: reason and detail, the instance's own detail first", () => {
    assert.strictEqual(stock().message, "unavailable: 3 of A-1 requested")
    assert.strictEqual(
      new StockUnavailable({ sku: "A-1", requested: 3, detail: "none left" }).message,
      "unavailable: none left"
    )
    assert.strictEqual(String(stock()), "StockUnavailable: unavailable: 3 of A-1 requested")
    assert.match(stock().stack!, /^StockUnavailable: unavailable: 3 of A-1 requested\n\s+at .*Failure\.test\.ts/)
  })

  it("counts a detail function that throws as no detail", () => {
    class Clumsy extends Failure.Tagged<Clumsy>()(
      "Clumsy",
      {},
      {
        code: "logic.clumsy",
        detail: () => {
          throw new Error("oops")
        }
      }
    ) {}
    assert.strictEqual(new Clumsy().message, "clumsy")
  })

  it("shows its code and fields, without secrets, where it is inspected", () => {
    const text = inspect(new LoginRefused({ user: "ada", password: "hunter2!", key: Redacted.make("k-123456") }))
    assert.match(text, /^LoginRefused: refused: ada with <redacted> and <redacted>\n\s+at /)
    assert.include(text, "code: 'biz.login.refused'")
    assert.include(text, "password: '<redacted>'")
  })

  it("refuses fields of the wrong type", () => {
    expect(() => new StockUnavailable({ sku: "A-1", requested: 1.5 })).toThrow(
      /^Failure "StockUnavailable": requested: Expected an integer$/
    )
    // @ts-expect-error a field is missing
    expect(() => new StockUnavailable({ sku: "A-1" })).toThrow(/^Failure "StockUnavailable": requested: Missing key$/)
    // @ts-expect-error the compiler knows, too; the value, which may be a secret, is not shown
    const secret = () => new LoginRefused({ user: "ada", password: 12345, key: Redacted.make("k") })
    expect(secret).toThrow(Failure.InvalidFields)
    expect(secret).not.toThrow(/12345/)
  })

  it("survives JSON with detail and retryAfter, without cause and position", () => {
    const codec = Schema.toCodecJson(StockUnavailable)
    const failure = new StockUnavailable({
      sku: "A-1",
      requested: 3,
      detail: "none left",
      retryAfter: "2 seconds",
      cause: new Error("the database said so"),
      position: "stock.ts:7"
    })
    const wire = JSON.stringify(Schema.encodeSync(codec)(failure))
    assert.strictEqual(
      wire,
      `{"_tag":"StockUnavailable","sku":"A-1","requested":3,"detail":"none left","retryAfter":2000}`
    )
    const back = Schema.decodeUnknownSync(codec)(JSON.parse(wire))
    assert.instanceOf(back, StockUnavailable)
    assert.deepStrictEqual(back.retryAfter, Duration.seconds(2))
    assert.strictEqual(back.message, failure.message)
    assert.strictEqual(failure.position, "stock.ts:7")
    assert.instanceOf(failure.cause, Error)
  })

  it("tells Effect's error reporters how bad it is and what it is", () => {
    const seen: Array<unknown> = []
    const reporter = ErrorReporter.make(({ attributes, severity }) => seen.push([severity, attributes]))
    Effect.runSyncExit(
      Effect.fail(stock()).pipe(Effect.withErrorReporting, Effect.provide(ErrorReporter.layer([reporter])))
    )
    assert.deepStrictEqual(seen, [
      ["Info", { "error.type": "biz.stock.unavailable", "error.category": "biz", "error.retry": "never" }]
    ])
  })

  it("is declared for good: nobody who reads the declaration can change it", () => {
    const given = ["reduce the quantity"]
    class Frozen extends Failure.Tagged<Frozen>()("Frozen", {}, { code: "biz.frozen", hints: { client: given } }) {}
    const { declared } = Frozen
    given.push("changed")
    assert.throws(() => Object.assign(declared, { reason: "changed" }), TypeError)
    assert.throws(() => Object.assign(declared.hints, { client: [] }), TypeError)
    assert.throws(() => (declared.hints.client as Array<string>).push("changed"), TypeError)
    assert.deepStrictEqual([declared.reason, declared.hints.client], ["frozen", ["reduce the quantity"]])
  })

  it("keeps sensitive fields out of everything it says about itself", () => {
    const failure = new LoginRefused({ user: "ada", password: "hunter2!", key: Redacted.make("k-123456") })
    assert.strictEqual(failure.password, "hunter2!")
    const wire = Schema.encodeSync(Schema.toCodecJson(LoginRefused))(failure)
    const outputs = [
      JSON.stringify(failure),
      failure.message,
      failure.stack,
      inspect(failure),
      String(failure),
      JSON.stringify(wire)
    ]
    outputs.push(Cause.pretty(Cause.fail(failure)))
    for (const output of outputs) {
      assert.notInclude(output, "hunter2!")
      assert.notInclude(output, "k-123456")
    }
    assert.deepStrictEqual(wire, { _tag: "LoginRefused", user: "ada", password: "<redacted>", key: "<redacted>" })
    assert.instanceOf(Schema.decodeUnknownSync(Schema.toCodecJson(LoginRefused))(wire), LoginRefused)
  })
})

const declare = (tag: string, code: string, extra?: object) => () =>
  Failure.Tagged<Failure.Any>()(tag, {}, { code: code as Failure.Code, ...extra })

describe("the syntax of a code", () => {
  it("can be asked for without declaring anything", () => {
    for (const code of ["biz.a", "conf.core_invalid", "logic.a1.b2_c3", "sys.timeout"]) {
      assert.isTrue(Failure.isCode(code), code)
    }
    for (const text of ["", "biz", "biz.", "biz.A", "biz.a__b", "biz._a", "biz.1", "foo.bar", "biz.a b", " biz.a"]) {
      assert.isFalse(Failure.isCode(text), text)
    }
  })
})

describe("a wrong declaration", () => {
  const table: ReadonlyArray<readonly [string, () => unknown, RegExp]> = [
    ["a code without a second segment", declare("X1", "biz"), /"biz" is not a stable key\. Write at least two/],
    ["a code with a capital", declare("X2", "biz.Weird"), /is not a stable key/],
    ["a code with an empty segment", declare("X3", "biz."), /is not a stable key/],
    ["a code with a double underscore", declare("X4", "biz.a__b"), /is not a stable key/],
    ["an unknown category", declare("X5", "foo.bar"), /starts with "foo", which is no category\. Start it with biz/],
    ["a status that is no error", declare("X6", "biz.fine", { http: 200 }), /http status 200 is not an error status/],
    ["an empty reason", declare("X7", "biz.silent", { reason: " " }), /reason is empty/],
    [
      "a member that does not belong",
      declare("X8", "biz.misspelt", { severty: "Info" }),
      /"severty" is no member of a declaration\. There are code, /
    ],
    [
      "a value that is none of its kind",
      declare("X9", "biz.sometimes", { retry: "sometimes" }),
      /retry cannot be "sometimes"\. Use one of never, transient, throttled/
    ],
    [
      "a hint for nobody",
      declare("X13", "biz.addressed", { hints: { customer: ["call us"] } as never }),
      /"customer" reads no hints\. Use one of client, partner, operator, developer/
    ],
    [
      "a reserved field",
      // @ts-expect-error every failure already has a cause
      () => Failure.Tagged<Failure.Any>()("X10", { cause: Schema.String }, { code: "biz.reserved" }),
      /field "cause" is reserved/
    ],
    [
      "a field that would hide a method",
      () => Failure.Tagged<Failure.Any>()("X11", { toString: Schema.String }, { code: "biz.reserved" }),
      /field "toString" is reserved/
    ],
    [
      "a code that the compiler can already tell is none",
      // @ts-expect-error there is no such category
      () => Failure.Tagged<Failure.Any>()("X12", {}, { code: "printer.offline" }),
      /starts with "printer", which is no category/
    ]
  ]
  it.each(table)("%s is refused where it stands, with the fix", (_name, wrong, message) => {
    expect(wrong).toThrow(Failure.InvalidDeclaration)
    expect(wrong).toThrow(message)
  })

  it("names both places when a code is declared twice", () => {
    declare("FirstOwner", "biz.twice.declared")()
    expect(declare("SecondOwner", "biz.twice.declared")).toThrow(
      /declared twice: as "FirstOwner" at .*Failure\.test\.ts:\d+ and as "SecondOwner" at .*Failure\.test\.ts:\d+/
    )
  })

  it("names the place of the class where a bundler made one file of everything", () => {
    const stack = [
      "Error",
      "    at declare (file:///app/bundle.js:10:9)",
      "    at file:///app/bundle.js:200:30",
      "    at ModuleJob.run (node:internal/modules/esm/module_job:561:25)"
    ].join("\n")
    assert.strictEqual(declaredAt(stack, () => true).text, "/app/bundle.js:200")
    assert.strictEqual(declaredAt(undefined, () => true).text, "an unknown place")
  })

  it("is not seen in the same class declared again by the same file, as a reload does", () => {
    declare("Reloaded", "biz.reloaded")()
    expect(declare("Reloaded", "biz.reloaded")).not.toThrow()
  })
})

describe("Failure.stackless", () => {
  it.effect("makes a failure that behaves like any other, without a trace", () =>
    Effect.gen(function* () {
      const failure = Failure.stackless(Reasons.CircuitOpen, {
        circuit: "payments",
        state: "open",
        retryAfter: Duration.seconds(3)
      })
      assert.instanceOf(failure, Reasons.CircuitOpen)
      assert.strictEqual(failure.stack, "CircuitOpen: circuit open: payments is open")
      const exit = yield* Effect.exit(failure)
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* Effect.catchTag(failure, "CircuitOpen", (e) => Effect.succeed(e.circuit)), "payments")
      assert.deepStrictEqual(Classifier.retryAfterOf(failure), Duration.seconds(3))
      assert.include(Cause.pretty(Cause.fail(failure)), "payments is open")
    })
  )
})
