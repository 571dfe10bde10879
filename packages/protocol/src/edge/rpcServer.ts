import { type Audience, Failure } from "@holdfast/core"
import { check, type Table } from "@holdfast/core/options"
import { Cause, Effect, ErrorReporter, Layer, Schema } from "effect"
import type { Headers } from "effect/http/Headers"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as RpcSchema from "effect/rpc/RpcSchema"
import * as Projection from "../projection/Projection.ts"
import { readRpc } from "../remote/bodies.ts"
import { remoteOf } from "../remote/decode.ts"
import { RemoteFailure } from "../remote/failure.ts"
import type { Known } from "../remote/known.ts"
import { reportOrLog } from "../reporting.ts"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { clean } from "./clean.ts"
import { look } from "../look.ts"
import { met, type Met } from "./met.ts"
import { provided, under } from "./provided.ts"
import { audience as reader, carry as carried } from "./told.ts"

/** What goes out of a procedure. */
export interface Options {
  /** Who reads it: an audience, or a function of the headers of a call. If it throws, `client`. Default: `"client"`. */
  readonly audience?: Audience | ((headers: Headers) => Audience)
  /** What goes along with a failure that the procedure does not declare. Default: nothing. */
  readonly carry?: ErrorSnapshot.Carry
}

const table: Table<Options> = { audience: reader, carry: carried }

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

interface Reader {
  readonly audience: Audience
  readonly carry: ErrorSnapshot.Carry | undefined
}

/** The RPC projection of a failure, as a failure. */
const remote = ({ snapshot }: Met, { audience, carry }: Reader) => {
  const rpc = Projection.toRpc(snapshot, { audience, ...(carry === undefined ? {} : { carry }) })
  const said = { ...(readRpc(rpc) ?? rpc), retry_after_ms: snapshot.retry_after_ms }
  return fail(remoteOf(said) ?? remoteOf({ ...said, code: RemoteFailure.declared.code })!)
}

/** The declared class as it may leave, within its layers. */
const declared = (one: Met, error: Failure.Any, reader: Reader) => {
  const leaf = Failure.leafOf(error)
  const told = clean(one.snapshot, leaf.constructor as unknown as Known, reader.audience)
  if (told === undefined) return remote(one, reader)
  const layers = error.constructor as unknown as { readonly from: (failure: Failure.Any) => Failure.Any }
  return fail(leaf === error ? told : layers.from(told))
}

/** What a call that failed is answered with. */
const answered = (
  cause: Cause.Cause<unknown>,
  { headers, rpc }: { readonly headers: Headers; readonly rpc: Rpc.AnyWithProps },
  { audience = "client", carry }: Options
): Effect.Effect<never, RemoteFailure> => {
  const reader: Reader = {
    audience: typeof audience === "function" ? look(() => audience(headers), "client") : audience,
    carry
  }
  const error = cause.reasons.find(Cause.isFailReason)?.error
  // A schema that takes everything, such as `Schema.Unknown`, declares nothing.
  const isDeclared = look(() => Failure.isFailure(error) && declares(rpc)(error), false)
  return Effect.flatMap(met(cause, { carry: isDeclared ? "all" : carry }), (one) =>
    Effect.andThen(
      reportOrLog(one.cause),
      isDeclared ? declared(one, error as Failure.Any, reader) : remote(one, reader)
    )
  )
}

/**
 * The server's half. A failure that the procedure declares, in the middle of its stream too, goes out as its class, without
 * secrets and with its detail only if that is public; a defect, an interruption and any other error as a `RemoteFailure` with
 * the code and what the exposure policy shows of it. What happened goes to the `ErrorReporter`s, once and as it was.
 *
 * - `audience`: who reads it. Default: `client`.
 * - `carry`: what goes along with a failure that the procedure does not declare, so that a client that knows its class gets that
 *   (`RpcEdge.client`): `"public"` where its detail may be shown, `"all"` everything there is, texts included, which is for
 *   programs of the same house. Default: nothing.
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
export const layer = (options: Options = {}): Layer.Layer<Failures> => {
  check({ path: "RpcEdge.layer" }, table, options)
  return Layer.effect(
    Failures,
    Effect.map(
      provided,
      (layer): Failures["Service"] =>
        (effect, call) =>
          under(layer)(Effect.catchCause(effect, (cause) => answered(cause, call, options)))
    )
  )
}
