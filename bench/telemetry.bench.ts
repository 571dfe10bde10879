/** What it costs to say on a span how an operation ended. */
import { Reasons } from "@holdfast/core"
import { FailureTelemetry } from "@holdfast/otlp"
import { Effect, Layer, Tracer } from "effect"
import type { Case, Run } from "./harness.ts"

/** Spans that keep what they are given, as those of an exporter do. */
const native = Layer.succeed(Tracer.Tracer, Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))

const telling = FailureTelemetry.layer().pipe(Layer.provide(native))

/** Runs an effect `n` times in one fiber over a tracer. */
const over =
  (tracer: Layer.Layer<never>, effect: Effect.Effect<unknown>): Run =>
  (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* effect
      }).pipe(Effect.provide(tracer))
    )

const success = Effect.suspend(() => Effect.succeed(1))
const failure = new Reasons.NetworkError({})
const failing = Effect.suspend(() => Effect.fail(failure))
const attributes = { "order.id": "A-1045-77", "http.request.method": "GET", attempt: 3 }

const plain = "A span of an operation that succeeds"
const attributed = "The same with three attributes"
const broken = "A span of an operation that fails and is caught"

export const cases: ReadonlyArray<Case> = [
  {
    group: plain,
    name: "`Effect.withSpan`",
    measure: true,
    make: () => over(native, Effect.withSpan(success, "charge"))
  },
  { group: plain, name: "with `FailureTelemetry`", make: () => over(telling, Effect.withSpan(success, "charge")) },
  {
    group: attributed,
    name: "`Effect.withSpan`",
    measure: true,
    make: () => over(native, Effect.withSpan(success, "charge", { attributes }))
  },
  {
    group: attributed,
    name: "with `FailureTelemetry`",
    make: () => over(telling, Effect.withSpan(success, "charge", { attributes }))
  },
  {
    group: broken,
    name: "`Effect.withSpan`",
    measure: true,
    make: () => over(native, Effect.ignore(Effect.withSpan(failing, "charge")))
  },
  {
    group: broken,
    name: "with `FailureTelemetry`",
    make: () => over(telling, Effect.ignore(Effect.withSpan(failing, "charge")))
  }
]
