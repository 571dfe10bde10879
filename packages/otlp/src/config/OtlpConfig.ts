/**
 * Where to export, with which headers, how patiently. From a file, which is held to its word: unknown keys and wrong values
 * are refused, all of them at once. And from the environment, which OpenTelemetry treats kindly: what cannot be used is
 * ignored with a warning. Header values are `Redacted` from the moment they are read.
 */
import { ConfigError } from "@holdfast/core"
import {
  type Brand,
  Config,
  Duration,
  Effect,
  FileSystem,
  Option,
  type PlatformError,
  Redacted,
  Result,
  Schema
} from "effect"
import { Toml } from "effect/encoding"
import { FileMissing, FileUnreadable, OtlpConfigError } from "./ConfigFailure.ts"
import * as Endpoint from "./endpoint.ts"
import { File, violationsOf } from "./file.ts"
import * as Headers from "./headers.ts"
import * as Position from "./position.ts"
import type { Options as SpoolOptions } from "../spool/options.ts"

export { FileMissing, FileUnreadable, OtlpConfigError } from "./ConfigFailure.ts"
export { defaultEndpoint, ownUrl, type Signal, signalUrl } from "./endpoint.ts"
export { File } from "./file.ts"

/** The settings of an exporter. In a file the names are written `snake_case`, and times as `"10 seconds"` or milliseconds. */
export interface OtlpConfig {
  /** Base URL of the receiver, `http` or `https`. Default: `http://localhost:4318`. */
  readonly endpoint: string
  /** The URL for traces, used as it is. Default: {@link endpoint} with `/v1/traces` behind it. */
  readonly tracesEndpoint: string | undefined
  /** Sent with every request. Names in lower case. Default: none. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** The longest that one attempt may take. Default: 10 s. Range: more than 0; infinite for `OTEL_EXPORTER_OTLP_TIMEOUT=0`. */
  readonly timeout: Duration.Duration
  /** The longest that a program may go on delivering when it is told to stop. Default: 10 s. Range: more than 0. */
  readonly shutdownTimeout: Duration.Duration
  readonly retry: {
    /** Attempts altogether, the first included. Default: 3. Range: 1 or more. */
    readonly attempts: number
    /** The wait before the second attempt. Default: 100 ms. Range: more than 0. */
    readonly base: Duration.Duration
    /** The longest wait between attempts. Default: 30 s, or `base` if that is more. Range: `base` or more. */
    readonly cap: Duration.Duration
  }
  readonly breaker: {
    /** Failures in a row that open the circuit. Default: 5. Range: 1 or more. */
    readonly failures: number
    /** Successes in a row that close it again. Default: 2. Range: 1 or more. */
    readonly successes: number
    /** How long it stays open. Default: 60 s. Range: more than 0. */
    readonly open: Duration.Duration
  }
  /** See `Spool.Options`. `directory` is `undefined` when none was configured: then nothing is spooled. */
  readonly spool: Omit<SpoolOptions, "directory" | "fsyncInterval"> & { readonly directory: string | undefined }
  readonly batch: {
    /** Spans, points or log records in one request. Default: 512. Range: 1 or more. */
    readonly maxItems: number
    /** Bytes of one request. Default: 64 MiB. Range: 1024 or more. */
    readonly maxRequestBytes: number
  }
}

/** A configuration that went through the checks; only this module makes one. */
export type ValidatedConfig = OtlpConfig & Brand.Brand<"@holdfast/otlp/ValidatedConfig">

const settle = (file: File): ValidatedConfig => {
  const time = (input: Duration.Input | undefined, otherwise: Duration.Input) =>
    Duration.fromInputUnsafe(input ?? otherwise)
  const base = time(file.retry?.base, "100 millis")
  const spool = file.spool ?? {}
  const config: OtlpConfig = {
    endpoint: (file.endpoint as string | undefined) ?? Endpoint.defaultEndpoint,
    tracesEndpoint: file.traces_endpoint as string | undefined,
    headers: redact((file.headers ?? {}) as Record<string, string>),
    timeout: time(file.timeout, "10 seconds"),
    shutdownTimeout: time(file.shutdown_timeout, "10 seconds"),
    retry: {
      attempts: file.retry?.attempts ?? 3,
      base,
      cap: file.retry?.cap === undefined ? Duration.max(base, Duration.seconds(30)) : time(file.retry.cap, base)
    },
    breaker: {
      failures: file.breaker?.failures ?? 5,
      successes: file.breaker?.successes ?? 2,
      open: time(file.breaker?.open, "60 seconds")
    },
    spool: {
      directory: spool.directory,
      ...(spool.max_bytes === undefined ? {} : { maxBytes: spool.max_bytes }),
      ...(spool.segment_bytes === undefined ? {} : { segmentBytes: spool.segment_bytes }),
      ...(spool.max_dead_letter_bytes === undefined ? {} : { maxDeadLetterBytes: spool.max_dead_letter_bytes }),
      ...(spool.fsync === undefined ? {} : { fsync: spool.fsync }),
      ...(spool.on_full === undefined ? {} : { onFull: spool.on_full })
    },
    batch: {
      maxItems: file.batch?.max_items ?? 512,
      maxRequestBytes: file.batch?.max_request_bytes ?? 64 * 1024 * 1024
    }
  }
  return config as ValidatedConfig
}

const redact = (headers: Readonly<Record<string, string>>): Record<string, Redacted.Redacted> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), Redacted.make(value, { label: name })])
  )

/** Every default. */
export const defaults: ValidatedConfig = settle({})

/**
 * Checks a value that has the shape of a configuration file. Fails with everything that is wrong, each with its path: one
 * violation as itself, several as an `InvalidConfig` with all of them as causes.
 *
 * @example
 * ```ts
 * import { OtlpConfig } from "@holdfast/otlp"
 * import { Effect } from "effect"
 *
 * const refused = Effect.runSync(Effect.flip(OtlpConfig.decode({ endpoint: "" }, "otlp.toml")))
 * refused.message // => "missing field: otlp.toml: endpoint must not be empty"
 * ```
 */
export const decode = (input: unknown, source = "configuration"): Effect.Effect<ValidatedConfig, OtlpConfigError> =>
  Schema.decodeUnknownEffect(File)(input, { errors: "all", onExcessProperty: "error" }).pipe(
    Effect.map(settle),
    Effect.mapError(({ issue }) => {
      const [first, ...others] = violationsOf(issue, source)
      const violation =
        first ?? new ConfigError.InvalidValue({ path: "configuration", source, expected: "must be valid" })
      return OtlpConfigError.from(ConfigError.collect(source, [violation, ...others]))
    })
  )

/** Reads configuration text. Fails with `ParseError`, which says line and column, or like {@link decode}. */
export const fromText = (
  text: string,
  options: {
    readonly format: "toml" | "json"
    /** What to call the text in failures: a path. Default: `configuration`. */
    readonly source?: string | undefined
  }
): Effect.Effect<ValidatedConfig, OtlpConfigError> => {
  const source = options.source ?? "configuration"
  // A byte order mark is no part of the text.
  const plain = text.replace(/^\uFEFF/, "")
  const parsed: Result.Result<unknown, Position.Position | undefined> =
    options.format === "toml"
      ? Result.mapError(Toml.parse(plain), ({ message }) => Position.ofToml(message))
      : Result.try({ try: () => JSON.parse(plain) as unknown, catch: () => Position.ofJson(plain) })
  return Result.isFailure(parsed)
    ? Effect.fail(OtlpConfigError.from(new ConfigError.ParseError({ source, ...parsed.failure })))
    : decode(parsed.success, source)
}

/**
 * Reads a configuration file: JSON if its name ends in `.json`, TOML otherwise. Fails with {@link FileMissing},
 * {@link FileUnreadable}, or like {@link fromText}.
 *
 * @example
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { OtlpConfig } from "@holdfast/otlp"
 * import { Effect } from "effect"
 *
 * const program = OtlpConfig.fromFile("otlp.toml").pipe(
 *   Effect.flatMap(OtlpConfig.withEnvironment),
 *   Effect.catchReason("OtlpConfigError", "FileMissing", () => Effect.succeed(OtlpConfig.defaults))
 * )
 * Effect.runPromise(program.pipe(Effect.provide(NodeFileSystem.layer)))
 * ```
 */
export const fromFile = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<ValidatedConfig, OtlpConfigError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs
    .readFileString(path)
    .pipe(
      Effect.mapError((cause: PlatformError.PlatformError) =>
        OtlpConfigError.from(
          cause.reason._tag === "NotFound" ? new FileMissing({ path, cause }) : new FileUnreadable({ path, cause })
        )
      )
    )
  return yield* fromText(text, { format: /\.json$/i.test(path) ? "json" : "toml", source: path })
})

/**
 * Sends to another endpoint, as a flag of a command line says it. Strict, because somebody has just typed it: fails like
 * {@link decode}, with `source` as the name of what is wrong.
 */
export const withEndpoint = (
  base: ValidatedConfig,
  endpoint: string,
  source: string
): Effect.Effect<ValidatedConfig, OtlpConfigError> =>
  Effect.map(decode({ endpoint }, source), (checked) => {
    const config: OtlpConfig = { ...base, endpoint: checked.endpoint, tracesEndpoint: undefined }
    return config as ValidatedConfig
  })

/**
 * Lets the environment override a configuration: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS` (merged into the others) and
 * `_TIMEOUT` (milliseconds, 0 for no limit), each also as `OTEL_EXPORTER_OTLP_TRACES_…`, which wins. Read through the
 * `ConfigProvider` in force. Never fails: as the OpenTelemetry specification wants it, an empty value counts as unset, and
 * one that cannot be used is ignored with one warning that names the variable and shows the value (never a header's).
 */
export const withEnvironment = Effect.fnUntraced(function* (base: ValidatedConfig): Effect.fn.Return<ValidatedConfig> {
  const endpoint = yield* variable("OTEL_EXPORTER_OTLP_ENDPOINT", endpointOf)
  const tracesEndpoint = yield* variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpointOf)
  const timeout =
    (yield* variable("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", timeoutOf)) ??
    (yield* variable("OTEL_EXPORTER_OTLP_TIMEOUT", timeoutOf))
  const headers = yield* variable("OTEL_EXPORTER_OTLP_HEADERS", headersOf)
  const tracesHeaders = yield* variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", headersOf)
  const config: OtlpConfig = {
    ...base,
    endpoint: endpoint ?? base.endpoint,
    // A base from the environment overrides the whole of the file's address.
    tracesEndpoint: tracesEndpoint ?? (endpoint === undefined ? base.tracesEndpoint : undefined),
    timeout: timeout ?? base.timeout,
    headers: { ...base.headers, ...headers, ...tracesHeaders }
  }
  return config as ValidatedConfig
})

interface Reading<A> {
  readonly value?: A
  /** Why the text, or a part of it, is ignored. */
  readonly warning?: string
}

const endpointOf = (text: string): Reading<string> => {
  const problem = Endpoint.problemOf(text)
  // What may be a password is not shown, not even to complain about it.
  const shown = text.replace(/\/\/[^/?#]*@/, "//<redacted>@").replace(/\?.*$/, "?<redacted>")
  return problem === undefined ? { value: text } : { warning: `${JSON.stringify(shown)} is ignored: it ${problem}` }
}

const timeoutOf = (text: string): Reading<Duration.Duration> => {
  const millis = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(millis)
    ? { value: millis === 0 ? Duration.infinity : Duration.millis(millis) }
    : { warning: `${JSON.stringify(text)} is ignored: it must be a whole number of milliseconds, 0 for no limit` }
}

const headersOf = (text: string): Reading<Record<string, Redacted.Redacted>> => {
  const { headers, ignored } = Headers.parse(text)
  const value = redact(headers)
  return ignored === 0
    ? { value }
    : { value, warning: `${ignored} of its entries ${ignored === 1 ? "is" : "are"} ignored: they must be key=value` }
}

const variable = Effect.fnUntraced(function* <A>(
  name: string,
  read: (text: string) => Reading<A>
): Effect.fn.Return<A | undefined> {
  const text = (yield* Config.option(Config.String(name)).pipe(Effect.orElseSucceed(() => Option.none()))).pipe(
    Option.getOrElse(() => "")
  )
  if (text.trim() === "") return undefined
  const { value, warning } = read(text.trim())
  if (warning !== undefined) yield* Effect.logWarning(`${name}: ${warning}`)
  return value
})

/** The URL to which a configuration sends a signal. */
export const urlOf = (config: OtlpConfig, signal: Endpoint.Signal): string =>
  signal === "traces" && config.tracesEndpoint !== undefined
    ? Endpoint.ownUrl(config.tracesEndpoint)
    : Endpoint.signalUrl(config.endpoint, signal)
