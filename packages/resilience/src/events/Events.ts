/**
 * What all policies tell in one stream: transitions, rejections, retries, budgets, timeouts and fallbacks. Where nobody
 * listens, no event is made.
 */
import { Context, Effect, Layer, PubSub, Stream } from "effect"
import { type Event, Listener, tell } from "./event.ts"

export {
  type CallRejected,
  type CircuitTransition,
  type Event,
  type FellBack,
  Listener,
  type RetryGaveUp,
  type RetryRefused,
  type RetryScheduled,
  type RetryStarted,
  type RetrySucceeded,
  type TimedOut
} from "./event.ts"

/** The events of everything that {@link layer} is provided to. The example of {@link layer} shows it. */
export class Events extends Context.Service<Events, { readonly stream: Stream.Stream<Event> }>()(
  "@holdfast/resilience/Events/Events"
) {}

/**
 * Tells a listener what the policies do inside of an effect, beside whoever listens already. It is called at once and must
 * be quick; what it throws is dropped.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Events, Retry } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const seen: Array<string> = []
 * const down = Effect.fail(new Reasons.NetworkError({}))
 * const program = down.pipe(
 *   Retry.retry({ attempts: 2, backoff: Backoff.none }),
 *   Events.listen(({ _tag }) => seen.push(_tag))
 * )
 * Effect.runSyncExit(program)
 * seen // => ["RetryScheduled", "RetryStarted", "RetryGaveUp"]
 * ```
 */
export const listen =
  (listener: (event: Event) => void) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => Effect.provideService(self, Listener, both(fiber.getRef(Listener), listener)))

const both =
  (outer: Listener | undefined, inner: Listener): Listener =>
  (event) => {
    if (outer !== undefined) tell(outer, event)
    tell(inner, event)
  }

/**
 * The events of everything that the layer is provided to, as a stream for any number of subscribers. A subscriber that falls
 * 1024 behind loses the oldest.
 *
 * @example
 * ```ts
 * import { CircuitBreaker, Events } from "@holdfast/resilience"
 * import { Effect, Fiber, Stream } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { stream } = yield* Events.Events
 *   const first = yield* stream.pipe(Stream.take(2), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
 *   const breaker = yield* CircuitBreaker.make({ name: "payments" })
 *   yield* Effect.scoped(Effect.andThen(breaker.isolate, Effect.exit(CircuitBreaker.protect(Effect.void, breaker))))
 *   return (yield* Fiber.join(first)).map(({ _tag }) => _tag)
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(Events.layer))) // => ["CircuitTransition", "CallRejected"]
 * ```
 */
export const layer: Layer.Layer<Events> = Layer.effectContext(
  Effect.withFiber((fiber) =>
    Effect.map(
      Effect.acquireRelease(PubSub.sliding<Event>(1024), PubSub.shutdown),
      (hub) =>
        Context.make(Events, { stream: Stream.fromPubSub(hub) }).pipe(
          Context.add(
            Listener,
            both(fiber.getRef(Listener), (event) => void PubSub.publishUnsafe(hub, event))
          )
        ) as Context.Context<Events>
    )
  )
)
