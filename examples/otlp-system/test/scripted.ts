/** The system over a scripted collector and a virtual clock, for tests that state exact instants. */
import { NodeFileSystem } from "@effect/platform-node"
import { TransportError } from "@holdfast/core"
import { FailureTelemetry, OtlpError, OtlpExporter, Spool } from "@holdfast/otlp"
import {
  Clock,
  Duration,
  Effect,
  type Exit,
  FileSystem,
  Layer,
  Logger,
  Option,
  Random,
  References,
  Tracer
} from "effect"
import type { Batch } from "../src/batches.ts"
import * as Journal from "../src/journal.ts"
import * as System from "../src/System.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A batch that is known by its name. */
export const batch = (name: string, items = 10): Batch => ({ body: encoder.encode(name), items })

export const unavailable = (retryAfter?: Duration.Input): OtlpError.OtlpError =>
  OtlpError.OtlpError.from(
    new TransportError.HttpUnavailable({
      endpoint: "http://collector:4318/v1/traces",
      status: 503,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      cause: new Error("the load balancer has no upstream")
    })
  )

export const invalid = (): OtlpError.OtlpError =>
  OtlpError.OtlpError.from(
    new TransportError.HttpRejected({ endpoint: "http://collector:4318/v1/traces", status: 400 })
  )

/** What the collector answers to a call: nothing for a success. */
export type Answer = "ok" | OtlpError.OtlpError | Effect.Effect<void, OtlpError.OtlpError>

export interface Call {
  readonly name: string
  /** Milliseconds since the test began. */
  readonly at: number
}

export interface Collector {
  readonly calls: Array<Call>
  /** Asked once per call, with the number of the call from 1. */
  answer: (call: number, name: string) => Answer
}

/** A span that has ended. */
export interface Span {
  readonly name: string
  readonly id: string
  readonly parent: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<readonly [name: string, attributes: Readonly<Record<string, unknown>>]>
  readonly exit: Exit.Exit<unknown, unknown>
}

/** A tracer that keeps what it is given, in the order in which spans end. */
const recordingTracer = (spans: Array<Span>): Tracer.Tracer =>
  Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      span.end = (endTime, exit) => {
        end(endTime, exit)
        spans.push({
          name: span.name,
          id: span.spanId,
          parent: Option.getOrUndefined(Option.map(span.parent, ({ spanId }) => spanId)),
          attributes: Object.fromEntries(span.attributes),
          events: span.events.map(([name, , attributes]) => [name, attributes ?? {}] as const),
          exit
        })
      }
      return span
    }
  })

export interface LogLine {
  readonly level: string
  readonly message: string
}

/** The system with the parameters of the seed: 3 attempts from 100 ms, breaker 5 / 2 / 60 s. */
export const settings = {
  retry: { attempts: 3, base: Duration.millis(100), cap: Duration.seconds(30) },
  breaker: { failures: 5, successes: 2, open: Duration.seconds(60) }
}

/** Runs a scenario over a fresh system. Every random number is the same each time. */
export const scenario = <A, E>(
  body: (world: {
    readonly collector: Collector
    readonly log: ReadonlyArray<LogLine>
    readonly spans: ReadonlyArray<Span>
    readonly directory: string
    readonly system: System.Service
    readonly spool: Spool.Service
  }) => Effect.Effect<A, E, System.System>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "otlp-system-" })
    const began = Number(yield* Clock.monotonicTimeNanos) / 1e6
    const collector: Collector = { calls: [], answer: () => "ok" }
    const log: Array<LogLine> = []
    const spans: Array<Span> = []
    const recorder = Logger.make(({ logLevel, message }) => {
      log.push({ level: logLevel, message: [message].flat().map(String).join(" ") })
    })
    const exporter = Layer.succeed(
      OtlpExporter.OtlpExporter,
      OtlpExporter.OtlpExporter.of({
        export: ({ body, items }) =>
          Effect.flatMap(Clock.monotonicTimeNanos, (now) => {
            const name = decoder.decode(body)
            const answer = collector.answer(collector.calls.push({ name, at: Number(now) / 1e6 - began }), name)
            const accepted = { accepted: items, rejected: 0, message: "", understood: true }
            return answer === "ok" ? Effect.succeed(accepted) : Effect.as(answer, accepted)
          })
      })
    )
    const layer = System.layer(settings).pipe(
      Layer.provide(System.CollectorCircuit.layer(settings)),
      Layer.provide(exporter),
      Layer.provide(Journal.layerNone),
      Layer.provideMerge(Spool.layer({ directory, fsync: "never" }))
    )
    return yield* Effect.gen(function* () {
      const system = yield* System.System
      const spool = yield* Spool.Spool
      return yield* body({ collector, log, spans, directory, system, spool })
    }).pipe(
      Effect.provide(layer),
      Effect.provide(FailureTelemetry.layer()),
      Effect.provideService(Tracer.Tracer, recordingTracer(spans)),
      Effect.provide(Logger.layer([recorder])),
      Effect.provideService(References.MinimumLogLevel, "Info")
    )
  }).pipe(Random.withSeed("holdfast"), Effect.scoped, Effect.provide(NodeFileSystem.layer))
