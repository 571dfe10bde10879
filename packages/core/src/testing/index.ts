/**
 * Assertions about failures for the tests of applications. They take an error, a `Cause` or a failed `Exit`, throw an
 * error that says what was there instead, and belong to no test framework.
 */
import { Cause, Exit } from "effect"
import type { Category, Retryability } from "../classification.ts"
import type { Declared } from "../failure/declaration.ts"
import type * as Classifier from "../identity/Classifier.ts"
import * as Identity from "../identity/Identity.ts"
import { joinPath, metadataOf } from "../operation/Operation.ts"
import * as Report from "../report/Report.ts"

/** What the assertions look at. */
export type Failed = unknown

/** Thrown by every assertion of this module. */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed"
  readonly expected: unknown
  readonly actual: unknown

  constructor(what: string, expected: unknown, actual: unknown, failed: Failed) {
    super(
      `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}\n${Report.verbose(reportOf(failed))}`
    )
    this.expected = expected
    this.actual = actual
  }
}

const errorOf = (failed: Failed): unknown => {
  if (!Exit.isExit(failed)) return failed
  if (Exit.isFailure(failed)) return failed.cause
  throw new AssertionFailed("exit", "a failure", "a success", new Error("the effect succeeded"))
}

const subjectOf = (failed: Failed): Identity.Subject => Identity.subject(errorOf(failed))

const reportOf = (failed: Failed): Report.Report => Report.of(errorOf(failed))

const equal = (what: string, actual: unknown, expected: unknown, failed: Failed): void => {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new AssertionFailed(what, expected, actual, failed)
}

/**
 * The stable code, by text or by class.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { assertCode } from "@holdfast/core/testing"
 * import { Effect } from "effect"
 *
 * const exit = Effect.runSyncExit(new Reasons.NotFound())
 * assertCode(exit, "biz.not_found")
 * assertCode(exit, Reasons.NotFound)
 * ```
 */
export const assertCode = (failed: Failed, expected: string | { readonly declared: Declared }): void =>
  equal(
    "code",
    subjectOf(failed).classification.code,
    typeof expected === "string" ? expected : expected.declared.code,
    failed
  )

export const assertCategory = (failed: Failed, expected: Category): void =>
  equal("category", subjectOf(failed).classification.category, expected, failed)

export const assertRetry = (failed: Failed, expected: Retryability): void =>
  equal("retry", subjectOf(failed).classification.retry, expected, failed)

/** Any of the six fields of the identity; those not named are not looked at. */
export const assertIdentity = (failed: Failed, expected: Partial<Identity.Identity>): void => {
  const identity: Readonly<Record<string, unknown>> = Identity.ofSubject(subjectOf(failed))
  for (const [key, value] of Object.entries(expected)) equal(key, identity[key], value, failed)
}

/** What the program was doing, outermost first: as segments, or joined by ` / `. */
export const assertPath = (failed: Failed, expected: string | ReadonlyArray<string>): void =>
  equal(
    "path",
    Identity.ofSubject(subjectOf(failed)).path,
    typeof expected === "string" ? expected : joinPath(expected),
    failed
  )

/** The outermost action. */
export const assertOperation = (failed: Failed, expected: string | null): void =>
  equal(
    "operation",
    subjectOf(failed).contexts.findLast((context) => context.action !== null)?.action ?? null,
    expected,
    failed
  )

/** Metadata of the operations; keys not named are not looked at. */
export const assertMetadata = (failed: Failed, expected: Readonly<Record<string, string | number | boolean>>): void => {
  const metadata = metadataOf(subjectOf(failed).contexts)
  for (const [key, value] of Object.entries(expected)) equal(`metadata ${key}`, metadata[key], value, failed)
}

/** The codes of the declared failures underneath, nearest first; foreign errors are passed over. */
export const assertCauses = (failed: Failed, expected: ReadonlyArray<string>): void =>
  equal(
    "causes",
    reportOf(failed).frames.flatMap((frame) => (frame.code === undefined ? [] : [frame.code])),
    expected,
    failed
  )

/** No rendering of the failure contains the secret. */
export const assertKeepsSecret = (failed: Failed, secret: string): void => {
  const error = errorOf(failed)
  const report = reportOf(failed)
  const outputs = [
    JSON.stringify(report),
    Report.verbose(report),
    Report.chain(report, { stack: true }),
    Report.pretty(report),
    Report.html(report),
    JSON.stringify(error instanceof Error ? error : undefined) ?? ""
  ]
  if (outputs.some((output) => output.includes(secret))) {
    throw new AssertionFailed("secret", "in no output", "in an output", failed)
  }
}

/** The declaration that policies see, for assertions of your own. */
export const classificationOf = (failed: Failed): Classifier.Classification => subjectOf(failed).classification

/** The cause of an exit that failed. */
export const causeOf = (exit: Exit.Exit<unknown, unknown>): Cause.Cause<unknown> =>
  Exit.isFailure(exit) ? exit.cause : Cause.die(new Error("the effect succeeded"))
