export * as ApiEdge from "./edge/ApiEdge.ts"
