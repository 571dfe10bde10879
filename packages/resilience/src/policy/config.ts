import { ConfigError } from "@holdfast/core"
import { Effect, Schema } from "effect"
import * as Backoff from "../backoff/Backoff.ts"
import * as CircuitBreakerConfig from "../circuit-breaker/config.ts"
import { readConfig, type Reader, Text } from "../internal/config.ts"
import type { Options, RetryOptions } from "./options.ts"

const Shape = Schema.Struct({
  timeout: Text,
  attemptTimeout: Text,
  measure: Text,
  retry: Schema.optionalKey(
    Schema.Struct({ attempts: Text, base: Text, cap: Text, jitter: Text, maxElapsed: Text, exhausted: Text })
  ),
  circuitBreaker: Schema.optionalKey(CircuitBreakerConfig.Shape)
})

const retryOf = (read: Reader, retry: NonNullable<(typeof Shape.Type)["retry"]>): RetryOptions => {
  const base = read.duration("retry.base", retry.base)
  const cap = read.duration("retry.cap", retry.cap)
  const jitter = read.oneOf("retry.jitter", retry.jitter, ["none", "full", "equal"])
  const given = base !== undefined || cap !== undefined || jitter !== undefined
  return {
    attempts: read.number("retry.attempts", retry.attempts),
    maxElapsed: read.duration("retry.maxElapsed", retry.maxElapsed),
    exhausted: read.oneOf("retry.exhausted", retry.exhausted, ["original", "wrap"]),
    ...(given && {
      backoff: Backoff.exponential(base ?? "100 millis", { jitter: jitter ?? "full", cap: cap ?? "20 seconds" })
    })
  }
}

const given = <A extends object>(defaults: A | undefined, read: A | undefined): A | undefined =>
  read === undefined
    ? defaults
    : ({ ...defaults, ...Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined)) } as A)

/** The options under a path of the `ConfigProvider`; `defaults` hold for what is not there. */
export const read = (path: string, defaults: Options = {}): Effect.Effect<Options, ConfigError.InvalidValue> =>
  readConfig(Shape, path, (read, shape) => ({
    timeout: read.duration("timeout", shape.timeout) ?? defaults.timeout,
    retry: given(defaults.retry, shape.retry && retryOf(read, shape.retry)),
    circuitBreaker: given(
      defaults.circuitBreaker,
      shape.circuitBreaker && CircuitBreakerConfig.fromShape(read, shape.circuitBreaker, "circuitBreaker.")
    ),
    attemptTimeout: read.duration("attemptTimeout", shape.attemptTimeout) ?? defaults.attemptTimeout,
    measure:
      shape.measure === undefined
        ? defaults.measure
        : read.oneOf("measure", shape.measure, ["true", "false"]) === "true"
  })).pipe(
    Effect.mapError((error) => {
      // A backoff is checked while it is made, and names itself.
      const at = error.path.replace(/^Backoff\.exponential/, `${path}.retry`)
      return at === error.path ? error : new ConfigError.InvalidValue({ path: at, expected: error.expected })
    })
  )
