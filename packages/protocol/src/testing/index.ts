/** What an app answers, and assertions about it, for the tests of applications. They belong to no test framework. */
export { type Answer, answer } from "./answer.ts"
export { assertNothingLeaks, assertProblem, AssertionFailed, type Expected } from "./assertions.ts"
