/**
 * Failures over Effect's RPC: what a procedure declares arrives as it is, everything else as a failure that says nothing
 * internal.
 */
import { Failure } from "@holdfast/core"
import { Cause, Effect, ErrorReporter, Layer, Schema } from "effect"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as Projection from "../projection/Projection.ts"
import { decodeRpcWith } from "../remote/decode.ts"
import { RemoteFailure } from "../remote/failure.ts"
import type { Known } from "../remote/known.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { clean } from "./clean.ts"

/**
 * The middleware that a group needs: `RpcGroup.make(…).middleware(RpcEdge.Failures)`. It adds `RemoteFailure` to what its
 * procedures can fail with.
 */
export class Failures extends RpcMiddleware.Service<Failures>()("@holdfast/protocol/RpcEdge/Failures", {
  error: RemoteFailure
}) {}

/** The RPC projection of a failure under the policies of the fiber, as a failure. */
const remote = (cause: Cause.Cause<unknown>): Effect.Effect<never, RemoteFailure> =>
  ErrorSnapshot.make(cause).pipe(
    Effect.flatMap((snapshot) =>
      decodeRpcWith(
        Projection.toRpc(snapshot),
        [],
        snapshot.retry_after_ms === undefined ? {} : { retry_after_ms: snapshot.retry_after_ms }
      )
    ),
    Effect.orDie,
    Effect.flatMap((failure) => Effect.fail(failure as RemoteFailure))
  )

/**
 * The server's half. A failure that the procedure declares goes out as its class, without secrets and
 * with its detail only if that is public; a defect, an interruption and any other
 * error as a `RemoteFailure` with the code and what the exposure policy shows of it, and to the `ErrorReporter`s.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { RpcEdge } from "@holdfast/protocol/rpc"
 * import { Effect, Layer, Schema } from "effect"
 * import { Rpc, RpcGroup } from "effect/rpc"
 *
 * class Orders extends RpcGroup.make(
 *   Rpc.make("find", { payload: { id: Schema.String }, success: Schema.String, error: Reasons.NotFound })
 * ).middleware(RpcEdge.Failures) {}
 *
 * const handlers = Orders.toLayer({ find: ({ id }) => Effect.fail(new Reasons.NotFound({ detail: `order ${id}` })) })
 * const server = Layer.mergeAll(handlers, RpcEdge.layer)
 * ```
 */
export const layer: Layer.Layer<Failures> = Layer.succeed(Failures)((effect, { rpc }) => {
  const isDeclared = Schema.is(rpc.errorSchema)
  return Effect.catchCause(effect, (cause) => {
    const error = cause.reasons.find(Cause.isFailReason)?.error
    // A schema that takes everything, such as `Schema.Unknown`, declares nothing.
    if (Failure.isFailure(error) && isDeclared(error)) return declared(cause, error)
    const answer = remote(cause)
    return Cause.hasInterruptsOnly(cause) ? answer : Effect.andThen(ErrorReporter.report(cause), answer)
  })
})

/** The declared class as it may leave, within its layers. */
const declared = (cause: Cause.Cause<unknown>, error: Failure.Any) =>
  Effect.flatMap(ErrorSnapshot.make(cause, { carry: "all" }), (snapshot) => {
    const leaf = Failure.leafOf(error)
    const told = clean(snapshot, leaf.constructor as unknown as Known)
    if (told === undefined) return remote(cause)
    const layers = error.constructor as unknown as { readonly from: (failure: Failure.Any) => Failure.Any }
    return Effect.fail((leaf === error ? told : layers.from(told)) as RemoteFailure)
  })
