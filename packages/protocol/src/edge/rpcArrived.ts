import { Reasons } from "@holdfast/core"
import { Effect, Predicate, Schema, SchemaTransformation } from "effect"
import * as Headers from "effect/http/Headers"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import type * as RpcSerialization from "effect/rpc/RpcSerialization"
import { look } from "../look.ts"
import { elsewhere, readRpc } from "../remote/bodies.ts"
import { remoteOf } from "../remote/decode.ts"
import type { RemoteFailure } from "../remote/failure.ts"
import { InForce } from "./inForce.ts"
import { isExit } from "./rpcGuard.ts"
import { headerOf } from "./told.ts"

/** A defect that came over the wire, as none of the client's own does. */
export class Came {
  readonly defect: unknown
  constructor(defect: unknown) {
    this.defect = defect
  }
}

const textOf = (defect: unknown): string | null =>
  Predicate.isString(defect) ? defect : Predicate.isError(defect) ? look(() => defect.message, null) : null

/** The failure that a defect of the other side stands for: what it says of itself, else a bug over there. */
export const ofDefect = (defect: unknown): RemoteFailure => {
  const said = look(() => readRpc(defect), undefined)
  const { category, code, reason } = Reasons.LogicError.declared
  const bug = { ...elsewhere(textOf(defect), null), code, category, reason, retryable: false }
  return (said && remoteOf(said)) ?? remoteOf(bug)!
}

const coming = (schema: Schema.Top) =>
  schema.pipe(
    Schema.decodeTo(
      Schema.Unknown,
      SchemaTransformation.transform({
        decode: (defect: unknown): unknown => new Came(defect),
        encode: (defect: unknown) => defect as never
      })
    )
  )

const codecs =
  (codecFor: RpcSerialization.CodecFor): RpcSerialization.CodecFor =>
  (schema) => {
    const given: Schema.Top = schema
    return isExit(given)
      ? (codecFor(Schema.Exit(given.value, given.error, coming(given.defect))) as never)
      : codecFor(schema)
  }

/** A request with the name of the request that the fiber is about, unless it has one already. */
const correlated = (request: FromClientEncoded): Effect.Effect<FromClientEncoded> =>
  request._tag !== "Request"
    ? Effect.succeed(request)
    : Effect.map(InForce, ({ correlation, options }) => {
        const header = headerOf(options).toLowerCase()
        return correlation === undefined || Headers.has(Headers.fromInput(request.headers), header)
          ? request
          : { ...request, headers: [...request.headers, [header, correlation]] }
      })

/** A protocol whose defects can be told from those of the client, and which passes the correlation id on. */
export const arriving = (protocol: RpcClient.Protocol["Service"]): RpcClient.Protocol["Service"] => {
  const decodeDefect = Schema.decodeUnknownSync(protocol.codecFor(Schema.Defect()))
  // One that ends every call is nobody's answer, which only errors of the protocol are.
  const told = (message: FromServerEncoded): FromServerEncoded =>
    message._tag === "Defect"
      ? {
          _tag: "ClientProtocolError",
          error: ofDefect(look(() => decodeDefect(message.defect), undefined)) as unknown as RpcClientError
        }
      : message
  return RpcClient.Protocol.of({
    ...protocol,
    codecFor: codecs(protocol.codecFor),
    run: (clientId, f) => protocol.run(clientId, (message) => f(told(message))),
    send: (clientId, request, transferables) =>
      Effect.flatMap(correlated(request), (message) => protocol.send(clientId, message, transferables))
  })
}
