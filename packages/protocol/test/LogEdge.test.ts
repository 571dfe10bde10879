import { assert, describe, it } from "@effect/vitest"
import { Failure, Identity, Operation, Reasons, Redaction } from "@holdfast/core"
import { LogEdge, Projection, RemoteFailure } from "@holdfast/protocol"
import { Cause, Effect, ErrorReporter, Fiber, Logger, References, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { raised } from "./support.ts"

const linesOf = (program: Effect.Effect<unknown>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const collecting = Logger.map(LogEdge.logger, (line) => void lines.push(line))
  Effect.runSync(Effect.provide(program, Logger.layer([collecting])))
  return lines
}

const entryOf = (program: Effect.Effect<unknown>): Record<string, unknown> =>
  JSON.parse(linesOf(program)[0]!) as Record<string, unknown>

const torn = () =>
  raised(new Reasons.DataError({ detail: "row 7 is torn" }), Operation.doing("import", { metadata: { line: 7 } }))

describe("A log line", () => {
  it("holds the log projection of the failure among its messages", () => {
    const failure = torn()
    const entry = entryOf(Effect.logError("order lost", failure))
    assert.deepInclude(entry, { level: "ERROR", message: "order lost" })
    assert.deepStrictEqual(entry["failure"], JSON.parse(Projection.stringify(Projection.toLog(failure))))
    assert.match(String(entry["time"]), /^\d{4}-\d\d-\d\dT/)
  })

  it("holds the failure of the entry's cause, defects and interruptions included", () => {
    for (const [cause, code] of [
      [Cause.fail(torn()), "sys.data_error"],
      [Cause.die(new Error("bug")), "logic.internal_invariant_broken"],
      [Cause.interrupt(7), "sys.cancelled"]
    ] as const) {
      const { failure, message } = entryOf(Effect.logError("lost", cause))
      assert.deepInclude(failure, { code })
      assert.strictEqual(message, "lost")
    }
  })

  it("says where a bug is, without its secrets, and of nothing else", () => {
    const bug = new TypeError("Bearer s3cr3tTokenValue9 is undefined")
    const { stack } = entryOf(Effect.logError(Cause.die(bug)))
    assert.include(String(stack), "LogEdge.test.ts")
    assert.notInclude(String(stack), "s3cr3tTokenValue9")
    assert.notProperty(entryOf(Effect.logError(torn())), "stack")
  })

  it("has the reason as its message when nobody said anything else", () => {
    assert.strictEqual(entryOf(Effect.logError(torn()))["message"], "data error")
  })

  it("has no failure when there is none", () => {
    const entry = entryOf(Effect.logInfo("started", { port: 8080 }))
    assert.deepStrictEqual(Object.keys(entry), ["time", "level", "message"])
    assert.strictEqual(entry["message"], `started {"port":8080}`)
  })

  it("repeats nowhere what one of its annotations keeps under a secret name", () => {
    const program = Effect.logError("tried hunter2", Cause.fail(torn())).pipe(
      Effect.annotateLogs({ password: "hunter2", note: "it was hunter2", cookies: { session: "s3cr3t-s3cr3t" } })
    )
    for (const said of [program, Effect.logInfo("hunter2 again").pipe(Effect.annotateLogs("password", "hunter2"))]) {
      assert.notMatch(linesOf(said).join(""), /hunter2|s3cr3t/)
    }
  })

  it("names span and annotations, without secrets", () => {
    const entry = entryOf(
      Effect.logInfo("sent with Bearer abcdefghijkl").pipe(
        Effect.annotateLogs({ tenant: "acme", attempt: 2, apiKey: "hunter2hunter2" }),
        Effect.withSpan("import")
      )
    )
    assert.deepStrictEqual(entry["annotations"], { tenant: "acme", attempt: 2, apiKey: "<redacted>" })
    assert.match(String(entry["trace_id"]), /^[0-9a-f]{32}$/)
    assert.match(String(entry["span_id"]), /^[0-9a-f]{16}$/)
    assert.notInclude(String(entry["message"]), "abcdefghijkl")
  })

  it("is one line, whatever is logged", () => {
    fc.assert(
      fc.property(fc.array(fc.anything(), { maxLength: 3 }), fc.string({ unit: "binary" }), (messages, key) => {
        const nasty = "a\nb\r\u2028c\u001b[31m\u0000"
        const lines = linesOf(
          Effect.logError(...messages, nasty, new Error(nasty)).pipe(Effect.annotateLogs({ [key]: nasty }))
        )
        assert.lengthOf(lines, 1)
        // oxlint-disable-next-line no-control-regex
        assert.notMatch(lines[0]!, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
        assert.doesNotThrow(() => JSON.parse(lines[0]!) as unknown)
      })
    )
  })

  it("shows nowhere what one of its failures keeps secret", () => {
    class Login extends Failure.Tagged<Login>()(
      "LogLogin",
      { pw: Failure.sensitive(Schema.String) },
      { code: "biz.log_login" }
    ) {}
    const secret = "s3cr3tTokenValue9"
    const login = new Login({ pw: secret })
    const entries = [
      Effect.logError(`login with ${secret} refused`, login),
      Effect.logError(login, new Error(`x ${secret}`)),
      Effect.logError(new Error(`x ${secret}`), login).pipe(Effect.annotateLogs("note", `pw was ${secret}`)),
      Effect.logError("lost", Cause.fail(login), { [secret]: secret }).pipe(Effect.withLogSpan(`try ${secret}`)),
      Effect.logError("x").pipe(Effect.annotateLogs({ login, [`by ${secret}`]: secret })),
      Effect.logError("x").pipe(Effect.annotateLogs(`Bearer ${secret}`, 1)),
      Effect.logError({ headers: [["authorization", secret]] })
    ]
    for (const [index, entry] of entries.entries()) assert.notInclude(linesOf(entry)[0]!, secret, `entry ${index}`)
    assert.strictEqual(entryOf(Effect.logError(`login with ${secret}`, login))["message"], "login with <redacted>")
  })

  it("masks members of secret names in what is logged, and says what JSON cannot", () => {
    const cyclic: Record<string, unknown> = { a: 1 }
    cyclic["self"] = cyclic
    const shared = { b: 2 }
    const entry = entryOf(
      Effect.logInfo(
        { user: "ada", password: "hunter2", nested: [{ apiKey: "hunter2" }] },
        cyclic,
        [shared, shared],
        { big: 10n, run: () => 1, error: { inner: new RangeError("far") } },
        { toJSON: () => assert.fail("no") }
      )
    )
    assert.strictEqual(
      entry["message"],
      `{"user":"ada","password":"<redacted>","nested":[{"apiKey":"<redacted>"}]} ` +
        `{"a":1,"self":"[circular]"} [{"b":2},{"b":2}] ` +
        `{"big":"10n","run":"() => 1","error":{"inner":"RangeError: far"}} [unprintable]`
    )
  })

  it("marks a member that cannot be printed, and says the others", () => {
    const deep = JSON.parse("[".repeat(20) + "]".repeat(20)) as unknown
    let deeper: unknown = 0
    for (let i = 0; i < 100_000; i++) deeper = [deeper]
    const entry = entryOf(
      Effect.logInfo(
        { order: 7, token: "hunter2", bad: { toJSON: () => assert.fail("no") } },
        { deep },
        { a: 1, deeper }
      )
    )
    assert.strictEqual(
      entry["message"],
      `{"order":7,"token":"<redacted>","bad":"[unreadable]"} {"deep":${JSON.stringify(deep)}} ` +
        `{"a":1,"deeper":[[[[[[["[too deep]"]]]]]]]}`
    )
  })

  it("masks members by the redaction policy in force, whatever they are", () => {
    const entry = entryOf(
      Effect.logInfo({ shelf: 7, list: [{ shelf: { deep: true } }] }).pipe(
        Effect.provideService(Redaction.Redaction, Redaction.make({ keys: ["shelf"] }))
      )
    )
    assert.strictEqual(entry["message"], `{"shelf":"<redacted>","list":[{"shelf":"<redacted>"}]}`)
  })

  it("masks a secret number that stands beside it under another name", () => {
    const entry = entryOf(
      Effect.annotateLogs(Effect.logInfo("dialled 7734551"), { pin: 7734551, n: 7734551, rows: 12 })
    )
    assert.deepStrictEqual(entry["annotations"], { pin: "<redacted>", n: "<redacted>", rows: 12 })
    assert.strictEqual(entry["message"], "dialled <redacted>")
  })

  it("survives annotations that are cyclic, big or traps", () => {
    const cyclic: Array<unknown> = []
    cyclic.push(cyclic)
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const entry = entryOf(Effect.annotateLogs(Effect.logInfo("x"), { cyclic, big: 10n, proxy, list: [1, 2] }))
    assert.deepStrictEqual(entry["annotations"], {
      cyclic: `["[circular]"]`,
      big: `"10n"`,
      proxy: "[unprintable]",
      list: "[1,2]"
    })
  })

  it.effect("says how long each span has been open", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const collecting = Logger.map(LogEdge.logger, (line) => void lines.push(line))
      yield* TestClock.adjust("30 millis").pipe(
        Effect.andThen(Effect.logInfo("x")),
        Effect.withLogSpan("load\nall"),
        Effect.provide(Logger.layer([collecting]))
      )
      assert.deepInclude(JSON.parse(lines[0]!), { time: "1970-01-01T00:00:00.030Z", spans: { "load\nall": 30 } })
    })
  )

  it("has the level it was logged with, whatever the severity of its failure", () => {
    assert.strictEqual(
      entryOf(Effect.logDebug(torn()).pipe(Effect.provideService(References.MinimumLogLevel, "All")))["level"],
      "DEBUG"
    )
    assert.strictEqual(entryOf(Effect.logFatal("x", new Reasons.NotFound()))["level"], "FATAL")
  })

  it("is of bounded size", () => {
    const lines = linesOf(Effect.logError("x".repeat(10_000_000), new Error("y".repeat(10_000_000))))
    assert.isBelow(lines[0]!.length, 100_000)
  })

  it("is read back as a remote failure", () => {
    const entry = entryOf(Effect.logError(torn()))
    const back = Effect.runSync(RemoteFailure.decodeLog(entry["failure"]))
    assert.strictEqual(Identity.of(back).detail, "row 7 is torn")
    assert.deepStrictEqual(back.metadata, { line: 7 })
  })
})

describe("A line that is read back", () => {
  it.effect("gives the failure in it, as the projection alone does", () =>
    Effect.gen(function* () {
      const failure = new Reasons.NotFound({ detail: "order 7" })
      const [line] = linesOf(Effect.logError("lost", failure))
      const read = yield* RemoteFailure.decodeLog(line)
      assert.deepStrictEqual({ ...read }, { ...(yield* RemoteFailure.decodeLog(Projection.toLog(failure))) })
      assert.instanceOf(yield* RemoteFailure.decodeLog(line, [Reasons.NotFound]), Reasons.NotFound)
      const [plain] = linesOf(Effect.logInfo("nothing failed"))
      const none = yield* Effect.flip(RemoteFailure.decodeLog(plain))
      assert.strictEqual(none._tag, "UndecodableRemote")
    })
  )
})

describe("What is reported", () => {
  const logged = (program: Effect.Effect<unknown>) => linesOf(Effect.provide(program, LogEdge.reporting))

  it("is one entry for each failure, at its severity", () => {
    const cause = Cause.fail(torn())
    const lines = logged(Effect.andThen(ErrorReporter.report(cause), ErrorReporter.report(cause)))
    assert.lengthOf(lines, 1)
    assert.deepInclude(JSON.parse(lines[0]!), { level: "ERROR", message: "data error" })
    const [info] = logged(ErrorReporter.report(Cause.fail(new Reasons.NotFound())))
    assert.deepInclude(JSON.parse(info!), { level: "INFO", message: "not found error" })
  })

  it("is one entry for what a library reported before the edge did, and another one in another fiber", () => {
    const bug = new Error("bug")
    const twice = Effect.andThen(ErrorReporter.report(Cause.die(bug)), ErrorReporter.report(Cause.die(bug)))
    assert.lengthOf(logged(twice), 1)
    assert.lengthOf(logged(Effect.all([twice, Effect.forkChild(twice).pipe(Effect.flatMap(Fiber.join))])), 2)
  })

  it("is nothing for an interruption, and for what is not to be reported", () => {
    const ignored = Object.assign(new Error("x"), { [ErrorReporter.ignore]: true })
    assert.deepStrictEqual(logged(ErrorReporter.report(Cause.interrupt(7))), [])
    assert.deepStrictEqual(logged(ErrorReporter.report(Cause.fail(ignored))), [])
  })

  it("knows the annotations and the span of the fiber", () => {
    const [line] = logged(
      ErrorReporter.report(Cause.die(new Error("bug"))).pipe(
        Effect.annotateLogs("tenant", "acme"),
        Effect.withSpan("s")
      )
    )
    assert.deepInclude(JSON.parse(line!), { annotations: { tenant: "acme" } })
    assert.property(JSON.parse(line!), "trace_id")
  })
})
