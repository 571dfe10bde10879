export * as RpcEdge from "./edge/RpcEdge.ts"
