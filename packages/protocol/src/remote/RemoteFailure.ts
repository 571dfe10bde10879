/**
 * How a failure comes back: the body that another program answered, as a failure that keeps the remote code.
 */
export {
  type Decoder,
  decodeGraphQl,
  decodeGrpc,
  decodeHttp,
  decodeJsonRpc,
  decodeLog,
  decodeProblem,
  decodeRpc,
  decodeSnapshot,
  UndecodableRemote
} from "./decode.ts"
export type { Known } from "./known.ts"
export { type Props, RemoteFailure } from "./failure.ts"
