/** Scripted dependencies and recorders, for tests of programs that use the policies. */
export { advanceTo, AssertionFailed, assertState } from "./assertions.ts"
export { type Dependency, dependency, type Script } from "./dependency.ts"
export { type Recorded, recorded } from "./events.ts"
export { recordTransitions } from "./transitions.ts"
