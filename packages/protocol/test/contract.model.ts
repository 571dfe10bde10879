/**
 * The contract once more, written from its rules and slowly: what each exit says of a failure that went through some
 * operations. Nothing here is shared with the code under test.
 */
import { Operation, Reasons } from "@holdfast/core"
import * as fc from "fast-check"
import { raised } from "./support.ts"

type Pair = readonly [name: string, value: string]

/** What one layer of the program was doing. */
export interface Step {
  readonly action: string | null
  readonly locator: string | null
  readonly fields: ReadonlyArray<Pair>
  readonly metadata: Readonly<Record<string, string | number | boolean>>
}

export interface Told {
  readonly of: keyof typeof rows
  readonly detail: string | null
  /** Innermost first. */
  readonly steps: ReadonlyArray<Step>
  readonly cause: Told | { readonly foreign: string } | null
}

const network = ["check network connectivity", "retry the request"]
const configuration = ["check configuration values", "validate config source"]

/** The table of the contract: code, reason, hints, whether the policy retries. */
export const rows = {
  ValidationError: ["biz.validation_error", "validation error", [], false],
  BusinessError: ["biz.business_error", "business logic error", [], false],
  NotFound: ["biz.not_found", "not found error", [], false],
  PermissionDenied: ["biz.permission_denied", "permission error", [], false],
  LogicError: ["logic.internal_invariant_broken", "BUG :logic error", [], false],
  RuleError: ["biz.run_rule_error", "run rule error", [], false],
  DataError: ["sys.data_error", "data error", [], false],
  SystemError: ["sys.io_error", "system error", ["check filesystem state", "verify file permissions"], false],
  NetworkError: ["sys.network_error", "network error", network, true],
  ResourceExhausted: ["sys.resource_exhausted", "resource error", [], false],
  Timeout: ["sys.timeout", "timeout error", ["retry later", "inspect downstream service latency"], true],
  CoreConfigInvalid: ["conf.core_invalid", "configuration error << core config", configuration, false],
  FeatureConfigInvalid: ["conf.feature_invalid", "configuration error << feature config error", configuration, false],
  DynamicConfigInvalid: ["conf.dynamic_invalid", "configuration error << dynamic config error", configuration, false],
  ExternalServiceError: ["sys.external_service_error", "external service error", [], false]
} as const

/** What the contract says, member by member. */
export const said = (told: Told) => {
  const [code, reason, hints, retryable] = rows[told.of]
  const category = code.slice(0, code.indexOf("."))
  const isPublic = category === "biz"
  const visibility = isPublic ? "public" : "internal"
  const status = isPublic ? 400 : 500
  const path = pathOf(told.steps)
  const metadata = metadataOf(told.steps)
  const frames = framesOf(told.cause)
  const shown = { code, category }
  const detail = told.detail
  return {
    identity: { ...shown, reason, detail, position: null, path },
    decision: { http_status: status, visibility, default_hints: hints, retryable },
    http: { status, ...shown, message: (isPublic ? detail : null) ?? reason, visibility, hints },
    rpc: { status, ...shown, reason, detail: isPublic ? detail : null, visibility, hints, retryable },
    summary: detail === null ? reason : `${reason}: ${detail}`,
    log: {
      ...shown,
      reason,
      detail,
      operation: told.steps.findLast(({ action }) => action !== null)?.action ?? null,
      path,
      visibility,
      hints,
      root_metadata: metadata,
      context: told.steps.map((step) => ({
        action: step.action,
        locator: step.locator,
        path: rawPath(step),
        fields: step.fields,
        metadata: sorted(step.metadata)
      })),
      source_frames: frames
    },
    debug: debugOf(told, `${code} (${category})`, detail ?? reason, `${status} ${visibility} retryable=${retryable}`)
  }
}

const rawPath = ({ action, locator }: Step): ReadonlyArray<string> =>
  [...new Set([action, locator])].filter((segment) => segment !== null)

/** From the outermost action inwards, each with the locators that were put around it; those inside of every action are last. */
const pathOf = (steps: ReadonlyArray<Step>): string | null => {
  const actions: Array<Array<string>> = []
  const inside: Array<string> = []
  for (const step of steps) {
    if (step.action !== null) actions.unshift([...rawPath(step)])
    else (actions[0] ?? inside).push(...rawPath(step))
  }
  const segments = [...actions.flat(), ...inside].filter((segment, i, all) => segment !== all[i - 1])
  return segments.length === 0 ? null : segments.join(" / ")
}

const sorted = (metadata: Step["metadata"]): Step["metadata"] =>
  Object.fromEntries(Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** The innermost wins. */
const metadataOf = (steps: ReadonlyArray<Step>): Step["metadata"] =>
  sorted(Object.assign({}, ...steps.map(({ metadata }) => metadata).toReversed()) as Step["metadata"])

const framesOf = (cause: Told["cause"], index = 0): ReadonlyArray<Readonly<Record<string, unknown>>> => {
  if (cause === null) return []
  if ("foreign" in cause) return [{ index, message: cause.foreign, is_root_cause: true }]
  const [, reason] = rows[cause.of]
  const path = pathOf(cause.steps)
  const metadata = metadataOf(cause.steps)
  return [
    {
      index,
      message: reason,
      reason,
      ...(path === null ? {} : { path }),
      ...(cause.detail === null ? {} : { detail: cause.detail }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      is_root_cause: cause.cause === null
    },
    ...framesOf(cause.cause, index + 1)
  ]
}

const debugOf = ({ cause, steps }: Told, code: string, detail: string, http: string): string => {
  const path = pathOf(steps)
  const fields = steps.flatMap(({ fields }) => fields).map(([name, value]) => `${name}="${value}"`)
  const { "component.name": component, ...rest } = metadataOf(steps)
  const all = Object.entries(sorted(component === undefined ? rest : { ...rest, "component.name": component }))
  const shown = all.map(([name, value]) => `${name}=${typeof value === "string" ? `"${value}"` : value}`)
  const lines = {
    code,
    detail,
    http,
    path,
    context: fields.length === 0 ? null : fields.join(", "),
    component: typeof component === "string" ? component : null,
    metadata: typeof component === "string" || shown.length === 0 ? null : shown.join(", "),
    source: framesOf(cause).at(-1)?.["message"] ?? null
  }
  return Object.entries(lines)
    .filter(([, text]) => text !== null)
    .map(([label, text]) => `${label.padEnd(14)}: ${String(text)}`)
    .join("\n")
}

const doing = ({ action, fields, locator, metadata }: Step) =>
  action !== null
    ? Operation.doing(action, { fields, metadata, ...(locator === null ? {} : { at: locator }) })
    : locator !== null
      ? Operation.at(locator, { fields, metadata })
      : Operation.annotate({ fields, metadata })

/** The failure itself. */
export const failureOf = ({ cause, detail, of, steps }: Told): InstanceType<(typeof Reasons)[keyof typeof rows]> =>
  raised(
    new Reasons[of]({
      ...(detail === null ? {} : { detail }),
      ...(cause === null ? {} : { cause: "foreign" in cause ? new Error(cause.foreign) : failureOf(cause) })
    }),
    ...steps.map((step) => doing(step) as never)
  ) as never

const word = fc.constantFrom("a", "b", "load routes", "routes.toml", "x/y", "ä")
const option = <A>(of: fc.Arbitrary<A>) => fc.option(of, { nil: null })

const step: fc.Arbitrary<Step> = fc.record({
  action: option(word),
  locator: option(word),
  fields: fc.array(fc.tuple(fc.constantFrom("sku", "line"), word), { maxLength: 2 }),
  metadata: fc.dictionary(
    fc.constantFrom("component.name", "http.attempt", "a.flag", "delta"),
    fc.oneof(fc.integer(), fc.boolean(), word)
  )
})

/** Failures of the contract, up to four on top of each other. */
export const failures: fc.Arbitrary<Told> = fc.letrec<{ told: Told }>((tie) => ({
  told: fc.record({
    of: fc.constantFrom(...(Object.keys(rows) as Array<keyof typeof rows>)),
    detail: option(word),
    steps: fc.array(step, { maxLength: 5 }),
    cause: fc.oneof({ maxDepth: 3, depthSize: "small" }, fc.constant(null), fc.record({ foreign: word }), tie("told"))
  })
})).told
