/**
 * What the outside may learn about a failure: its HTTP status, whether its detail may be shown, the hints, whether it may
 * be tried again. One policy decides for every projection.
 */
import { Category, Severity, Visibility } from "@holdfast/core"
import { check, either, fitting, fn, record, refuse, type Table, under } from "@holdfast/core/options"
import { Context, Layer } from "effect"
import { checked } from "./checked.ts"
import { contract } from "./contract.ts"
import { Alert, closed, ExposureDecision, type Policy, type Subject } from "./decision.ts"

export { contract } from "./contract.ts"
export { Alert, AudienceHints, ExposureDecision, type Origin, type Policy, type Subject } from "./decision.ts"
export { standard } from "./standard.ts"

/**
 * The policy in force: `ErrorSnapshot.make` reads it from the fiber; a server gets it by {@link layer}. Default: {@link contract}.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
 * import { Effect } from "effect"
 *
 * const response = ErrorSnapshot.make(new Reasons.NotFound({ detail: "order 7" })).pipe(
 *   Effect.map((snapshot) => Projection.toHttp(snapshot).status),
 *   Effect.provideService(ExposurePolicy.ExposurePolicy, ExposurePolicy.standard)
 * )
 * Effect.runSync(response) // => 404
 * ```
 */
export const ExposurePolicy: Context.Reference<Policy> = Context.Reference("@holdfast/protocol/ExposurePolicy", {
  defaultValue: (): Policy => contract
})

/**
 * The policy for everything that is built on this layer: a server, a group of routes, one edge. Provide it to them; merged beside
 * them it reaches nobody. What is no policy is thrown as `ConfigError.InvalidValue`.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ExposurePolicy } from "@holdfast/protocol"
 * import { HttpEdge } from "@holdfast/protocol/http"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 *
 * const routes = HttpRouter.add("GET", "/orders/:id", Effect.fail(new Reasons.NotFound({ detail: "order 7" })))
 * const app = Layer.mergeAll(routes, HttpEdge.layer()).pipe(Layer.provide(ExposurePolicy.layer(ExposurePolicy.standard)))
 *
 * const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
 * const answer = await handler(new Request("http://localhost/orders/7"))
 * answer.status // => 404
 * await dispose()
 * ```
 */
export const layer = (policy: Policy): Layer.Layer<never> =>
  fn.is(policy)
    ? Layer.succeed(ExposurePolicy, policy)
    : refuse(
        { path: "ExposurePolicy.layer" },
        "must be a policy, which is a function (ExposurePolicy.standard)",
        policy
      )

/** A policy that opens nothing: every failure is a 500, internal, without hints, not to be tried again. */
export const bare: Policy = () => closed

/** A part of a decision, or a function that makes one. What it leaves out is decided by the next wider rule. */
export type Rule = Partial<ExposureDecision> | ((subject: Subject) => Partial<ExposureDecision>)

const apply = (rule: Rule | undefined, subject: Subject): Partial<ExposureDecision> | undefined =>
  typeof rule === "function" ? rule(subject) : rule

/** A member that is there and undefined says nothing. */
const said = (part: Partial<ExposureDecision> | undefined): Partial<ExposureDecision> | undefined =>
  part === undefined || !Object.values<unknown>(part).includes(undefined)
    ? part
    : Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined))

const own = <A>(record: Readonly<Record<string, A>> | undefined, key: string): A | undefined =>
  record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined

const words: Readonly<Record<keyof ExposureDecision, string>> = {
  http_status: "a status from 400 to 599",
  visibility: Visibility.literals.map((one) => JSON.stringify(one)).join(" or "),
  default_hints: "a list of texts",
  retryable: "true or false",
  audience_hints: "lists of texts under partner, operator and developer",
  title: "a text",
  grpc_code: "the name of a gRPC code (NOT_FOUND)",
  severity: Severity.literals.map((one) => JSON.stringify(one)).join(" or "),
  alert: Alert.literals.map((one) => JSON.stringify(one)).join(" or "),
  metric_labels: "an object of texts"
}

const decision: Table = Object.fromEntries(
  Object.entries(ExposureDecision.fields).map(([name, field]) => [
    name,
    fitting(words[name as keyof ExposureDecision], field)
  ])
)

/**
 * A code, or the beginning of some. What another house reports has codes of its own, of one part or of several; a part that is
 * written like a tag is a tag, and never a code.
 */
const code = /^(?:[\w-]+\.)+(?:[\w-]+|\*)$|^[A-Z\d_-]+$|^[a-z\d_-]+$/

const rules: Table = { byCode: record, byCategory: record, otherwise: fn }

/** Refuses rules that would never hold, or could not. */
const verified = (given: Rules): Rules => {
  const at = { path: "ExposurePolicy.make" }
  check(at, rules, given)
  const { byCategory = {}, byCode = {} } = given
  const [byCodes, byCategories] = [under(at, "byCode"), under(at, "byCategory")]
  for (const name of Object.keys(byCode)) {
    if (!code.test(name))
      refuse(under(byCodes, name), "must be a code (biz.order.not_found), or the beginning of some (biz.order.*)")
  }
  check(byCategories, Object.fromEntries(Category.literals.map((one) => [one, either(record, fn)])), byCategory)
  for (const [where, part] of [
    [byCodes, byCode],
    [byCategories, byCategory]
  ] as const) {
    for (const [name, rule] of Object.entries(part)) {
      if (typeof rule !== "function" && rule !== undefined) check(under(where, name), decision, rule)
    }
  }
  return given
}

/** The rules for codes that begin alike, the widest first. */
const beginnings = (byCode: Readonly<Record<string, Rule>> = {}): ReadonlyArray<readonly [string, Rule]> =>
  Object.entries(byCode)
    .filter(([name]) => name.endsWith(".*"))
    .map(([name, rule]) => [name.slice(0, -1), rule] as const)
    .toSorted(([a], [b]) => a.length - b.length)

/** What a policy is composed of. */
interface Rules {
  readonly byCode?: Readonly<Record<string, Rule>>
  readonly byCategory?: Readonly<Partial<Record<Category, Rule>>>
  readonly otherwise?: Policy
}

/**
 * Composes a policy: a rule for the exact code wins over one for its beginning (`biz.order.*`, the longest first), which wins over
 * one for the category, which wins over `otherwise`, member by member. What it does not know, and a rule that can never hold, it
 * throws as `ConfigError.InvalidValue`.
 *
 * - `byCode`: rules by exact code, or by the beginning of codes. Default: none.
 * - `byCategory`: rules by category. Default: none.
 * - `otherwise`: decides what the rules leave open. Default: {@link bare}, so that nothing is public unless you say so.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { ExposurePolicy, Projection } from "@holdfast/protocol"
 *
 * const policy = ExposurePolicy.make({
 *   byCode: { "biz.not_found": { http_status: 404 } },
 *   otherwise: ExposurePolicy.contract
 * })
 * Projection.toHttp(new Reasons.NotFound(), { policy }).status // => 404
 * ```
 */
export const make = (rules: Rules): Policy => {
  const { byCategory, byCode, otherwise = bare } = verified(rules)
  const wide = beginnings(byCode)
  return (subject) => {
    const { category, code } = subject.identity
    return Object.assign(
      { ...otherwise(subject) },
      said(apply(own(byCategory, category), subject)),
      ...wide.filter(([start]) => code.startsWith(start)).map(([, rule]) => said(apply(rule, subject))),
      said(apply(own(byCode, code), subject))
    ) as ExposureDecision
  }
}

/** Whatever a policy says, what was never meant for a caller is not shown to one, and is not the caller's fault. */
const fenced = (decision: ExposureDecision, { origin }: Subject): ExposureDecision => {
  if (origin === "defect") {
    return { ...decision, visibility: "internal", http_status: Math.max(500, decision.http_status) }
  }
  return origin === "interruption" ? { ...decision, visibility: "internal" } : decision
}

/** A decision, and what the policy threw if it could not make one. */
export interface Attempt {
  readonly decision: ExposureDecision
  /** A one-element list when the policy is broken: it threw this, or answered with something that is no decision. */
  readonly defects: ReadonlyArray<unknown>
}

/** What leaves where nobody can say what may. */
const broken: ExposureDecision = { ...closed, title: "internal error" }

/** Asks a policy, and keeps what it threw. Total. */
export const attempt = (policy: Policy, subject: Subject): Attempt => {
  try {
    return { decision: fenced(checked(policy(subject)), subject), defects: [] }
  } catch (defect) {
    return { decision: broken, defects: [defect] }
  }
}

/**
 * The decision of a policy. Total: a policy that throws, or answers with something that is no decision, gives a 500 that
 * shows nothing. The text of a defect or an interruption is internal whatever the policy says.
 */
export const decide = (policy: Policy, subject: Subject): ExposureDecision => attempt(policy, subject).decision
