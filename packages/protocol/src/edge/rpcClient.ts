import { check, flag, record, type Table, text } from "@holdfast/core/options"
import { Cause, Effect, Predicate, type Scope, Stream } from "effect"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { arrived, received } from "../remote/decode.ts"
import { RemoteFailure } from "../remote/failure.ts"
import { type Known, verifiedKnown } from "../remote/known.ts"
import { arriving, Came, ofDefect } from "./rpcArrived.ts"

/** How calls are traced. */
export interface ClientOptions {
  /** The beginning of the names of spans. Default: `RpcClient`. */
  readonly spanPrefix?: string
  /** Attributes of every span. Default: none. */
  readonly spanAttributes?: Record<string, unknown>
  /** Whether calls have no spans. Default: `false`. */
  readonly disableTracing?: boolean
}

const table: Table<ClientOptions> = { spanPrefix: text, spanAttributes: record, disableTracing: flag }

interface CallOptions {
  readonly asQueue?: boolean
  readonly streamBufferSize?: number
}

type Answer = Effect.Effect<unknown, unknown> | Stream.Stream<unknown, unknown>

type Call = (payload: unknown, options?: CallOptions) => Answer

/** The same call, its errors told. A queue has no errors to map: it is filled anew from the stream. */
const telling =
  (call: Call, told: (cause: Cause.Cause<unknown>) => Effect.Effect<never, unknown>): Call =>
  (payload, options) => {
    const asQueue = options?.asQueue === true
    const answer = call(payload, asQueue ? { ...options, asQueue: false } : options)
    if (!Stream.isStream(answer)) return Effect.catchCause(answer, told)
    const stream = Stream.catchCause(answer, (cause) => Stream.fromEffect(told(cause)))
    return asQueue
      ? (Stream.toQueue(stream, { capacity: options.streamBufferSize ?? 16 }) as Effect.Effect<unknown>)
      : stream
  }

/** What the other side failed with, where it is nothing that the procedure declares: a defect of its own included. */
const remoteIn = ({ reasons }: Cause.Cause<unknown>): RemoteFailure | undefined => {
  const fail = reasons.find(Cause.isFailReason)
  if (fail !== undefined) return fail.error instanceof RemoteFailure ? fail.error : undefined
  const die = reasons.find(Cause.isDieReason)
  return die?.defect instanceof Came ? ofDefect(die.defect.defect) : undefined
}

/**
 * The client's half: `RpcClient.make` whose procedures, streams included, fail with the declared class where a failure that
 * the procedure does not declare arrives with a code that is known here; with its fields if the server carries them. Anything
 * else that is not declared stays a `RemoteFailure` with the code. Errors of the transport (`RpcClientError`) stay as they are;
 * the `Classifier` knows them. So does a defect of the client's own; one that came over the wire is a `RemoteFailure`, with the code
 * that a guarded server gives it, else `logic.internal_invariant_broken`, and its text as an internal detail. Inside of a request
 * that an edge answers the correlation id goes along, as a header of the message that has the name of that edge's.
 *
 * - `known`: the classes that may come back. Default: none.
 * - `spanPrefix`, `spanAttributes`, `disableTracing`: as for `RpcClient.make`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { RpcEdge } from "@holdfast/protocol/rpc"
 * import { Effect, Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * class Orders extends RpcGroup.make(
 *   Rpc.make("find", { payload: { id: Schema.String }, success: Schema.String })
 * ).middleware(RpcEdge.Failures) {}
 *
 * const order = Effect.gen(function* () {
 *   const orders = yield* RpcEdge.client(Orders, [Reasons.RateLimited])
 *   return yield* orders.find({ id: "7" })
 * }).pipe(Effect.catchTag("RateLimited", ({ retryAfter }) => Effect.succeed(`come back in ${retryAfter}`)))
 * ```
 */
export const client = <Rpcs extends Rpc.Any, const Classes extends ReadonlyArray<Known> = []>(
  group: RpcGroup.RpcGroup<Rpcs>,
  known?: Classes,
  options?: ClientOptions
): Effect.Effect<
  RpcClient.RpcClient<Rpcs, RpcClientError | RemoteFailure | Classes[number]["Type"]>,
  never,
  RpcClient.Protocol | Rpc.MiddlewareClient<Rpcs> | Scope.Scope
> => {
  const classes = verifiedKnown("RpcEdge.client", known)
  if (options !== undefined) check({ path: "RpcEdge.client" }, table, options)
  const told = (cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> => {
    const remote = remoteIn(cause)
    return remote === undefined
      ? Effect.failCause(cause)
      : Effect.flatMap(arrived(received(remote), remote.failure, classes), Effect.fail)
  }
  return Effect.map(
    Effect.updateService(RpcClient.make(group, options), RpcClient.Protocol, arriving),
    (calls) =>
      Object.fromEntries(
        Object.entries(calls).map(([tag, call]) => [
          tag,
          Predicate.isFunction(call) ? telling(call as Call, told) : call
        ])
      ) as never
  )
}
