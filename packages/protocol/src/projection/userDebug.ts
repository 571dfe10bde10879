import { Operation, Redaction, Report } from "@holdfast/core"
import * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"
import { quote } from "../text.ts"
import { type Options, seenBy, snapshotOf } from "./input.ts"

const { indented, oneLine } = Report

const width = 14
const gap = " ".repeat(width + 2)

const line = (label: string, text: string): string => `${label.padEnd(width)}: ${text}`

/** `component.name` where it is text, else all metadata: one line or none. */
const origin = (metadata: ErrorSnapshot.Metadata): ReadonlyArray<string> => {
  const component = Object.hasOwn(metadata, "component.name") ? metadata["component.name"] : undefined
  if (typeof component === "string") return [line("component", indented(component, gap))]
  // An object begins with the keys that are whole numbers, wherever they belong.
  const keys = Operation.inOrder(Object.keys(metadata))
  if (keys.length === 0) return []
  const all = keys.map((key) => {
    const value = metadata[key]!
    return `${oneLine(key)}=${typeof value === "string" ? quote(value) : value}`
  })
  return [line("metadata", all.join(", "))]
}

const render = ({ decision, identity, report, root_metadata, source_frames }: ErrorSnapshot.ErrorSnapshot): string => {
  const fields = report.context.flatMap((context) => context.fields)
  const source = source_frames.find((frame) => frame.is_root_cause) ?? source_frames.at(-1)
  return [
    line("code", `${oneLine(identity.code)} (${identity.category})`),
    line("detail", indented(identity.detail ?? identity.reason, gap)),
    line("http", `${decision.http_status} ${decision.visibility} retryable=${decision.retryable}`),
    ...(identity.path === null ? [] : [line("path", oneLine(identity.path))]),
    ...(fields.length === 0
      ? []
      : [line("context", fields.map(([name, value]) => `${oneLine(name)}=${quote(value)}`).join(", "))]),
    ...origin(root_metadata),
    ...(source === undefined ? [] : [line("source", indented(source.message, gap))])
  ].join("\n")
}

const seen = (input: unknown, options: Options | undefined): ErrorSnapshot.ErrorSnapshot =>
  seenBy(snapshotOf(input, options), options?.audience ?? "developer")

/**
 * The failure on a few labelled lines, for somebody who looks into it: the detail whatever its visibility, and the root
 * cause. Known secrets are already gone; do not show it to callers all the same.
 *
 * - `audience`: who reads it. Default: `developer`. A `client` or `partner` reads nothing of operations and causes.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * Projection.renderUserDebug(new Reasons.Timeout({ detail: "inventory" })).split("\n")[2]
 * // => "http          : 500 internal retryable=true"
 * ```
 */
export const renderUserDebug = (input: unknown, options?: Options): string => render(seen(input, options))

/**
 * The same under a further redaction policy: the place for names that are no secret inside the house and are one outside.
 *
 * - `redaction`: Default: `Redaction.standard`, which changes nothing that was made under it.
 *
 * @example
 * ```ts
 * import { Operation, Reasons, Redaction } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 * import { Effect } from "effect"
 *
 * const failure = Effect.runSync(
 *   Effect.flip(Operation.doing(new Reasons.Timeout(), "ship", { fields: { customer: "ada" } }))
 * )
 * Projection.renderUserDebugRedacted(failure, { redaction: Redaction.make({ keys: ["customer"] }) }).includes("ada") // => false
 * ```
 */
export const renderUserDebugRedacted = (input: unknown, options?: Options): string =>
  render(ErrorSnapshot.redact(seen(input, options), options?.redaction ?? Redaction.standard))
