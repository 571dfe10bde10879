import { Audience } from "../classification.ts"
import type { Catalog, Entry } from "./model.ts"

const categories = [
  ["biz", "Business: the caller can act"],
  ["conf", "Configuration: an operator can act"],
  ["logic", "Logic: a developer can act"],
  ["sys", "System: the world is out of order"]
] as const

const cell = (text: string): string => text.replaceAll("|", "\\|").replace(/\s+/g, " ")

/** A line for the overview. */
const row = ({ code, deprecated, grpc, http, reason, retry, severity, visibility }: Entry): string => {
  const name = deprecated === null ? `\`${code}\`` : `~~\`${code}\`~~`
  return `| ${name} | ${cell(reason)} | ${retry} | ${http ?? ""} | ${grpc ?? ""} | ${severity} | ${visibility} |`
}

const fieldsOf = ({ schema, sensitive }: Entry): ReadonlyArray<string> => {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, { readonly type?: unknown }>>
  return Object.entries(properties)
    .filter(([name]) => name !== "_tag" && name !== "detail" && name !== "retryAfter")
    .map(([name, { type }]) => {
      const kind = sensitive.includes(name) ? "secret" : typeof type === "string" ? type : "value"
      return `\`${name}\` (${kind})`
    })
}

const notes = (entry: Entry): ReadonlyArray<string> => {
  const fields = fieldsOf(entry)
  const lines: Array<string> = []
  if (entry.deprecated !== null) {
    const successor = entry.replaced_by === null ? "" : ` Use \`${entry.replaced_by}\`.`
    lines.push(`- deprecated: ${entry.deprecated}.${successor}`)
  }
  if (fields.length > 0) lines.push(`- fields: ${fields.join(", ")}`)
  for (const audience of Audience.literals) {
    const hints = entry.hints[audience]
    if (hints.length > 0) lines.push(`- for the ${audience === "client" ? "caller" : audience}: ${hints.join("; ")}`)
  }
  return lines.length === 0 ? [] : ["", `**\`${entry.code}\`** \`${entry.tag}\``, "", ...lines]
}

/** The reference for people. The same catalogue always gives the same text. */
export const toMarkdown = ({ entries }: Catalog): string => {
  const lines = [
    "# Failures",
    "",
    `${entries.length} failures. This page is generated: change the declarations instead.`
  ]
  for (const [category, title] of categories) {
    const own = entries.filter((entry) => entry.category === category)
    if (own.length === 0) continue
    lines.push(
      "",
      `## ${title}`,
      "",
      "| code | reason | retry | HTTP | gRPC | severity | detail |",
      "| --- | --- | --- | --- | --- | --- | --- |"
    )
    lines.push(...own.map(row), ...own.flatMap(notes))
  }
  return `${lines.join("\n")}\n`
}

/** The reference for machines, with a JSON Schema for each failure. The same catalogue always gives the same text. */
export const toJson = ({ entries }: Catalog): string =>
  `${JSON.stringify({ version: 1, failures: entries }, null, 2)}\n`
