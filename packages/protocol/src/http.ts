export * as HttpEdge from "./edge/HttpEdge.ts"
