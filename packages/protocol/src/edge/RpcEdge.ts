/**
 * Failures over Effect's RPC, both ways: what a procedure declares arrives as it is, everything else as a failure that says
 * nothing internal, and as its declared class where both sides know it.
 */
export { client, type ClientOptions } from "./rpcClient.ts"
export { guarded } from "./rpcGuard.ts"
export { layerJsonRpc, layerNdJsonRpc } from "./rpcJson.ts"
export { Failures, layer, type Options } from "./rpcServer.ts"
