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
  decodeMessageHeaders,
  decodeProblem,
  decodeRpc,
  decodeSnapshot
} from "./decode.ts"
export { UndecodableRemote } from "./undecodable.ts"
export { ProblemMembers } from "./members.ts"
export type { Known } from "./known.ts"
export { type Props, RemoteFailure } from "./failure.ts"
