import { assert, describe, it } from "@effect/vitest"
import { Classifier, Failure, Operation, Reasons, Redaction } from "@holdfast/core"
import { FailureTelemetry } from "@holdfast/otlp"
import { Cause, Context, Effect, Exit, Fiber, Layer, Metric, Option, Redacted, Schema, Tracer } from "effect"
import { HttpBody, HttpClient, HttpClientResponse } from "effect/http"
import { OtlpSerialization, OtlpTracer } from "effect/observability"
import { TestClock } from "effect/testing"

class CardDeclined extends Failure.Tagged<CardDeclined>()(
  "CardDeclined",
  { reasonCode: Schema.String },
  {
    code: "sys.test.card_declined",
    detail: ({ reasonCode }) => `insufficient funds (${reasonCode})`,
    retry: "transient"
  }
) {}

class OutOfStock extends Failure.Tagged<OutOfStock>()("OutOfStock", {}, { code: "biz.test.out_of_stock" }) {}

class Leaky extends Failure.Tagged<Leaky>()(
  "Leaky",
  { token: Schema.Redacted(Schema.String) },
  { code: "sys.test.leaky" }
) {}

const declined = () => new CardDeclined({ reasonCode: "51" })

/** A tracer that keeps its spans, and a way to look at them afterwards. */
const traced = Effect.fnUntraced(function* <A, E>(
  effect: Effect.Effect<A, E>,
  options?: FailureTelemetry.Options,
  change: (span: Tracer.NativeSpan) => Tracer.NativeSpan = (span) => span
) {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (given) => {
      const span = change(new Tracer.NativeSpan(given))
      spans.push(span)
      return span
    }
  })
  const exit = yield* Effect.exit(
    effect.pipe(
      Effect.provide(FailureTelemetry.layer(options).pipe(Layer.provide(Layer.succeed(Tracer.Tracer, tracer))))
    )
  )
  const named = (name: string) => {
    const span = spans.find((each) => each.name === name)!
    const status = span.status as Extract<Tracer.SpanStatus, { _tag: "Ended" }>
    return {
      attributes: Object.fromEntries(span.attributes),
      events: span.events.map(([event, at, attributes]) => ({ event, at, ...attributes })),
      endTime: status.endTime,
      red: Exit.isFailure(status.exit),
      description: Exit.isFailure(status.exit)
        ? (status.exit.cause.reasons[0] as { readonly error?: Error }).error?.message
        : undefined
    }
  }
  return { exit, spans, named }
})

describe("a span", () => {
  it.effect("that ends in a failure says its code, its kind, and what happened, in one exception event", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("5 seconds")
      const { exit, named } = yield* traced(Effect.withSpan(declined(), "pay"))
      const { attributes, description, endTime, events, red } = named("pay")
      assert.isTrue(red)
      assert.strictEqual(description, "card declined: insufficient funds (51)")
      assert.deepStrictEqual(attributes, {
        "error.type": "sys.test.card_declined",
        "error.category": "sys",
        "error.retry": "transient"
      })
      assert.strictEqual(events.length, 1)
      assert.deepInclude(events[0] as object, {
        event: "exception",
        at: 5_000_000_000n,
        "exception.type": "CardDeclined",
        "exception.message": "card declined: insufficient funds (51)"
      })
      assert.strictEqual(endTime, 5_000_000_000n)
      assert.match(
        String((events[0] as Record<string, unknown>)["exception.stacktrace"]),
        /^CardDeclined: card declined: insufficient funds \(51\)\n\s+at .*FailureTelemetry\.test\.ts/
      )
      assert.isTrue(Exit.isFailure(exit))
    })
  )

  it.effect("records an exception once, at the innermost of all the spans it crosses", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(
        declined().pipe(Effect.withSpan("inner"), Effect.withSpan("middle"), Effect.withSpan("outer"))
      )
      for (const name of ["inner", "middle", "outer"]) {
        const { attributes, description, events, red } = named(name)
        assert.isTrue(red)
        assert.strictEqual(attributes["error.type"], "sys.test.card_declined")
        assert.strictEqual(description, "card declined: insufficient funds (51)")
        assert.strictEqual(events.length, name === "inner" ? 1 : 0, name)
      }
    })
  )

  it.effect("records a shared error again when it is raised in another trace", () =>
    Effect.gen(function* () {
      const shared = declined()
      const { spans } = yield* traced(
        Effect.ignore(Effect.withSpan(shared, "one", { root: true })).pipe(
          Effect.andThen(Effect.withSpan(shared, "two", { root: true }))
        )
      )
      assert.deepStrictEqual(
        spans.map((span) => span.events.length),
        [1, 1]
      )
    })
  )

  it.effect("records a failure that is no object once, too", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(
        Effect.fail("boom").pipe(Effect.withSpan("inner"), Effect.withSpan("middle"), Effect.withSpan("outer"))
      )
      assert.deepStrictEqual(
        ["inner", "middle", "outer"].map((name) => named(name).events.length),
        [1, 0, 0]
      )
      assert.isTrue(named("outer").red)
    })
  )

  it.effect("records every raise of a shared error in sibling spans, and neither again around them", () =>
    Effect.gen(function* () {
      for (const shared of [declined(), "boom"] as const) {
        const { named } = yield* traced(
          Effect.ignore(Effect.withSpan(Effect.fail(shared), "one")).pipe(
            Effect.andThen(Effect.withSpan(Effect.fail(shared), "two")),
            Effect.withSpan("around"),
            Effect.withSpan("all")
          )
        )
        assert.deepStrictEqual(
          ["one", "two", "around", "all"].map((name) => named(name).events.length),
          [1, 1, 0, 0]
        )
      }
    })
  )

  it.effect("takes an error that was caught and comes up again in a span around for the same exception", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(
        Effect.withSpan(declined(), "attempt").pipe(
          Effect.catch((error) => Effect.fail(error)),
          Effect.withSpan("operation")
        )
      )
      assert.strictEqual(named("attempt").events.length, 1)
      assert.strictEqual(named("operation").events.length, 0)
      assert.isTrue(named("operation").red)
    })
  )

  it.effect("remembers no more than a few of the primitives that were raised below it", () =>
    Effect.gen(function* () {
      const raise = (text: string) => Effect.ignore(Effect.withSpan(Effect.fail(text), text))
      const many = Effect.forEach(
        Array.from({ length: 40 }, (_, at) => `text ${at}`),
        raise
      )
      const forgotten = yield* traced(Effect.withSpan(Effect.andThen(many, Effect.fail("text 0")), "outer"))
      assert.strictEqual(forgotten.named("outer").events.length, 1)
      const known = yield* traced(Effect.withSpan(Effect.andThen(many, Effect.fail("text 39")), "outer"))
      assert.strictEqual(known.named("outer").events.length, 0)
    })
  )

  it.effect("ends, and leaves the failure as it is, whatever goes wrong while it is described", () =>
    Effect.gen(function* () {
      const broken = (): never => {
        throw new Error("hunter2")
      }
      const policy = { ...Redaction.standard, text: broken }
      const error = declined()
      const program = Effect.withSpan(error, "pay")
      const redacting = yield* traced(program).pipe(Effect.provideService(Redaction.Redaction, policy))
      const deaf = yield* traced(program, {}, (span) => Object.assign(span, { attribute: broken }))
      const mute = yield* traced(program, {}, (span) => Object.assign(span, { event: broken }))
      for (const [{ exit, named }, name, description] of [
        // A policy that fails leaves no text open.
        [redacting, "<redacted>", "card declined: <redacted>"],
        [deaf, "pay", "the failure could not be described"],
        [mute, "pay", "the failure could not be described"]
      ] as const) {
        assert.strictEqual(Option.getOrThrow(Exit.findErrorOption(exit)), error)
        assert.isTrue(named(name).red)
        assert.strictEqual(named(name).description, description)
      }
      const endless = yield* traced(program, {}, (span) => Object.assign(span, { end: broken }))
      assert.strictEqual(Option.getOrThrow(Exit.findErrorOption(endless.exit)), error)
    })
  )

  it.effect("is ended once, whatever its class says of itself and wherever its methods are", () =>
    Effect.gen(function* () {
      class Silent extends Tracer.NativeSpan {
        #ends = 0
        override end(_endTime: bigint, _exit: Exit.Exit<unknown, unknown>) {
          this.#ends++
        }
        get ends() {
          return this.#ends
        }
      }
      class Bound extends Tracer.NativeSpan {}
      // A getter, as decorators that bind make one.
      Object.defineProperty(Bound.prototype, "end", {
        configurable: true,
        get(this: Tracer.NativeSpan) {
          return Tracer.NativeSpan.prototype.end.bind(this)
        },
        set(this: object, value: unknown) {
          Object.defineProperty(this, "end", { value })
        }
      })
      const ended: Array<string> = []
      const spans: Array<Tracer.Span> = []
      const make: ReadonlyArray<(options: Parameters<Tracer.Tracer["span"]>[0]) => Tracer.Span> = [
        (options) => new Tracer.NativeSpan(options),
        (options) => new Silent(options),
        (options) => {
          const span = new Tracer.NativeSpan(options)
          return Object.assign(span, { end: () => void ended.push(span.name) })
        },
        (options) =>
          new Proxy(new Tracer.NativeSpan(options), {
            get: (span, key) => {
              const value: unknown = Reflect.get(span, key)
              return typeof value === "function" ? value.bind(span) : value
            }
          }),
        (options) => new Bound(options)
      ]
      const wrapped = FailureTelemetry.wrap(
        Tracer.make({
          span: (options) => {
            const span = make[spans.length % make.length]!(options)
            spans.push(span)
            return span
          }
        }),
        { redaction: Redaction.standard, classify: () => undefined, stacks: true, expectedAsErrors: false }
      )
      for (const name of ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]) {
        yield* Effect.exit(Effect.withSpan(declined(), name)).pipe(Effect.withTracer(wrapped))
      }
      for (const span of spans) span.end(1n, Exit.void)
      assert.deepStrictEqual(ended, ["c", "h"])
      for (const span of spans) {
        if (span instanceof Silent) assert.strictEqual(span.ends, 1)
        else if (span.name !== "c" && span.name !== "h") assert.strictEqual(span.status._tag, "Ended", span.name)
        assert.strictEqual((span as Tracer.NativeSpan).events.length, 1)
        assert.strictEqual(span.attributes.get("error.type"), "sys.test.card_declined")
      }
    })
  )

  it.effect("may come from a tracer that is a class: its methods are called on itself", () =>
    Effect.gen(function* () {
      class Counting implements Tracer.Tracer {
        #primitives = 0
        span(options: Parameters<Tracer.Tracer["span"]>[0]) {
          return new Tracer.NativeSpan(options)
        }
        context<X>(primitive: Tracer.EffectPrimitive<X>, fiber: Fiber.Fiber<unknown, unknown>): X {
          this.#primitives++
          return primitive["~effect/Effect/evaluate"](fiber)
        }
        get primitives() {
          return this.#primitives
        }
      }
      const tracer = new Counting()
      const wrapped = FailureTelemetry.wrap(tracer, {
        redaction: Redaction.standard,
        classify: () => undefined,
        stacks: true,
        expectedAsErrors: false
      })
      yield* Effect.withSpan(Effect.void, "fine").pipe(Effect.withTracer(wrapped))
      assert.isAbove(tracer.primitives, 0)
    })
  )

  it.effect("keeps the type that the program has given it where it ends in what nobody knows, and there only", () =>
    Effect.gen(function* () {
      const told = <E>(effect: Effect.Effect<never, E>) =>
        Effect.andThen(Effect.annotateCurrentSpan({ "error.type": "sys.down", "error.category": "sys" }), effect)
      const { named } = yield* traced(
        Effect.exit(Effect.withSpan(told(Effect.fail(new Error("503"))), "server")).pipe(
          Effect.andThen(Effect.exit(Effect.withSpan(told(declined()), "client")))
        )
      )
      assert.deepInclude(named("server"), {
        red: true,
        attributes: { "error.type": "sys.down", "error.category": "sys" }
      })
      assert.deepInclude(named("client").attributes, { "error.type": "sys.test.card_declined" })
    })
  )

  it.effect("says nothing of a failure that was caught inside", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(
        Effect.withSpan(declined(), "inner").pipe(
          Effect.catchTag("CardDeclined", () => Effect.void),
          Effect.withSpan("outer")
        )
      )
      assert.deepInclude(named("outer"), { attributes: {}, events: [], red: false })
      assert.isTrue(named("inner").red)
    })
  )

  it.effect("is not red for what the business expects, unless asked, and can still be found", () =>
    Effect.gen(function* () {
      const program = Effect.withSpan(new OutOfStock({}), "order")
      const { named } = yield* traced(program)
      assert.deepInclude(named("order"), { red: false, events: [] })
      assert.deepInclude(named("order").attributes, { "error.type": "biz.test.out_of_stock", "error.category": "biz" })
      const asked = yield* traced(program, { expectedAsErrors: true })
      assert.isTrue(asked.named("order").red)
      assert.strictEqual(asked.named("order").events.length, 1)
    })
  )

  it.effect("is not an error when it was only interrupted", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(Effect.withSpan(Effect.never, "waiting"), { startImmediately: true })
          yield* Fiber.interrupt(fiber)
        })
      )
      assert.deepInclude(named("waiting"), { attributes: {}, events: [] })
    })
  )

  it.effect("of a defect carries the class, and the code of a broken invariant", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(Effect.withSpan(Effect.die(new RangeError("too far")), "compute"))
      const { attributes, description, events } = named("compute")
      assert.strictEqual(attributes["error.type"], "logic.internal_invariant_broken")
      assert.strictEqual(description, "too far")
      assert.deepInclude(events[0] as object, { "exception.type": "RangeError", "exception.message": "too far" })
    })
  )

  it.effect("describes anything that can be raised, even what throws when it is looked at", () =>
    Effect.gen(function* () {
      const hostile = new Proxy(
        {},
        {
          get: () => {
            throw new Error("no")
          }
        }
      )
      for (const [error, type] of [
        ["text", "string"],
        [undefined, "undefined"],
        [null, "null"],
        [{}, "Object"],
        [hostile, "Error"],
        [Object.assign(new Error("connect"), { code: "ECONNREFUSED" }), "Error"]
      ] as const) {
        const { named } = yield* traced(Effect.withSpan(Effect.fail(error), "any"))
        const { attributes, description, events } = named("any")
        assert.isString(attributes["error.type"])
        assert.isNotEmpty(description)
        assert.strictEqual((events[0] as Record<string, unknown>)["exception.type"], type)
      }
    })
  )

  it.effect("of several failures speaks for the first, records each, and counts them", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(
        Effect.withSpan(Effect.ensuring(declined(), Effect.die(new TypeError("cleanup"))), "both")
      )
      const { attributes, events } = named("both")
      assert.deepInclude(attributes, { "error.type": "sys.test.card_declined", "error.count": 2 })
      assert.deepStrictEqual(
        events.map((event) => (event as Record<string, unknown>)["exception.type"]),
        ["CardDeclined", "TypeError"]
      )
    })
  )

  it.effect("says what the program was doing", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(
        declined().pipe(Operation.doing("charge card"), Operation.doing("place order"), Effect.withSpan("pay"))
      )
      assert.strictEqual(named("pay").attributes["error.path"], "place order / charge card")
    })
  )

  it.effect("shows no secret, in no place, and no more of a text than a cap", () =>
    Effect.gen(function* () {
      const leaky = new Leaky({
        token: Redacted.make("hunter2-token"),
        detail: "was given hunter2-token",
        cause: new Error("hunter2-token")
      })
      const long = new Reasons.NetworkError({ detail: "x".repeat(100_000) })
      for (const error of [leaky, new Error("Authorization: Bearer hunter2.hunter2.hunter2")]) {
        const { spans } = yield* traced(Effect.withSpan(Effect.fail(error), "leak"))
        const { attributes, events, status } = spans[0]!
        const shown = JSON.stringify([[...attributes], events.map(([, , event]) => event)])
        const { exit } = status as Extract<Tracer.SpanStatus, { _tag: "Ended" }>
        const presented = Exit.isFailure(exit) ? (exit.cause.reasons[0] as { readonly error: Error }).error : undefined
        for (const text of [shown, presented?.message, presented?.stack]) assert.notInclude(text, "hunter2")
      }
      const number = yield* traced(
        Effect.withSpan(Effect.fail(new Leaky({ token: Redacted.make("7734551") })), "dial", {
          attributes: { tried: 7734551, rows: 12 }
        })
      )
      assert.deepInclude(number.named("dial").attributes, { tried: "<redacted>", rows: 12 })
      const below = Operation.doing(declined(), "connect to postgres://user:hunter2@db/orders")
      const doing = yield* traced(Effect.withSpan(below, "doing"))
      assert.include(doing.named("doing").attributes["error.path"], "connect to postgres://")
      assert.notInclude(doing.named("doing").attributes["error.path"], "hunter2")
      const { named } = yield* traced(Effect.withSpan(long, "long"))
      assert.isAtMost(named("long").description!.length, 1024)
    })
  )

  it.effect("shows no secret of the failure in its path either, nor a place that is masked whole", () =>
    Effect.gen(function* () {
      const leaky = new Leaky({ token: Redacted.make("orchid-token") })
      const known = yield* traced(Effect.withSpan(Operation.doing(leaky, "log in with orchid-token"), "in"))
      assert.strictEqual(known.named("in").attributes["error.path"], "log in with <redacted>")
      const below = declined().pipe(Effect.withSpan("in"), Operation.doing("open", { at: "/home/ann" }))
      const { named } = yield* traced(Effect.withSpan(below, "out")).pipe(
        Effect.provideService(Redaction.Redaction, Redaction.make({ slots: ["locator"] }))
      )
      assert.notProperty(named("in").attributes, "error.path")
      assert.strictEqual(named("out").attributes["error.path"], "open / <redacted>")
    })
  )

  it.effect("shows no secret in what the program itself puts on it, whether it fails or not", () =>
    Effect.gen(function* () {
      const annotated = Effect.gen(function* () {
        yield* Effect.annotateCurrentSpan({
          before: "with orchid-1",
          "db.password": "orchid-1",
          "url.full": "http://h/?token=orchid-2",
          note: "with orchid-token",
          repeated: "with orchid-1",
          body: { apiKey: "orchid-3", of: ["orchid-token"] },
          n: 7
        })
        const span = yield* Effect.currentSpan
        span.event("sent Bearer orchid-45678", 0n, { cookie: "orchid-5", at: "http://a:orchid-6@h/", n: 7 })
      })
      const { named, spans } = yield* traced(
        Effect.all([
          Effect.exit(
            Effect.withSpan(Effect.andThen(annotated, new Leaky({ token: Redacted.make("orchid-token") })), "bad")
          ),
          Effect.withSpan(annotated, "GET http://a:orchid-7@h/")
        ])
      )
      const bad = named("bad")
      assert.notInclude(
        JSON.stringify([bad.attributes, bad.events.map(({ at, ...event }) => [String(at), event]), bad.description]),
        "orchid"
      )
      assert.strictEqual(bad.attributes["note"], "with <redacted>")
      assert.strictEqual(bad.attributes["n"], 7)
      const fine = spans[1]!
      assert.strictEqual(fine.name, "GET http://<redacted>@h/")
      assert.strictEqual(fine.attributes.get("db.password"), "<redacted>")
      assert.strictEqual(fine.attributes.get("url.full"), "http://h/?token=<redacted>")
      assert.deepStrictEqual(fine.events, [
        ["sent Bearer <redacted>", 0n, { cookie: "<redacted>", at: "http://<redacted>@h/", n: 7 }]
      ])
    })
  )

  it.effect("shows no secret that only another of several failures knows", () =>
    Effect.gen(function* () {
      const cause = Cause.fromReasons<unknown>([
        Cause.makeFailReason(new Leaky({ token: Redacted.make("orchid-token") })),
        Cause.makeFailReason(new Error("refused orchid-token"))
      ])
      const { spans } = yield* traced(Effect.withSpan(Effect.failCause(cause), "call"))
      const messages = spans[0]!.events.map(([, , event]) => event?.["exception.message"])
      assert.deepStrictEqual(messages, ["leaky", "refused <redacted>"])
    })
  )

  it.effect("uses the application's own classifier and redaction", () =>
    Effect.gen(function* () {
      class Quota extends Error {}
      const { named } = yield* traced(Effect.withSpan(Effect.fail(new Quota("orchid")), "call")).pipe(
        Effect.provideService(Classifier.Classifier, (error) =>
          error instanceof Quota ? Reasons.ResourceExhausted.declared : undefined
        ),
        Effect.provideService(
          Redaction.Redaction,
          Redaction.make({ scanners: [{ name: "flower", pattern: /orchid/g, find: (match) => match }] })
        )
      )
      assert.strictEqual(named("call").attributes["error.type"], "sys.resource_exhausted")
      assert.strictEqual(named("call").description, "<redacted>")
    })
  )

  it.effect("keeps its stack to itself when asked to", () =>
    Effect.gen(function* () {
      const { named } = yield* traced(Effect.withSpan(declined(), "pay"), { stacks: false })
      assert.notProperty(named("pay").events[0], "exception.stacktrace")
    })
  )

  it.effect("changes nothing about success, the value, or the failure that the program sees", () =>
    Effect.gen(function* () {
      const { exit, named } = yield* traced(Effect.withSpan(Effect.succeed(7), "fine"))
      assert.deepStrictEqual(exit, Exit.succeed(7))
      assert.deepInclude(named("fine"), { attributes: {}, events: [], red: false })
      const error = declined()
      const failed = yield* traced(Effect.withSpan(error, "pay"))
      assert.strictEqual(Option.getOrThrow(Exit.findErrorOption(failed.exit)), error)
    })
  )
})

describe("over Effect's OtlpTracer", () => {
  it.effect("a success is unset, a failure is an error on every span, and its exception is on one", () =>
    Effect.gen(function* () {
      const sent: Array<OtlpTracer.TraceData> = []
      const keep = Layer.succeed(OtlpSerialization.OtlpSerialization, {
        traces: (data) => {
          sent.push(data)
          return HttpBody.empty
        },
        metrics: () => HttpBody.empty,
        logs: () => HttpBody.empty
      })
      const accepting = Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response())))
      )
      const exporting = OtlpTracer.layer({ url: "http://c/v1/traces", resource: { serviceName: "s" } }).pipe(
        Layer.provide(FailureTelemetry.serialization),
        Layer.provide(keep),
        Layer.provide(accepting)
      )
      const program = Effect.all(
        [
          Effect.withSpan(Effect.void, "fine"),
          declined().pipe(Effect.withSpan("inner"), Effect.withSpan("outer")),
          Effect.withSpan(new OutOfStock({}), "expected")
        ],
        { mode: "result" }
      )
      yield* program.pipe(Effect.provide(FailureTelemetry.layer().pipe(Layer.provideMerge(exporting))))
      const spans = sent.flatMap((data) => data.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)))
      const seen = spans.map(({ events, name, status }) => [
        name,
        status.code,
        status.message,
        events.map((event) =>
          event.attributes.slice(0, 2).map(({ value }) => (value as { stringValue?: string }).stringValue)
        )
      ])
      const message = "card declined: insufficient funds (51)"
      assert.deepStrictEqual(seen, [
        ["fine", 0, undefined, []],
        ["inner", 2, message, [["CardDeclined", message]]],
        ["outer", 2, message, []],
        ["expected", 0, undefined, []]
      ])
    })
  )
})

describe("errors.total", () => {
  const counts = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>) {
    const registry = new Map()
    const exit = yield* Effect.exit(Effect.provideService(effect, Metric.MetricRegistry, registry))
    const series = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
    return {
      exit,
      series: series
        .filter(({ id }) => id === "errors.total")
        .map(({ attributes, state }) => [attributes?.["error.type"], Number((state as { count: number }).count)])
    }
  })

  it.effect("grows by one for an operation that fails, however many attempts, spans and boundaries there are", () =>
    Effect.gen(function* () {
      const error = declined()
      const operation = Effect.fail(error).pipe(
        Effect.withSpan("attempt"),
        Effect.retry({ times: 2 }),
        FailureTelemetry.boundary,
        Effect.withSpan("outer"),
        FailureTelemetry.boundary
      )
      const { exit, series } = yield* counts(operation)
      assert.deepStrictEqual(series, [["sys.test.card_declined", 1]])
      assert.strictEqual(Option.getOrThrow(Exit.findErrorOption(exit)), error)
      const again = yield* counts(Effect.andThen(Effect.ignore(operation), Effect.ignore(operation)))
      assert.deepStrictEqual(again.series, [["sys.test.card_declined", 2]])
    })
  )

  it.effect("counts every kind of failure by its code, and neither success nor interruption", () =>
    Effect.gen(function* () {
      const { series } = yield* counts(
        Effect.forEach(
          [
            Effect.void,
            Effect.interrupt,
            Effect.fail("text"),
            new OutOfStock({}),
            Effect.die(new Error("bug"))
          ] as ReadonlyArray<Effect.Effect<void, unknown>>,
          (operation) => Effect.exit(FailureTelemetry.boundary(operation))
        )
      )
      assert.sameDeepMembers(series, [
        ["logic.unclassified", 1],
        ["biz.test.out_of_stock", 1],
        ["logic.internal_invariant_broken", 1]
      ])
    })
  )
})

it("is a Context away from any program: the layer needs nothing", () => {
  const context: Layer.Layer<never> = FailureTelemetry.layer()
  assert.isTrue(Context.isContext(Effect.runSync(Effect.scoped(Layer.build(context)))))
})
