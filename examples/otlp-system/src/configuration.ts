/** The configuration of a run: a file, over it the environment, over both the command line. */
import { Failure } from "@holdfast/core"
import { OtlpConfig } from "@holdfast/otlp"
import { Effect, Option } from "effect"

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

/** Whether nobody has named a collector: neither the command line nor the environment. */
export const namesNoCollector = (endpoint: Option.Option<string>): Effect.Effect<boolean> =>
  Effect.map(
    OtlpConfig.withEnvironment(OtlpConfig.defaults),
    (environment) => Option.isNone(endpoint) && environment.endpoint === OtlpConfig.defaults.endpoint
  )
