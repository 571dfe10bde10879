import { Reasons } from "@holdfast/core"
import { Layer } from "effect"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import { jsonRpcCodeOf } from "../projection/peers.ts"
import { isObject, own, textIn } from "../remote/bodies.ts"
import { guarded, misfit } from "./rpcGuard.ts"

type Body = Readonly<Record<string, unknown>>

type Service = RpcSerialization.RpcSerialization["Service"]

type Encoded = ReturnType<RpcSerialization.Parser["encode"]>

/** The failures whose codes JSON-RPC has a number for, as they are sent: a class says its tag, and not its code. */
const byTag: ReadonlyMap<unknown, string> = new Map(
  [Reasons.ValidationError, Reasons.Unimplemented, Reasons.LogicError].map(({ declared }) => [
    declared.tag,
    declared.code
  ])
)

/** What a failed call was sent with: its typed error, or what a guarded server sends in the place of a defect. */
const failedWith = (data: unknown): Body => {
  const reasons = Array.isArray(data) ? data.filter(isObject) : []
  const fail = reasons.find((reason) => own(reason, "_tag") === "Fail")
  const die = reasons.find((reason) => own(reason, "_tag") === "Die")
  const error = fail === undefined ? die && own(die, "defect") : own(fail, "error")
  return isObject(error) ? error : die === undefined ? {} : { _tag: Reasons.LogicError.declared.tag }
}

/** What a message was that nobody can answer by its id: its number and text by JSON-RPC 2.0. */
const unreadable = { code: -32_700, message: "parse error", data: misfit }
const invalid = { code: -32_600, message: "invalid request", data: misfit }
const internal = { code: -32_603, message: "internal error" }

type Nameless = () => Body

/** Number and text of an error, which the serialisation takes from members that mean something else. */
const mended = (message: unknown, nameless: Nameless): unknown => {
  if (Array.isArray(message)) return message.map((one) => mended(one, nameless))
  const error = isObject(message) ? own(message, "error") : undefined
  if (!isObject(message) || !isObject(error)) return message
  if (own(error, "_tag") === "Defect") return { ...message, id: null, error: { ...error, ...nameless() } }
  if (own(error, "_tag") !== "Cause") return message
  const failure = failedWith(own(error, "data"))
  const tag = textIn(own(failure, "_tag"))
  const code = tag === undefined || tag === "RemoteFailure" ? textIn(own(failure, "code")) : byTag.get(tag)
  const text = textIn(own(failure, "detail")) ?? textIn(own(failure, "reason")) ?? tag ?? "failed"
  return { ...message, error: { ...error, code: jsonRpcCodeOf(code ?? ""), message: text } }
}

/** How every error of a failed call or of a message begins; what succeeded is not parsed again. */
const failed = /"error":\{"_tag":"(?:Cause|Defect)"/

/** Every message of a frame anew. A line feed ends a message where there is framing, and is never inside of one. */
const rewritten = (encoded: Encoded, nameless: Nameless): Encoded =>
  typeof encoded !== "string" || !failed.test(encoded)
    ? encoded
    : encoded
        .split("\n")
        .map((line) => (failed.test(line) ? JSON.stringify(mended(JSON.parse(line), nameless)) : line))
        .join("\n")

/** What a server answers without an id, for it is no message that a client sends. */
const nothing = { _tag: "Nothing" }

const asked: ReadonlySet<unknown> = new Set(["Ack", "Eof", "Interrupt", "Ping"])

const isInvalid = (message: unknown): boolean => {
  if (!isObject(message)) return true
  if (own(message, "_tag") !== "Request") return !asked.has(own(message, "_tag"))
  const id = own(message, "id")
  return typeof id !== "string" && typeof id !== "number"
}

const valid = (serialization: Service): Service =>
  RpcSerialization.RpcSerialization.of({
    ...serialization,
    makeUnsafe: () => {
      const { decode, encode } = serialization.makeUnsafe()
      let isUnreadable = false
      let invalids = 0
      const nameless: Nameless = () => {
        if (isUnreadable) {
          isUnreadable = false
          return unreadable
        }
        if (invalids === 0) return internal
        invalids -= 1
        return invalid
      }
      return {
        decode: (bytes) => {
          isUnreadable = true
          const messages = decode(bytes)
          isUnreadable = false
          // A frame may still be on its way; a whole body in which there is no message is not one.
          const all = messages.length === 0 && !serialization.includesFraming ? [nothing] : messages
          invalids += all.filter(isInvalid).length
          return all
        },
        encode: (response) => rewritten(encode(response), nameless)
      }
    }
  })

const layerOf = (serialization: Service): Layer.Layer<RpcSerialization.RpcSerialization> =>
  guarded(Layer.succeed(RpcSerialization.RpcSerialization)(valid(serialization)))

/**
 * `RpcSerialization.layerJsonRpc` whose errors are those of JSON-RPC 2.0: the whole number that `Projection.toJsonRpc` gives to the
 * failure, and as `message` its detail where that may be read, else its reason, else its tag. Effect's own takes both from members
 * of the error that happen to have these names, so that `code` is `null` or 0. What reaches no procedure has the numbers of the
 * specification: -32601, -32602, and with `null` for its id -32700 and -32600. It is {@link guarded}. What Effect's client reads stays as it is.
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
): Layer.Layer<RpcSerialization.RpcSerialization> => layerOf(RpcSerialization.jsonRpc(options))

/** {@link layerJsonRpc} with a line for each message: `RpcSerialization.layerNdJsonRpc`. */
export const layerNdJsonRpc = (
  options?: Parameters<typeof RpcSerialization.ndJsonRpc>[0]
): Layer.Layer<RpcSerialization.RpcSerialization> => layerOf(RpcSerialization.ndJsonRpc(options))
