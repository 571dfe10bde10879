import { Reasons } from "@holdfast/core"
import { Layer } from "effect"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import { jsonRpcCodeOf } from "../projection/peers.ts"
import { isObject, own, textIn } from "../remote/bodies.ts"

type Body = Readonly<Record<string, unknown>>

type Encoded = ReturnType<RpcSerialization.Parser["encode"]>

/** The failures whose codes JSON-RPC has a number for, as they are sent: a class says its tag, and not its code. */
const byTag: ReadonlyMap<unknown, string> = new Map(
  [Reasons.ValidationError, Reasons.Unimplemented, Reasons.LogicError].map(({ declared }) => [
    declared.tag,
    declared.code
  ])
)

/** What a failed call was sent with: its typed error, or what it was instead. */
const failedWith = (data: unknown): Body => {
  const reasons = Array.isArray(data) ? data.filter(isObject) : []
  const fail = reasons.find((reason) => own(reason, "_tag") === "Fail")
  const error = fail === undefined ? undefined : own(fail, "error")
  if (isObject(error)) return error
  return reasons.some((reason) => own(reason, "_tag") === "Die") ? { _tag: Reasons.LogicError.declared.tag } : {}
}

/** Number and text of an error, which the serialisation takes from members that mean something else. */
const mended = (message: unknown): unknown => {
  if (Array.isArray(message)) return message.map(mended)
  const error = isObject(message) ? own(message, "error") : undefined
  if (!isObject(message) || !isObject(error) || own(error, "_tag") !== "Cause") return message
  const failure = failedWith(own(error, "data"))
  const tag = textIn(own(failure, "_tag"))
  const code = (tag === "RemoteFailure" ? textIn(own(failure, "code")) : byTag.get(tag)) ?? ""
  const text = textIn(own(failure, "detail")) ?? textIn(own(failure, "reason")) ?? tag ?? "failed"
  return { ...message, error: { ...error, code: jsonRpcCodeOf(code), message: text } }
}

/** How every error of a failed call begins; what succeeded is not parsed again. */
const failed = `"error":{"_tag":"Cause"`

/** Every message of a frame anew. A line feed ends a message where there is framing, and is never inside of one. */
const rewritten = (encoded: Encoded): Encoded =>
  typeof encoded !== "string" || !encoded.includes(failed)
    ? encoded
    : encoded
        .split("\n")
        .map((line) => (line.includes(failed) ? JSON.stringify(mended(JSON.parse(line))) : line))
        .join("\n")

const valid = (serialization: RpcSerialization.RpcSerialization["Service"]) =>
  RpcSerialization.RpcSerialization.of({
    ...serialization,
    makeUnsafe: () => {
      const { decode, encode } = serialization.makeUnsafe()
      return { decode, encode: (response) => rewritten(encode(response)) }
    }
  })

/**
 * `RpcSerialization.layerJsonRpc` whose errors are those of JSON-RPC 2.0: the whole number that `Projection.toJsonRpc` gives to the
 * failure, and as `message` its detail where that may be read, else its reason, else its tag. Effect's own takes both from members
 * of the error that happen to have these names, so that `code` is `null` or 0. What Effect's client reads stays as it is.
 *
 * @example
 * ```ts
 * import { RpcEdge } from "@holdfast/protocol/rpc"
 * import { Effect } from "effect"
 * import { RpcSerialization } from "effect/rpc"
 *
 * const serialization = Effect.runSync(RpcSerialization.RpcSerialization.pipe(Effect.provide(RpcEdge.layerJsonRpc())))
 * serialization.contentType // => "application/json"
 * ```
 */
export const layerJsonRpc = (
  options?: Parameters<typeof RpcSerialization.jsonRpc>[0]
): Layer.Layer<RpcSerialization.RpcSerialization> =>
  Layer.succeed(RpcSerialization.RpcSerialization)(valid(RpcSerialization.jsonRpc(options)))

/** {@link layerJsonRpc} with a line for each message: `RpcSerialization.layerNdJsonRpc`. */
export const layerNdJsonRpc = (
  options?: Parameters<typeof RpcSerialization.ndJsonRpc>[0]
): Layer.Layer<RpcSerialization.RpcSerialization> =>
  Layer.succeed(RpcSerialization.RpcSerialization)(valid(RpcSerialization.ndJsonRpc(options)))
