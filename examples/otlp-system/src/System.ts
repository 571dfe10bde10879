/**
 * The system: an exporter behind retry and a circuit breaker, with a spool behind both.
 *
 *     export(batch) = breaker ( retry ( attempt ) )
 *
 * What the collector takes is delivered. What it may take later is deferred: the spool has it, and the caller is done.
 * What it will never take goes to the dead-letter folder with the reason. Nothing else happens to a batch.
 */
import { Classifier, Failure, Operation } from "@holdfast/core"
import { FailureTelemetry, OtlpError, OtlpExporter, Spool } from "@holdfast/otlp"
import { Backoff, CircuitBreaker, Retry } from "@holdfast/resilience"
import { Clock, Context, Duration, Effect, Latch, Layer, Metric, Option, Ref, Semaphore, Stream } from "effect"
import type { Batch } from "./batches.ts"
import { Journal } from "./journal.ts"
import type { OtlpSettings } from "./settings.ts"
import { type BreakerState, type Counters, summarize, type Summary, zero } from "./tally.ts"

/** What became of a batch. All of these are successes: the batch is accounted for. */
export type Outcome =
  | { readonly _tag: "Delivered"; readonly attempts: number }
  /** `code` is the failure that stood in the way. */
  | { readonly _tag: "Deferred"; readonly code: string; readonly sequence: number }
  | { readonly _tag: "DeadLettered"; readonly code: string }

export type ExportFailure = Spool.SpoolError | OtlpError.OtlpError

export interface Service {
  /**
   * Sends a batch, or keeps it. Fails with `SpoolError` if it can do neither: then the batch is still the caller's. Fails
   * with `OtlpError` if the configuration is wrong (no OTLP receiver at the endpoint, a certificate nobody trusts): then
   * the spool has the batch, and there is no point in going on.
   */
  readonly export: (batch: Batch) => Effect.Effect<Outcome, ExportFailure>
  /** Delivers what is spooled, in order, waiting for the breaker as long as it takes. Ends when the spool is empty. */
  readonly drain: Effect.Effect<void, ExportFailure>
  /** Counts a batch that an earlier run has accounted for. */
  readonly skip: (batch: Batch) => Effect.Effect<void>
  readonly summary: Effect.Effect<Summary>
  readonly state: Effect.Effect<BreakerState>
  /** What stood in the way of the latest batch that did not arrive. */
  readonly lastFailure: Effect.Effect<Option.Option<Failure.Any>>
  readonly transitions: Stream.Stream<CircuitBreaker.Transition>
}

export class System extends Context.Service<System, Service>()("examples/otlp-system/System") {}

/** The breaker between this program and its collector, as a service, so that a test can bring its own. */
export class CollectorCircuit extends Context.Service<CollectorCircuit, CircuitBreaker.CircuitBreaker>()(
  "examples/otlp-system/CollectorCircuit"
) {
  static layer = ({ breaker }: OtlpSettings) =>
    Layer.effect(
      CollectorCircuit,
      CircuitBreaker.make({
        name: "collector",
        trip: CircuitBreaker.consecutive(breaker.failures),
        halfOpen: { successes: breaker.successes },
        openFor: breaker.open
      })
    )
}

const exportFailed = (code: string) =>
  Metric.counter("export_failed", { attributes: { "error.type": code }, incremental: true })

const rejectionCode = "sys.circuit_open"

/** How long the drain waits when the collector fails while the circuit is still closed. */
const pause = Duration.millis(200)

/** Time spent in each state, from transitions and the monotonic clock. */
class Stopwatch {
  readonly millis: Partial<Record<BreakerState, number>> = {}
  #state: BreakerState = "closed"
  #since: number

  constructor(now: number) {
    this.#since = now
  }

  switch(state: BreakerState, now: number): void {
    this.millis[this.#state] = (this.millis[this.#state] ?? 0) + now - this.#since
    this.#since = now
    this.#state = state
  }

  read(now: number): Summary["millisIn"] {
    this.switch(this.#state, now)
    return { ...this.millis }
  }
}

/** Whether the program was set up wrongly, which is no batch's fault. */
const isMisconfigured = (failure: unknown): failure is OtlpError.OtlpError =>
  failure instanceof OtlpError.OtlpError && Classifier.classify(failure).category === "conf"

/** Whether the collector may take the batch another time, or never will. */
const verdictOf = (failure: unknown): "later" | "never" => {
  const { code, retry } = Classifier.classify(failure)
  return retry !== "never" || code === "sys.retries_exhausted" || isMisconfigured(failure) ? "later" : "never"
}

const nowMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

export const make = Effect.fnUntraced(function* (settings: OtlpSettings) {
  const exporter = yield* OtlpExporter.OtlpExporter
  const spool = yield* Spool.Spool
  const breaker = yield* CollectorCircuit
  const journal = yield* Journal
  const counters = zero()
  const stopwatch = new Stopwatch(yield* nowMillis)
  const count = (change: (counters: Counters) => void) => Effect.sync(() => change(counters))

  /** From here on the batch is in the books, and the next run will not read it again. */
  const account = (batch: Batch) =>
    Effect.andThen(
      count((it) => {
        it.read += batch.items
      }),
      journal.account(batch)
    )

  yield* breaker.transitions.pipe(
    Stream.runForEach(({ to }) => Effect.map(nowMillis, (now) => stopwatch.switch(to, now))),
    Effect.forkScoped({ startImmediately: true })
  )

  const { retry } = settings
  const policy = Retry.make({
    attempts: retry.attempts,
    backoff: Backoff.exponential(retry.base, { jitter: { upTo: "99 millis" }, cap: retry.cap }),
    exhausted: "wrap"
  })

  /** One batch through breaker, retry and exporter; the number of attempts when it arrives. */
  const send = (batch: Batch) =>
    Effect.suspend(() => {
      let attempts = 0
      const attempt = Effect.suspend(() => {
        attempts++
        counters.attempts++
        return exporter.export({ body: batch.body, contentType: "application/json", items: batch.items })
      }).pipe(
        Effect.tapError(() => count((it) => it.failedAttempts++)),
        Failure.context("Export operation failed")
      )
      return attempt.pipe(
        Retry.retry(policy),
        CircuitBreaker.protect(breaker),
        Effect.map(({ rejected }) => {
          counters.refused += rejected
          return attempts
        }),
        Operation.doing("export batch", () => ({ metadata: { "batch.items": batch.items } })),
        Effect.withSpan("export", { kind: "client", attributes: { "batch.items": batch.items } })
      )
    })

  let lastFailure = Option.none<Failure.Any>()

  const noted = (failure: Failure.Any) => {
    const { code } = Classifier.classify(failure)
    // A rejection says nothing that the failure which opened the circuit has not said better.
    if (code !== rejectionCode || Option.isNone(lastFailure)) lastFailure = Option.some(failure)
    if (code === rejectionCode) {
      return count((it) => it.rejections++).pipe(Effect.andThen(Effect.logWarning("Circuit breaker open, using cache")))
    }
    return Metric.update(exportFailed(code), 1)
  }

  const toDeadLetter = Effect.fnUntraced(function* (sequence: number | undefined, batch: Batch, failure: Failure.Any) {
    const reason = { code: Classifier.classify(failure).code, detail: failure.message }
    yield* sequence === undefined
      ? spool.deadLetter(batch.body, { items: batch.items }, reason)
      : spool.reject(sequence, reason)
    counters.deadLettered += batch.items
    const errorType = { "error.type": Classifier.classify(failure).code }
    yield* Metric.update(Metric.withAttributes(FailureTelemetry.errorsTotal, errorType), 1)
    yield* Effect.logError(`refused for good, kept in the dead-letter folder: ${failure.message}`)
  })

  const pending = yield* Ref.make(0)
  const wake = yield* Latch.make()

  const keep = Effect.fnUntraced(function* (
    batch: Batch,
    failure: Failure.Any
  ): Effect.fn.Return<Outcome, ExportFailure> {
    const { code } = Classifier.classify(failure)
    if (verdictOf(failure) === "never") {
      yield* toDeadLetter(undefined, batch, failure)
      return { _tag: "DeadLettered", code }
    }
    const { sequence } = yield* spool.append(batch.body, { items: batch.items })
    counters.deferred += batch.items
    yield* Ref.update(pending, (n) => n + 1)
    if (isMisconfigured(failure)) {
      yield* account(batch)
      return yield* failure
    }
    return { _tag: "Deferred", code, sequence }
  })

  const delivered = Effect.fnUntraced(function* (batch: Batch, attempts: number): Effect.fn.Return<Outcome> {
    if (attempts === 1) counters.deliveredFirst += batch.items
    else counters.deliveredAfterRetry += batch.items
    if ((yield* Ref.get(pending)) > 0) yield* wake.open
    return { _tag: "Delivered", attempts }
  })

  /** From the moment the collector has answered, nothing may come between a batch and its place in the books. */
  const deliver = (batch: Batch): Effect.Effect<Outcome, ExportFailure> =>
    Effect.uninterruptibleMask((restore) =>
      restore(send(batch)).pipe(
        Effect.matchEffect({
          onSuccess: (attempts) => delivered(batch, attempts),
          onFailure: (failure) => Effect.andThen(noted(failure), keep(batch, failure))
        }),
        Effect.tap(account(batch))
      )
    )

  type Step =
    | { readonly _tag: "Empty" }
    | { readonly _tag: "Done" }
    | { readonly _tag: "Wait"; readonly failure: Failure.Any }

  /** Tries the oldest spooled batch once. */
  const drainOne: Effect.Effect<Step, ExportFailure> = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const next = yield* spool.take
      if (Option.isNone(next)) {
        yield* Ref.set(pending, 0)
        return { _tag: "Empty" }
      }
      const { items, payload, sequence } = next.value
      const batch: Batch = { body: payload, items }
      return yield* restore(send(batch)).pipe(
        Effect.onInterrupt(() => spool.release(sequence)),
        Effect.matchEffect({
          onSuccess: Effect.fnUntraced(function* (): Effect.fn.Return<Step> {
            yield* spool.acknowledge(sequence)
            counters.drained += items
            return { _tag: "Done" }
          }),
          onFailure: Effect.fnUntraced(function* (failure): Effect.fn.Return<Step, ExportFailure> {
            yield* noted(failure)
            if (verdictOf(failure) === "never") {
              yield* toDeadLetter(sequence, batch, failure)
              return { _tag: "Done" }
            }
            yield* spool.release(sequence)
            return isMisconfigured(failure) ? yield* failure : { _tag: "Wait", failure }
          })
        })
      )
    })
  )

  const oneAtATime = yield* Semaphore.make(1)

  /** Empties the spool while the circuit is closed. The probes of an open circuit are for live traffic. */
  const drainWhileClosed = Effect.gen(function* () {
    while ((yield* breaker.state) === "closed") {
      if ((yield* drainOne)._tag !== "Done") return
    }
  }).pipe(oneAtATime.withPermit)

  yield* breaker.transitions.pipe(
    Stream.filter(({ to }) => to === "closed"),
    Stream.runForEach(() => wake.open),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* wake.await.pipe(
    Effect.andThen(wake.close),
    Effect.andThen(drainWhileClosed),
    Effect.catch((failure) => Effect.logError("The spool cannot be drained", failure)),
    Effect.forever,
    Effect.forkScoped({ startImmediately: true })
  )

  const drain = Effect.gen(function* () {
    for (;;) {
      const step = yield* drainOne
      if (step._tag === "Empty") return
      if (step._tag === "Wait") yield* Effect.sleep(Classifier.retryAfterOf(step.failure) ?? pause)
    }
  }).pipe(oneAtATime.withPermit)

  const initial = yield* spool.stats
  counters.inherited = initial.items
  yield* Ref.set(pending, initial.records)

  return System.of({
    export: deliver,
    drain,
    skip: (batch) =>
      count((it) => {
        it.resumed += batch.items
      }),
    state: breaker.state,
    lastFailure: Effect.sync(() => lastFailure),
    transitions: breaker.transitions,
    summary: Effect.gen(function* () {
      const { items } = yield* spool.stats
      return summarize(counters, items, stopwatch.read(yield* nowMillis))
    })
  })
})

export const layer = (settings: OtlpSettings) => Layer.effect(System, make(settings))
