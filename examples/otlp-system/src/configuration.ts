/** The configuration of a run: a file, over it the environment, over both the command line. */
import { Failure } from "@holdfast/core"
import { OtlpConfig } from "@holdfast/otlp"
import { Effect, Option } from "effect"
import { createHash } from "node:crypto"

/**
 * Loads and checks the configuration. Fails with `OtlpConfigError`; a file is held to its word, the environment is treated
 * as OpenTelemetry wants it.
 */
export const load = Effect.fnUntraced(
  function* (options: { readonly file: string; readonly endpoint: Option.Option<string> }) {
    const config = yield* Effect.flatMap(OtlpConfig.fromFile(options.file), OtlpConfig.withEnvironment)
    return Option.isNone(options.endpoint)
      ? config
      : yield* OtlpConfig.withEndpoint(config, options.endpoint.value, "--endpoint")
  },
  Failure.context("Failed to initialize configuration"),
  Failure.context("Failed to initialize OTLP system")
)

/** Whether nobody has named a collector: no flag, no configuration of the user's own, no environment. */
export const namesNoCollector = (options: {
  readonly file: Option.Option<string>
  readonly endpoint: Option.Option<string>
}): Effect.Effect<boolean> =>
  Effect.map(
    OtlpConfig.withEnvironment(OtlpConfig.defaults),
    (environment) =>
      Option.isNone(options.endpoint) &&
      Option.isNone(options.file) &&
      OtlpConfig.urlOf(environment, "traces") === OtlpConfig.urlOf(OtlpConfig.defaults, "traces")
  )

/**
 * The part of a spool directory that belongs to one collector. What was kept for one must never be sent to another, and what one
 * has got says nothing about another.
 */
export const partOf = (directory: string, config: OtlpConfig.OtlpConfig, embedded: boolean): string => {
  if (embedded) return `${directory}/embedded`
  const url = OtlpConfig.urlOf(config, "traces")
  const host = url
    .replace(/^https?:\/\//, "")
    .replace(/[/?#].*$/, "")
    .replace(/[^A-Za-z0-9.-]/g, "_")
  return `${directory}/${host}-${createHash("sha256").update(url).digest("hex").slice(0, 8)}`
}
