import type { Failure } from "@holdfast/core"
import * as Base64 from "effect/encoding/Base64"
import * as Hex from "effect/encoding/Hex"
import type { Answer } from "./answer.ts"

/**
 * Thrown by every assertion of this module.
 *
 * @example
 * ```ts
 * import { AssertionFailed } from "@holdfast/protocol/testing"
 *
 * new AssertionFailed("status: expected 404, got 500").name // => "AssertionFailed"
 * ```
 */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed"
}

/** What a problem is expected to be. */
export interface Expected {
  /** Its code, by text or by class. */
  readonly code: string | { readonly declared: Failure.Declared }
  readonly status?: number
  readonly detail?: string
  readonly title?: string
  readonly retryable?: boolean
}

const told = (what: string, expected: unknown, actual: unknown): AssertionFailed =>
  new AssertionFailed(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`)

/**
 * That an answer is an RFC 9457 problem of this failure, and gives it back. Its status is the one of the answer.
 *
 * - `code`: by text or by class. `status`, `detail`, `title`, `retryable`: not looked at where they are not given.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { HttpEdge } from "@holdfast/protocol/http"
 * import { answer, assertProblem } from "@holdfast/protocol/testing"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 *
 * const routes = HttpRouter.add("GET", "/orders/:id", Effect.fail(new Reasons.NotFound({ detail: "order 7" })))
 * const app = Layer.mergeAll(routes, HttpEdge.layer({ prefer: "problem" }))
 * const answered = await Effect.runPromise(answer(app, "/orders/7"))
 * assertProblem(answered, { code: Reasons.NotFound, detail: "order 7" })["title"] // => "not found error"
 * ```
 */
export const assertProblem = (
  { headers, json, status }: Answer,
  { code, ...expected }: Expected
): Readonly<Record<string, unknown>> => {
  const type = headers["content-type"]
  if (type === undefined || !/^application\/problem\+json\s*(;|$)/i.test(type)) {
    throw told("content type", "application/problem+json", type)
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw told("body", "a problem", json)
  const problem = json as Readonly<Record<string, unknown>>
  const members = { code: typeof code === "string" ? code : code.declared.code, status, ...expected }
  for (const [name, member] of Object.entries(members)) {
    if (problem[name] !== member) throw told(name, member, problem[name])
  }
  if (expected.status !== undefined && status !== expected.status) throw told("status line", expected.status, status)
  return problem
}

/** What is shorter than this stands encoded in many a text by chance. */
const shortest = 4

/** The shapes in which a secret may leave. */
const shapesOf = (secret: string): Readonly<Record<string, string>> => ({
  "in clear text": secret,
  "as JSON": JSON.stringify(secret).slice(1, -1),
  "percent-encoded": encodeURIComponent(secret.toWellFormed()),
  ...(secret.length < shortest
    ? {}
    : { "in base64": Base64.encode(secret).replace(/=+$/, ""), "in hex": Hex.encode(secret) })
})

const textsIn = (said: Answer | string): ReadonlyArray<readonly [string, string]> =>
  typeof said === "string"
    ? [["the text", said]]
    : [
        ["the body", said.text],
        ...Object.entries(said.headers).map(([name, value]) => [`the header ${name}`, value] as const)
      ]

/**
 * That none of these secrets is in an answer, in its body or its headers, or in a text: in clear text, as JSON, percent-encoded, in
 * base64 or hex (from 4 characters on). What it says when one is names the place and the number of the secret, never the secret.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 * import { assertNothingLeaks } from "@holdfast/protocol/testing"
 *
 * const failure = new Reasons.SystemError({ detail: "hunter2 is no password for db.internal" })
 * assertNothingLeaks(Projection.stringify(Projection.toProblem(failure)), ["hunter2", "db.internal"])
 * ```
 */
export const assertNothingLeaks = (said: Answer | string, secrets: ReadonlyArray<string>): void => {
  secrets.forEach((secret, index) => {
    if (secret === "") throw new AssertionFailed(`secret ${index + 1} is empty, and in every text`)
    for (const [place, text] of textsIn(said)) {
      for (const [shape, form] of Object.entries(shapesOf(secret))) {
        if (text.includes(form)) {
          throw new AssertionFailed(`secret ${index + 1} of ${secrets.length} is in ${place}, ${shape}`)
        }
      }
    }
  })
}
