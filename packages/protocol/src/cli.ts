export * as CliEdge from "./edge/CliEdge.ts"
