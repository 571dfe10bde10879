/** The program as a real process against a real receiver, killed for real. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Receiver from "../src/receiver/Receiver.ts"
import type { Summary } from "../src/tally.ts"

const example = join(dirname(fileURLToPath(import.meta.url)), "..")
const data = join(example, "data")
const samples = readdirSync(data).map((name) => join(data, name))
const spans = 5430

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "otlp-system-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Starts the program; `ended` waits for it. A test that ends early takes its process with it. */
const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { NO_COLOR: _, ...inherited } = process.env
      const child = spawn(process.execPath, ["--conditions=@holdfast/source", join(example, "src/main.ts"), ...args], {
        env: { ...inherited, ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let stdout = ""
      let stderr = ""
      child.stdout.on("data", (chunk) => (stdout += String(chunk)))
      child.stderr.on("data", (chunk) => (stderr += String(chunk)))
      const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })))
      const closeOutput = () => void child.stdout.destroy()
      return { closeOutput, kill: (signal: NodeJS.Signals) => child.kill(signal), ended: Effect.promise(() => ended) }
    }),
    ({ kill }) => Effect.sync(() => kill("SIGKILL"))
  )

const runToEnd = (args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) =>
  Effect.flatMap(start(args, env), ({ ended }) => ended)

const until = (condition: Effect.Effect<boolean>) =>
  condition.pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (yes) => yes }),
    Effect.timeout("30 seconds")
  )

const summaryOf = ({ stderr, stdout }: Ended): Summary => {
  assert.strictEqual(stderr, "")
  return JSON.parse(stdout) as Summary
}

/** A configuration with times a test can wait for. */
const config = (directory: string): string => {
  const path = join(directory, "otlp.toml")
  writeFileSync(
    path,
    [
      `timeout = "1 second"`,
      `shutdown_timeout = "3 seconds"`,
      `retry = { attempts = 3, base = "20 millis" }`,
      `breaker = { failures = 2, successes = 1, open = "200 millis" }`,
      `spool = { directory = ${JSON.stringify(join(directory, "spool"))} }`,
      `batch = { max_items = 100 }`
    ].join("\n")
  )
  return path
}

/** The spools in a directory, one for each collector. */
const spools = (directory: string): ReadonlyArray<string> => {
  const root = join(directory, "spool")
  return existsSync(root) ? readdirSync(root).map((name) => join(root, name)) : []
}

const spooled = (directory: string): number =>
  spools(directory).flatMap((spool) => readdirSync(spool).filter((name) => name.endsWith(".seg"))).length

describe("the program against the embedded receiver", () => {
  it.live(
    "goes through the whole bad day and loses nothing",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const ended = yield* runToEnd(["--json", "--pace", "120", "--spool", join(directory, "spool")])
        const summary = summaryOf(ended)
        assert.strictEqual(ended.code, 0)
        assert.deepInclude(summary, { read: spans, lost: 0, waiting: 0, refused: 3 })
        assert.isAbove(summary.deadLettered, 0)
        assert.strictEqual(summary.delivered, spans - summary.deadLettered - 3)
        assert.strictEqual(summary.receiver?.distinct, summary.delivered)
        assert.isAbove(summary.deliveredAfterRetry + summary.drained, 0)
        assert.isAbove(summary.millisIn.open ?? 0, 0)
        // A batch that was deferred and then refused for good is in both of these.
        assert.isAtLeast(summary.drained + summary.deadLettered, summary.deferred)
        assert.lengthOf(readdirSync(join(directory, "spool", "embedded", "dead-letter")), 2)
      }).pipe(Effect.scoped),
    60_000
  )
})

describe("the program and a collector that goes away", () => {
  it.live(
    "killed in the outage and started again, it delivers every span",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const receiver = yield* Receiver.make()
        const args = [
          "--json",
          "--endpoint",
          receiver.endpoint,
          "--config",
          config(directory),
          "--pace",
          "20",
          ...samples
        ]
        const first = yield* start(args)
        yield* until(Effect.map(receiver.count, ({ distinct }) => distinct >= 800))
        yield* receiver.behave({ kind: "outage" })
        yield* until(Effect.sync(() => spooled(directory) > 0))
        yield* Effect.sleep("300 millis")
        first.kill("SIGKILL")
        yield* first.ended
        const before = yield* receiver.count
        assert.isBelow(before.distinct, spans)

        yield* receiver.behave({ kind: "healthy" })
        const second = yield* runToEnd(args)
        const summary = summaryOf(second)
        const { distinct, duplicates } = yield* receiver.count
        assert.strictEqual(distinct, spans)
        assert.strictEqual(second.code, 0)
        assert.deepInclude(summary, { lost: 0, waiting: 0, deadLettered: 0 })
        assert.isAbove(summary.inherited, 0)
        assert.isAbove(summary.resumed, 0)
        // Only what was on the wire at the kill may come twice: four requests of a hundred spans.
        assert.isAtMost(duplicates, 400)
      }).pipe(Effect.scoped),
    60_000
  )

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.live(
      `told to stop by ${signal}, it stops in time, says where everything is, and goes on when started again`,
      () =>
        Effect.gen(function* () {
          const directory = yield* temporary
          const receiver = yield* Receiver.make()
          const args = ["--endpoint", receiver.endpoint, "--config", config(directory), "--pace", "20", ...samples]
          const first = yield* start(args)
          yield* until(Effect.map(receiver.count, ({ distinct }) => distinct >= 500))
          yield* receiver.behave({ kind: "outage" })
          yield* until(Effect.sync(() => spooled(directory) > 0))
          first.kill(signal)
          const stopped = yield* first.ended.pipe(Effect.timeout("4 seconds"))
          assert.strictEqual(stopped.code, signal === "SIGINT" ? 130 : 143)
          assert.match(stopped.stdout, /lost +0\n/)
          assert.strictEqual(stopped.stderr, "Interrupted. Run the same command again to go on.\n")

          yield* receiver.behave({ kind: "healthy" })
          const second = yield* runToEnd(args)
          assert.strictEqual(second.code, 0)
          assert.strictEqual((yield* receiver.count).distinct, spans)
        }).pipe(Effect.scoped),
      60_000
    )
  }

  it.live(
    "which never comes back, it keeps everything, says so, and exits with 75",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const receiver = yield* Receiver.make()
        yield* receiver.behave({ kind: "outage" })
        const args = ["--endpoint", receiver.endpoint, "--config", config(directory), ...samples]
        const ended = yield* runToEnd(args)
        assert.strictEqual(ended.code, 75)
        const lines = ended.stderr.trim().split("\n")
        assert.match(lines[0]!, /^Error: delivery deferred: 5430 spans wait in /)
        assert.match(lines[1]!, /^ {2}Caused by: retries exhausted: failed after 3 attempts$/)
        assert.match(lines[2]!, /^ {2}Caused by: connection refused: http:\/\/127\.0\.0\.1:\d+/)
        assert.match(lines.at(-1)!, /^ {2}Hint: run the same command again/)
        assert.match(ended.stdout, /waiting in the spool +5,430\n/)
        // What was logged is on disk, to the last line, although the program has failed.
        const log = readFileSync(join(spools(directory)[0]!, "otlp-system.log"), "utf8")
          .trim()
          .split("\n")
        const messages = log.map((line) => (JSON.parse(line) as { readonly message: string }).message)
        assert.include(messages, "circuit collector opened")
        assert.include(messages, "Circuit breaker open, using cache")
      }).pipe(Effect.scoped),
    60_000
  )
})

describe("a file", () => {
  const one = JSON.parse(readFileSync(join(data, "checkout.jsonl"), "utf8").split("\n")[0]!) as object
  const forms: ReadonlyArray<readonly [string, string]> = [
    ["pretty-printed", JSON.stringify(one, null, 2)],
    ["pretty-printed with a blank line before", `\n\n${JSON.stringify(one, null, 2)}`],
    ["whose first line holds the first key", JSON.stringify(one, null, 1).replace(/^\{\s+/, "{ ")],
    ["with a byte order mark and Windows line ends", `\ufeff${JSON.stringify(one, null, 2).replaceAll("\n", "\r\n")}`],
    ["without a line end", JSON.stringify(one)]
  ]
  it.live.each(forms)("is read %s", ([, text]) =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const receiver = yield* Receiver.make()
      const path = join(directory, "input.json")
      writeFileSync(path, text)
      assert.strictEqual(
        (yield* runToEnd(["--config", config(directory), "--endpoint", receiver.endpoint, path])).code,
        0
      )
      assert.strictEqual((yield* receiver.count).distinct, 128)
    }).pipe(Effect.scoped)
  )

  it.live("is no pipe, which could be read only once", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const path = join(directory, "pipe")
      execFileSync("mkfifo", [path])
      const ended = yield* runToEnd(["--config", config(directory), "--endpoint", "http://127.0.0.1:9", path])
      assert.strictEqual(ended.code, 66)
      assert.match(ended.stderr, /pipe is not a file/)
    }).pipe(Effect.scoped)
  )
})

describe("two collectors", () => {
  it.live(
    "never get what was kept for the other, and never count what the other has got",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const [away, here] = [yield* Receiver.make(), yield* Receiver.make()]
        yield* away.behave({ kind: "outage" })
        const to = (receiver: Receiver.Service) =>
          runToEnd(["--config", config(directory), "--endpoint", receiver.endpoint, samples[0]!])
        assert.strictEqual((yield* to(away)).code, 75)
        assert.strictEqual((yield* to(here)).code, 0)
        assert.deepInclude(yield* here.count, { distinct: 1750, duplicates: 0 })
        yield* away.behave({ kind: "healthy" })
        assert.strictEqual((yield* to(away)).code, 0)
        assert.deepInclude(yield* away.count, { distinct: 1750, duplicates: 0 })
      }).pipe(Effect.scoped),
    60_000
  )

  it.live("the one of the user's own configuration is used without a flag", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const receiver = yield* Receiver.make()
      const path = config(directory)
      writeFileSync(path, `endpoint = ${JSON.stringify(receiver.endpoint)}\n${readFileSync(path, "utf8")}`)
      assert.strictEqual((yield* runToEnd(["--config", path, samples[0]!])).code, 0)
      assert.strictEqual((yield* receiver.count).distinct, 1750)
    }).pipe(Effect.scoped)
  )
})

describe("what cannot work", () => {
  const otlp = readFileSync(join(data, "checkout.jsonl"), "utf8")

  /** Makes the files of a case; gives the arguments. */
  type Make = (directory: string) => ReadonlyArray<string>
  const withConfig =
    (text: string): Make =>
    (directory) => {
      writeFileSync(join(directory, "wrong.toml"), text)
      return ["--config", join(directory, "wrong.toml")]
    }
  const withInput =
    (text: string, encoding: BufferEncoding = "utf8"): Make =>
    (directory) => {
      writeFileSync(join(directory, "input.jsonl"), text, encoding)
      return [join(directory, "input.jsonl")]
    }

  const table: ReadonlyArray<readonly [name: string, make: Make, code: number, message: RegExp]> = [
    ["a missing configuration", (d) => ["--config", join(d, "none.toml")], 78, /there is no file .*none\.toml/],
    ["bad TOML", withConfig("endpoint = [\n"), 78, /wrong\.toml:\d+:\d+ cannot be parsed/],
    ["an unknown key", withConfig("retry = { atempts = 3 }"), 78, /retry\.atempts is no known key/],
    ["an empty endpoint", withConfig('endpoint = ""'), 78, /endpoint must not be empty/],
    ["a bad URL", withConfig('endpoint = "localhost:4318"'), 78, /endpoint.*must be a URL that starts with http/],
    ["a negative duration", withConfig('timeout = "-1 second"'), 78, /timeout.*must be more than 0/],
    [
      "several mistakes at once",
      withConfig('endpoint = "ftp://x"\ntimeout = 0\ncolour = "red"'),
      78,
      /has 3 mistakes\n.*colour is no known key\n.*endpoint[^\n]*\n.*timeout[^\n]*/
    ],
    ["a bad endpoint on the command line", () => ["--endpoint", "nonsense"], 78, /--endpoint.*must be a URL/],
    ["a missing file", (d) => [join(d, "none.jsonl")], 66, /input file not found: there is no file .*none\.jsonl/],
    ["a directory for a file", (d) => [d], 66, /is not a file/],
    ["truncated JSON", withInput(otlp.slice(0, 200_000)), 65, /input\.jsonl:\d+: the JSON stops in the middle/],
    ["a compressed file", withInput("\u001f\u008bxyz", "latin1"), 65, /the file is compressed; decompress it first/],
    ["no JSON", withInput("hello\n"), 65, /input\.jsonl:1: this is not JSON/],
    ["foreign JSON", withInput('{"hello":"world"}\n'), 65, /an object with a resourceSpans array is expected/],
    [
      "a span without an id",
      withInput('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00"}]}]}]}\n'),
      65,
      /resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.traceId is not 32 hexadecimal digits/
    ],
    ["an empty file", withInput(""), 65, /the file is empty/],
    [
      "a spool where a file is",
      (d) => {
        writeFileSync(join(d, "occupied"), "x")
        return ["--spool", join(d, "occupied")]
      },
      74,
      /spool unavailable: cannot .*occupied/
    ],
    ["an unknown flag", () => ["--colour"], 64, /--colour/]
  ]

  it.live.each(table)(
    "is said in one sentence, with its own exit code: %s",
    ([, make, code, message]) =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const receiver = yield* Receiver.make()
        const own = make(directory)
        const rest = [
          ...(own.includes("--config") ? [] : ["--config", config(directory)]),
          ...(own.includes("--endpoint") ? [] : ["--endpoint", receiver.endpoint])
        ]
        const ended = yield* runToEnd([...rest, ...own])
        assert.match(ended.stderr, message)
        assert.strictEqual(ended.code, code)
        assert.notMatch(ended.stderr, /\n\s+at .*:\d+:\d+/)
        // What came before a bad line is accounted for: everything that was read has arrived.
        const read = /spans read +([\d,]+)/.exec(ended.stdout)?.[1]?.replaceAll(",", "") ?? "0"
        assert.strictEqual((yield* receiver.count).distinct, Number(read))
      }).pipe(Effect.scoped),
    30_000
  )

  it.live("includes a file that may not be read", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const file = join(directory, "secret.jsonl")
      writeFileSync(file, otlp)
      chmodSync(file, 0)
      const receiver = yield* Receiver.make()
      const ended = yield* runToEnd(["--config", config(directory), "--endpoint", receiver.endpoint, file])
      // Root reads everything; for everybody else this is a failure.
      if (process.getuid?.() === 0) assert.strictEqual(ended.code, 0)
      else assert.match(ended.stderr, /input file not readable/)
    }).pipe(Effect.scoped)
  )

  it.live(
    "includes an endpoint that is no OTLP receiver: nothing is lost, and the reason stands beside the batch",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporary
        const server = createServer((_, response) =>
          response.setHeader("content-type", "text/html").end("<h1>It works!</h1>")
        )
        yield* Effect.promise(() => new Promise<void>((done) => server.listen(0, "127.0.0.1", done)))
        yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
        const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
        const ended = yield* runToEnd(["--config", config(directory), "--endpoint", endpoint, samples[0]!])
        assert.strictEqual(ended.code, 78)
        assert.match(ended.stderr, /not an OTLP receiver: http:\/\/127\.0\.0\.1:\d+\/v1\/traces answered 200/)
        assert.match(ended.stdout, /lost +0\n/)
      }).pipe(Effect.scoped)
  )

  it.live("includes a second process on the same spool", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const receiver = yield* Receiver.make()
      const args = ["--config", config(directory), "--endpoint", receiver.endpoint, "--pace", "2000", samples[0]!]
      yield* start(args)
      yield* until(Effect.map(receiver.count, ({ distinct }) => distinct > 0))
      const second = yield* runToEnd(args)
      assert.match(second.stderr, /spool locked: .* is in use by process \d+/)
      assert.strictEqual(second.code, 75)
    }).pipe(Effect.scoped)
  )
})

describe("the screen", () => {
  it.live("may be closed while the work goes on", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const receiver = yield* Receiver.make()
      const running = yield* start(["--config", config(directory), "--endpoint", receiver.endpoint, samples[0]!])
      running.closeOutput()
      assert.strictEqual((yield* running.ended).code, 0)
      assert.strictEqual((yield* receiver.count).distinct, 1750)
    }).pipe(Effect.scoped)
  )

  it.live("has neither colour nor a moving line where there is no terminal", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const receiver = yield* Receiver.make()
      const ended = yield* runToEnd(["--config", config(directory), "--endpoint", receiver.endpoint, samples[0]!])
      assert.notInclude(ended.stdout, "\u001b")
      assert.notInclude(ended.stdout, "\r")
      assert.match(ended.stdout, /^ +\d+\.\d s {2}reading {3}.*checkout\.jsonl\n/)
      assert.match(ended.stdout, /spans read +1,750\n/)
    }).pipe(Effect.scoped)
  )
})
