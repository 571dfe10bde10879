import { OtelTracer, Resource } from "@effect/opentelemetry"
import { assert, it } from "@effect/vitest"
import { Reasons } from "@holdfast/core"
import { FailureTelemetry } from "@holdfast/otlp"
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect, Layer } from "effect"

it.effect(
  "over @effect/opentelemetry says the same: unset, error, one exception, and the tracer's own spans are found",
  () =>
    Effect.gen(function* () {
      const exporter = new InMemorySpanExporter()
      const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
      const opentelemetry = OtelTracer.layer.pipe(
        Layer.provide(Layer.succeed(OtelTracer.OtelTracerProvider, provider)),
        Layer.provide(Resource.layer({ serviceName: "s" }))
      )
      const failure = new Reasons.NetworkError({ detail: "cable cut" })
      const program = Effect.gen(function* () {
        const found = yield* OtelTracer.currentOtelSpan.pipe(Effect.withSpan("fine"), Effect.exit)
        yield* Effect.exit(Effect.fail(failure).pipe(Effect.withSpan("inner"), Effect.withSpan("outer")))
        yield* Effect.exit(Effect.withSpan(new Reasons.NotFound({}), "expected"))
        yield* Effect.exit(Effect.withSpan(Effect.interrupt, "interrupted"))
        return found
      })
      const found = yield* program.pipe(
        Effect.provide(FailureTelemetry.layer().pipe(Layer.provideMerge(opentelemetry)))
      )
      assert.strictEqual(found._tag, "Success")
      const seen = exporter.getFinishedSpans().map(({ attributes, events, name, status }) => ({
        name,
        status,
        type: attributes["error.type"],
        exceptions: events.map((event) => event.attributes?.["exception.type"])
      }))
      const error = { code: 2, message: "network error: cable cut" }
      assert.deepStrictEqual(seen, [
        { name: "fine", status: { code: 0 }, type: undefined, exceptions: [] },
        { name: "inner", status: error, type: "sys.network_error", exceptions: ["NetworkError"] },
        { name: "outer", status: error, type: "sys.network_error", exceptions: [] },
        { name: "expected", status: { code: 0 }, type: "biz.not_found", exceptions: [] },
        { name: "interrupted", status: { code: 0 }, type: undefined, exceptions: [] }
      ])
    })
)
