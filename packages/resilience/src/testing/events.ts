import { Effect, type Exit } from "effect"
import type { Event } from "../events/event.ts"
import * as Events from "../events/Events.ts"

/** How an effect ended, and what the policies did meanwhile. */
export interface Recorded<out A, out E> {
  readonly exit: Exit.Exit<A, E>
  /** Every event in the order in which it happened. */
  readonly events: ReadonlyArray<Event>
  /** The events of one kind. */
  readonly of: <Tag extends Event["_tag"]>(tag: Tag) => ReadonlyArray<Extract<Event, { readonly _tag: Tag }>>
}

/**
 * Runs an effect and records what every policy inside does: transitions, rejections, retries that were scheduled, started
 * and given up, refusals of a budget, timeouts, fallbacks.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Backoff, Fallback, Retry } from "@holdfast/resilience"
 * import { dependency, recorded } from "@holdfast/resilience/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const stock = yield* dependency({ value: 7, failures: 9, failure: () => new Reasons.NetworkError({}) })
 *   const call = stock.call.pipe(Retry.retry({ attempts: 3, backoff: Backoff.none }), Fallback.value(0))
 *   const { events, of } = yield* recorded(call)
 *   return [events.length, of("RetryGaveUp")[0]?.attempts, of("FellBack")[0]?.code]
 * })
 * await Effect.runPromise(program) // => [6, 3, "sys.network_error"]
 * ```
 */
export const recorded = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<Recorded<A, E>, never, R> =>
  Effect.suspend(() => {
    const events: Array<Event> = []
    const of: Recorded<A, E>["of"] = (tag) => events.filter((event) => event._tag === tag) as never
    return Effect.map(Effect.exit(Events.listen((event) => events.push(event))(self)), (exit) => ({ exit, events, of }))
  })
