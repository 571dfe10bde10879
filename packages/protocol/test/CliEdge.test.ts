import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Failure, Reasons } from "@holdfast/core"
import { CliEdge } from "@holdfast/protocol/cli"
import { Cause, Effect, Exit, Runtime } from "effect"
import { Command, Flag } from "effect/cli"
import { TestConsole } from "effect/testing"
import { execFile } from "node:child_process"
import { promisify } from "node:util"

const run = promisify(execFile)

const ended = <E>(self: Effect.Effect<unknown, E>, options?: CliEdge.Options) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(CliEdge.main(self, options))
    const codes: Array<number> = []
    Runtime.defaultTeardown(exit, (code) => codes.push(code))
    return { code: codes[0], stderr: (yield* TestConsole.errorLines).join("\n") }
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

  it.effect("exits with your own code where you have one", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ended(Effect.fail(lost()), { exitTable: { "conf.*": 2 } })).code, 2)
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

describe("A process", () => {
  it("says it once, on stderr, and exits with the code", async () => {
    const program = `
      import { NodeRuntime } from "@effect/platform-node"
      import { Reasons } from "@holdfast/core"
      import { CliEdge } from "@holdfast/protocol/cli"
      import { Effect } from "effect"
      NodeRuntime.runMain(CliEdge.main(Effect.fail(new Reasons.Timeout({ detail: "inventory" }))))
    `
    const ran = await run(
      process.execPath,
      ["--conditions=@holdfast/source", "--input-type=module-typescript", "-e", program],
      { cwd: import.meta.dirname }
    ).then(
      () => assert.fail("it exits with 0"),
      (error: { readonly code: number; readonly stderr: string; readonly stdout: string }) => error
    )
    assert.strictEqual(ran.code, 75)
    assert.strictEqual(ran.stdout, "")
    assert.deepStrictEqual(ran.stderr.trim().split("\n").slice(0, 2), [
      "Error: timeout error: inventory",
      "  Code: sys.timeout"
    ])
  })
})
