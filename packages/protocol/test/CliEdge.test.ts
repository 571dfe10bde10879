import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Failure, Operation, Reasons } from "@holdfast/core"
import { CliEdge } from "@holdfast/protocol/cli"
import { assertNothingLeaks } from "@holdfast/protocol/testing"
import { Cause, Context, Effect, Exit, Layer, Runtime } from "effect"
import { Command, Flag } from "effect/cli"
import { TestConsole } from "effect/testing"
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"

const ended = <E>(self: Effect.Effect<unknown, E>, options?: CliEdge.Options) =>
  Effect.gen(function* () {
    const { length } = yield* TestConsole.errorLines
    const exit = yield* Effect.exit(CliEdge.main(self, options))
    const codes: Array<number> = []
    Runtime.defaultTeardown(exit, (code) => codes.push(code))
    return { code: codes[0], stderr: (yield* TestConsole.errorLines).slice(length).join("\n") }
  })

const lost = () =>
  new Reasons.CoreConfigInvalid({ detail: "endpoint is empty\n\u001b[31m", cause: new Error("app.toml:3") })

describe("A command that ends", () => {
  it.effect("with success says nothing and exits with 0", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ended(Effect.succeed(1)), { code: 0, stderr: "" })
    })
  )

  it.effect("with a failure prints its chain, its code and the hints, and exits with the code of sysexits", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* ended(Effect.fail(lost()))
      assert.strictEqual(code, 78)
      assert.deepStrictEqual(stderr.split("\n"), [
        "Error: configuration error << core config: endpoint is empty\\n\\u{1b}[31m",
        "  Caused by: app.toml:3",
        "  Code: conf.core_invalid",
        "  Hint: check configuration values",
        "  Hint: validate config source"
      ])
    })
  )

  it.effect("prints everything there is to know when asked", () =>
    Effect.gen(function* () {
      const program = Failure.context(Effect.fail(lost()), "Failed to start")
      const { stderr } = yield* ended(program, { verbose: true })
      assert.include(stderr, "reason: configuration error << core config")
      assert.include(stderr, "Failed to start")
    })
  )

  it.effect("says what it was doing, on one line or at length", () =>
    Effect.gen(function* () {
      const program = Operation.doing(Effect.fail(new Reasons.DataError({ detail: "row 7" })), "import\nall", {
        at: "orders.csv"
      }).pipe(Operation.doing("nightly"))
      const { stderr } = yield* ended(program)
      assert.deepStrictEqual(stderr.split("\n"), [
        "Error: data error: row 7",
        "  Path: nightly / import\\nall / orders.csv",
        "  Code: sys.data_error"
      ])
      assert.include((yield* ended(program, { verbose: true })).stderr, "path: nightly / import\\nall / orders.csv")
    })
  )

  it.effect("says where a bug is when asked, and only then, without its secrets", () =>
    Effect.gen(function* () {
      const bug = Object.assign(new Error("token=marker-secret"), { token: "marker-secret" })
      bug.stack = `Error: marker\n    at pay (marker-secret.ts:7:1)\n    at \u001b[31mnext (b.ts:8:1)\nno place`
      for (const [program, options, has] of [
        [Effect.die(bug), { verbose: true }, true],
        [Effect.failCause(Cause.combine(Cause.fail(new Reasons.NotFound()), Cause.die(bug))), { verbose: true }, true],
        [Effect.die(bug), {}, false],
        [Effect.die(bug), { verbose: true, audience: "client" }, false],
        [Effect.fail(new Reasons.DataError()), { verbose: true }, false]
      ] as const) {
        const { stderr } = yield* ended<unknown>(program, options)
        assert.strictEqual(/^ {4}at pay /m.test(stderr), has, stderr)
        assert.strictEqual(stderr.includes("b.ts:8:1"), has)
        assertNothingLeaks(stderr, ["marker-secret", "\u001b", "no place"])
      }
    })
  )

  it.effect("says to a client what a client may read", () =>
    Effect.gen(function* () {
      for (const verbose of [false, true]) {
        const { stderr } = yield* ended(Effect.fail(lost()), { audience: "client", verbose })
        assert.include(stderr, "core config")
        for (const inside of ["endpoint", "app.toml"]) assert.notInclude(stderr, inside)
      }
    })
  )

  it.effect("exits with your own code where you have one", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ended(Effect.fail(lost()), { exitTable: { "conf.*": 2 } })).code, 2)
    })
  )

  it.effect("does not begin with a table that says nothing, and says what was meant", () =>
    Effect.gen(function* () {
      for (const [exitTable, said] of [
        [{ "sys.*": 2, sys: 3 }, `exitTable["sys"]: is a category and no code; did you mean "sys.*"?`],
        [{ "payment.*": 3 }, `did you mean "sys.payment.*"?`],
        [{ "*.payment.down": 3 }, `did you mean "*.down"?`],
        [{ "sys.*.down": 3 }, `exitTable["sys.*.down"]: must be a whole code`],
        [{ "sys.pay*": 3 }, `exitTable["sys.pay*"]: must be a whole code`],
        [{ "*": 3 }, `exitTable["*"]: must name a code`],
        [{ "sys.timeout": 0 }, `exitTable["sys.timeout"]: must be a whole number from 1 to 255`]
      ] as const) {
        let began = false
        const { code, stderr } = yield* ended(
          Effect.sync(() => (began = true)),
          { exitTable }
        )
        assert.deepStrictEqual([began, code], [false, 78])
        assert.include(stderr, said)
      }
    })
  )

  it.effect("does not begin with options that are unknown or wrong, and says what was meant to whom it may", () =>
    Effect.gen(function* () {
      for (const [options, said] of [
        [{ verbos: true }, "CliEdge.main.verbos: is no option, did you mean verbose?"],
        [{ verbose: "yes" }, "CliEdge.main.verbose: must be true or false"],
        [{ audience: "customer" }, "CliEdge.main.audience: must be"],
        [{ exitTable: [7] }, "CliEdge.main.exitTable: must be an object"],
        [{ exitTable: { sys: 3 } }, `CliEdge.main.exitTable["sys"]: is a category`],
        ["verbose", "CliEdge.main: must be an object"],
        [null, "CliEdge.main: must be an object"]
      ] as const) {
        let began = false
        const { code, stderr } = yield* ended(
          Effect.sync(() => (began = true)),
          options as never
        )
        assert.deepStrictEqual([began, code], [false, 78])
        assert.include(stderr, said)
      }
      const { stderr } = yield* ended(Effect.void, { verbos: true, audience: "client" } as never)
      assert.notInclude(stderr, "verbos")
    })
  )

  it.effect("says of a key that is the beginning of a code what was meant", () =>
    Effect.gen(function* () {
      class Down extends Failure.Tagged<Down>()("CliDown", {}, { code: "sys.cli_payment.down" }) {}
      const { code, stderr } = yield* ended(Effect.fail(new Down()), { exitTable: { "sys.cli_payment": 3 } })
      assert.strictEqual(code, 69)
      assert.include(stderr, `  Exit table: "sys.cli_payment" is no such code; did you mean "sys.cli_payment.*"?`)
      const right = yield* ended(Effect.fail(new Down()), { exitTable: { "sys.cli_payment.*": 3 } })
      assert.deepStrictEqual([right.code, right.stderr.includes("Exit table")], [3, false])
    })
  )

  it.effect("ends as its layers do where these are provided inside", () =>
    Effect.gen(function* () {
      const Database = Context.Service<string>("CliEdge/Database")
      const layer = Layer.effect(Database, Effect.fail(lost()))
      const { code, stderr } = yield* ended(Effect.provide(Database, layer))
      assert.strictEqual(code, 78)
      assert.include(stderr, "endpoint is empty")
    })
  )

  it.effect("with a defect exits with 70, interrupted with 130, undeclared with 70", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ended(Effect.die(new Error("bug")))).code, 70)
      assert.strictEqual((yield* ended(Effect.failCause(Cause.interrupt(1)))).code, 130)
      assert.strictEqual((yield* ended(Effect.fail("boom"))).code, 70)
    })
  )

  it.effect("keeps what succeeded", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.exit(CliEdge.main(Effect.succeed(7))), Exit.succeed(7))
    })
  )
})

describe("A command of effect/cli", () => {
  const command = Command.make("ship", { to: Flag.String("to") }, ({ to }) =>
    Effect.fail(new Reasons.NotFound({ detail: `no such place: ${to}` }))
  )
  const ship = (...args: ReadonlyArray<string>) =>
    ended(Command.runWith(command, { version: "1.0.0" })(args).pipe(Effect.provide(NodeServices.layer)))

  it.effect("ends like any other when its handler fails", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* ship("--to", "Atlantis")
      assert.strictEqual(code, 66)
      assert.include(stderr, "Error: not found error: no such place: Atlantis")
    })
  )

  it.effect("exits with 64 when it is used wrongly, and with 0 when asked for help", () =>
    Effect.gen(function* () {
      const wrong = yield* ship("--from", "here")
      assert.strictEqual(wrong.code, 64)
      assert.notInclude(wrong.stderr, "unclassified")
      assert.strictEqual((yield* ship("--help")).code, 0)
    })
  )
})

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of its own, and says how it ended. `meet` may do something to it while it runs. */
const ran = (program: string, meet: (child: ChildProcessWithoutNullStreams) => void = () => {}): Promise<Ended> => {
  const head = `
    import { NodeRuntime, NodeServices } from "@effect/platform-node"
    import { Reasons } from "@holdfast/core"
    import { CliEdge } from "@holdfast/protocol/cli"
    import { Console, Effect, Stdio, Stream } from "effect"
    import { Command, Flag } from "effect/cli"
  `
  const child = spawn(
    process.execPath,
    ["--conditions=@holdfast/source", "--input-type=module-typescript", "-e", head + program],
    { cwd: import.meta.dirname, stdio: "pipe" }
  )
  let [stdout, stderr] = ["", ""]
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()))
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()))
  meet(child)
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr })))
}

const shipping = (...args: ReadonlyArray<string>): string => `
  const ship = Command.make("ship", { to: Flag.String("to") }, ({ to }) =>
    to === "bug" ? Effect.die(new Error("row 7")) : Effect.fail(new Reasons.NotFound({ detail: "no such place: " + to })))
  const program = Command.runWith(ship, { version: "1.0.0" })(${JSON.stringify(args)})
  NodeRuntime.runMain(CliEdge.main(program).pipe(Effect.provide(NodeServices.layer)))
`

describe("A process", { timeout: 20_000 }, () => {
  it("says it once, on stderr, and exits with the code", async () => {
    const { code, stderr, stdout } = await ran(
      `NodeRuntime.runMain(CliEdge.main(Effect.fail(new Reasons.Timeout({ detail: "inventory" }))))`
    )
    assert.deepStrictEqual([code, stdout], [75, ""])
    assert.deepStrictEqual(stderr.trim().split("\n").slice(0, 2), [
      "Error: timeout error: inventory",
      "  Code: sys.timeout"
    ])
  })

  it("explains wrong usage once and exits with 64, and help with 0", async () => {
    const wrong = await ran(shipping("--from", "here"))
    assert.strictEqual(wrong.code, 64)
    assert.notInclude(wrong.stderr + wrong.stdout, "Code:")
    assert.include(wrong.stderr + wrong.stdout, "from")
    const help = await ran(shipping("--help"))
    assert.deepStrictEqual([help.code, help.stderr], [0, ""])
    assert.include(help.stdout, "--to")
  })

  it("ends with the code of what its command failed with, or 70 for a defect", async () => {
    const failed = await ran(shipping("--to", "Atlantis"))
    assert.strictEqual(failed.code, 66)
    assert.include(failed.stderr, "Error: not found error: no such place: Atlantis")
    const bug = await ran(shipping("--to", "bug"))
    assert.strictEqual(bug.code, 70)
    assert.include(bug.stderr, "row 7")
    assert.strictEqual(bug.stderr.split("row 7").length, 2)
  })

  it("ends with 130, quietly, when it is interrupted", async () => {
    const { code, stderr, stdout } = await ran(
      `NodeRuntime.runMain(CliEdge.main(Effect.andThen(Console.log("ready"), Effect.never)))`,
      (child) => child.stdout.once("data", () => child.kill("SIGINT"))
    )
    assert.deepStrictEqual([code, stdout, stderr], [130, "ready\n", ""])
  })

  it("ends with its code when nobody reads what it says", async () => {
    const silent = await ran(
      `NodeRuntime.runMain(CliEdge.main(Effect.delay(Effect.fail(new Reasons.NotFound()), "200 millis")))`,
      (child) => void child.stderr.destroy()
    )
    assert.strictEqual(silent.code, 66)
    const piped = await ran(
      `
      const lines = Stream.forever(Stream.make("line\\n".repeat(1000)))
      const program = Effect.flatMap(Stdio.Stdio, (stdio) => Stream.run(lines, stdio.stdout()))
      NodeRuntime.runMain(CliEdge.main(program).pipe(Effect.provide(NodeServices.layer)))
      `,
      (child) => child.stdout.once("data", () => child.stdout.destroy())
    )
    assert.deepStrictEqual([piped.code, piped.signal, piped.stderr], [141, null, ""])
  })
})
