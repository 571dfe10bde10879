/** Scripted dependencies and recorders, for tests of programs that use the policies. */
export { type Dependency, dependency, type Script } from "./dependency.ts"
export { recordTransitions } from "./transitions.ts"
