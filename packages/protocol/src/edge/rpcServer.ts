import { Failure } from "@holdfast/core"
import { Cause, Effect, ErrorReporter, Layer, Schema } from "effect"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as RpcSchema from "effect/rpc/RpcSchema"
import * as Projection from "../projection/Projection.ts"
import { remoteOf } from "../remote/decode.ts"
import { RemoteFailure } from "../remote/failure.ts"
import type { Known } from "../remote/known.ts"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { clean } from "./clean.ts"

/** What goes out of a procedure. */
export interface Options {
  /** Whether a failure that the procedure does not declare carries its own fields. Default: no. */
  readonly carry?: ErrorSnapshot.Carry
}

/**
 * The middleware that a group needs: `RpcGroup.make(…).middleware(RpcEdge.Failures)`. It adds `RemoteFailure` to what its
 * procedures can fail with. Of several middlewares the last one is the outermost.
 */
export class Failures extends RpcMiddleware.Service<Failures>()("@holdfast/protocol/RpcEdge/Failures", {
  error: RemoteFailure
}) {}

type Is = (u: unknown) => boolean

const declarations = new WeakMap<Rpc.AnyWithProps, Is>()

/** Whether an error is one that the procedure, its stream or another middleware declares. */
const declares = (rpc: Rpc.AnyWithProps): Is => {
  let is = declarations.get(rpc)
  if (is === undefined) {
    const { errorSchema, middlewares, successSchema } = rpc
    const ofStream = RpcSchema.isStreamSchema(successSchema) ? [successSchema.error] : []
    const ofOthers = [...middlewares].filter(({ key }) => key !== Failures.key).map(({ error }) => error)
    is = Schema.is(Schema.Union([errorSchema, ...ofStream, ...ofOthers]))
    declarations.set(rpc, is)
  }
  return is
}

/** An error as it is sent: whoever reports what leaves has already been told what happened. */
const fail = <E extends Failure.Any>(error: E): Effect.Effect<never, RemoteFailure> =>
  Effect.fail(Object.defineProperty(error, ErrorReporter.ignore, { value: true }) as never)

/** The RPC projection of a failure under the policies of the fiber, as a failure. */
const remote = (cause: Cause.Cause<unknown>, options: Options) =>
  Effect.flatMap(ErrorSnapshot.make(cause, options), (snapshot) => {
    const { retry_after_ms } = snapshot
    const rpc = Projection.toRpc(snapshot, options)
    // Whoever says when to come back says that one may.
    const said = { ...rpc, retry_after_ms, retryable: rpc.retryable || retry_after_ms !== undefined }
    return fail(remoteOf(said) ?? remoteOf({ ...said, code: RemoteFailure.declared.code })!)
  })

/** The declared class as it may leave, within its layers. */
const declared = (cause: Cause.Cause<unknown>, error: Failure.Any, options: Options) =>
  Effect.flatMap(ErrorSnapshot.make(cause, { carry: "all" }), (snapshot) => {
    const leaf = Failure.leafOf(error)
    const told = clean(snapshot, leaf.constructor as unknown as Known)
    if (told === undefined) return remote(cause, options)
    const layers = error.constructor as unknown as { readonly from: (failure: Failure.Any) => Failure.Any }
    return fail(leaf === error ? told : layers.from(told))
  })

/**
 * The server's half. A failure that the procedure declares, in the middle of its stream too, goes out as its class, without
 * secrets and with its detail only if that is public; a defect, an interruption and any other error as a `RemoteFailure` with
 * the code and what the exposure policy shows of it. What happened goes to the `ErrorReporter`s, once and as it was.
 *
 * - `carry`: whether a failure that the procedure does not declare carries its own fields, secrets masked, so that a client
 *   that knows its class gets that (`RpcEdge.client`): `"public"` where its detail may be shown, `"all"` always, which is for
 *   peers inside the house. Default: no.
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
 * const server = Layer.mergeAll(handlers, RpcEdge.layer())
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<Failures> =>
  Layer.succeed(Failures)((effect, { rpc }) =>
    Effect.catchCause(effect, (cause) => {
      const error = cause.reasons.find(Cause.isFailReason)?.error
      // A schema that takes everything, such as `Schema.Unknown`, declares nothing.
      const answer =
        Failure.isFailure(error) && declares(rpc)(error) ? declared(cause, error, options) : remote(cause, options)
      return Cause.hasInterruptsOnly(cause) ? answer : Effect.andThen(ErrorReporter.report(cause), answer)
    })
  )
