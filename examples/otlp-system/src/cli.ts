/** The command line, and what it makes of the configuration. */
import { NodeHttpClient } from "@effect/platform-node"
import { FailureTelemetry, OtlpExporter, Spool } from "@holdfast/otlp"
import { Duration, Effect, Layer, Logger, Option, Path } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { fileURLToPath } from "node:url"
import * as Configuration from "./configuration.ts"
import * as Input from "./input.ts"
import * as Journal from "./journal.ts"
import * as Receiver from "./receiver/Receiver.ts"
import { badDay } from "./receiver/script.ts"
import * as Render from "./render.ts"
import { run, samples, summarize } from "./run.ts"
import * as Screen from "./screen.ts"
import { exitCodes } from "./signals.ts"
import * as System from "./System.ts"

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

const flags = {
  files: Argument.String("file").pipe(
    Argument.withDescription("OTLP/JSON trace files, one document a file or one a line. Default: the samples"),
    Argument.variadic()
  ),
  config: Flag.String("config").pipe(
    Flag.withDescription("A TOML file with endpoint, headers, timeouts, retry, breaker and spool. Default: the sample"),
    Flag.optional
  ),
  endpoint: Flag.String("endpoint").pipe(
    Flag.withDescription("A collector, such as http://127.0.0.1:4318. Default: an embedded one that has a bad day"),
    Flag.optional
  ),
  spool: Flag.String("spool").pipe(
    Flag.withDescription("The spool directory. Default: the one of the configuration"),
    Flag.optional
  ),
  pace: Flag.Int("pace").pipe(
    Flag.withDescription("Milliseconds between batches. Default: 0, and 250 with the embedded collector"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the summary as JSON, and nothing else"),
    Flag.withDefault(false)
  )
}

/** JSON lines beside the spool, so that the screen stays readable. Needs the spool, because that makes the directory. */
const logsTo = (directory: string) =>
  Layer.unwrap(
    Effect.map(Spool.Spool, () =>
      Logger.layer([Logger.toFile(Logger.formatJson, `${directory}/otlp-system.log`, { flag: "a" })])
    )
  )

/** A program that was told to stop and has not stopped in time is stopped: what it owes is in the spool or in the input. */
const stopInTime = (time: Duration.Duration) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const stop = (signal: NodeJS.Signals) =>
        void setTimeout(() => process.exit(exitCodes[signal]), Duration.toMillis(time)).unref()
      process.once("SIGINT", stop).once("SIGTERM", stop)
      return stop
    }),
    (stop) => Effect.sync(() => process.off("SIGINT", stop).off("SIGTERM", stop))
  )

const handler = Effect.fnUntraced(function* (options: Command.Command.Config.Infer<typeof flags>) {
  const embedded = yield* Configuration.namesNoCollector({ file: options.config, endpoint: options.endpoint })
  const file = Option.getOrElse(options.config, () => here("otlp-system.toml"))
  const config = yield* Configuration.load({ file, endpoint: options.endpoint })
  const root = Option.getOrElse(options.spool, () => config.spool.directory ?? ".holdfast/otlp-system")
  const directory = Configuration.partOf(root, config, embedded)
  const path = yield* Path.Path
  const files =
    options.files.length > 0 ? options.files : yield* samples(path.relative(".", here("data"))).pipe(Effect.orDie)
  yield* Input.check(files)
  yield* stopInTime(config.shutdownTimeout)

  const screen = options.json ? Screen.layerSilent : Screen.layer
  const receiver = embedded
    ? Layer.unwrap(
        Effect.map(Screen.Screen, ({ event }) =>
          Receiver.layer({ script: badDay, onPhase: ({ title }) => event("receiver", title) })
        )
      )
    : Layer.empty
  const exporter = Layer.unwrap(
    Effect.map(Effect.serviceOption(Receiver.Receiver), (own) =>
      OtlpExporter.layer({ ...config, endpoint: Option.isSome(own) ? own.value.endpoint : config.endpoint }).pipe(
        Layer.provide(NodeHttpClient.layerUndici)
      )
    )
  )
  const kept = logsTo(directory).pipe(Layer.provideMerge(Spool.layer({ ...config.spool, directory })))
  const system = System.layer(config).pipe(
    Layer.provide(System.CollectorCircuit.layer(config)),
    Layer.provide(exporter),
    Layer.provideMerge(Journal.layer(directory)),
    Layer.provideMerge(kept),
    Layer.provideMerge(receiver),
    Layer.provideMerge(screen)
  )

  const program = run({
    files,
    batchSize: config.batch.maxItems,
    concurrency: 4,
    pace: Duration.millis(Option.getOrElse(options.pace, () => (embedded ? 250 : 0))),
    patience: embedded ? Duration.seconds(60) : config.shutdownTimeout,
    spoolDirectory: directory
  }).pipe(
    Effect.scoped,
    // Whatever ended the run, the books are closed and shown: nothing that happened is lost to the reader.
    Effect.ensuring(
      Effect.gen(function* () {
        const { last, style } = yield* Screen.Screen
        const summary = yield* summarize
        if (Render.isEmpty(summary) && !options.json) return
        yield* options.json ? Screen.print(JSON.stringify(summary, null, 2)) : last(Render.summary(style, summary))
      })
    )
  )
  yield* program.pipe(FailureTelemetry.boundary, Effect.provide(system), Effect.provide(FailureTelemetry.layer()))
}, Effect.scoped)

export const command = Command.make("otlp-system", flags, handler).pipe(
  Command.withDescription("Sends OTLP trace files to a collector through retry, breaker and spool, and loses nothing."),
  Command.withExamples([
    { command: "npm start", description: "Send the samples to an embedded collector that has a bad day" },
    { command: "npm start -- --endpoint http://127.0.0.1:4318 traces.jsonl", description: "Send a file to a collector" }
  ])
)
