import { assert, describe, it } from "@effect/vitest"
import { ConfigError, Failure, Report } from "@holdfast/core"

const unknown = new ConfigError.UnknownKey({ path: "retry.atempts", source: "otlp.toml" })
const duration = new ConfigError.InvalidDuration({ path: "timeout", expected: "must be more than 0" })

it("ConfigError.InvalidValue says what the value is, where whoever read it does", () => {
  const place = { path: "retry.attempts", expected: "must be 1 or more" }
  assert.strictEqual(
    new ConfigError.InvalidValue({ ...place, actual: "0" }).message,
    "invalid value: retry.attempts: must be 1 or more, but is 0"
  )
  assert.strictEqual(new ConfigError.InvalidValue(place).message, "invalid value: retry.attempts: must be 1 or more")
})

describe("ConfigError.collect", () => {
  it("gives a single mistake as it is", () => {
    const failure = ConfigError.collect("otlp.toml", [unknown])
    assert.strictEqual(failure, unknown)
    assert.strictEqual(failure.message, "unknown key: otlp.toml: retry.atempts is no known key")
  })

  it("gives several mistakes as one failure that holds them all, in order", () => {
    const failure = ConfigError.collect("otlp.toml", [unknown, duration])
    assert.strictEqual(
      Report.chain(Report.of(failure)),
      [
        "Error: invalid configuration: otlp.toml has 2 mistakes",
        "  Caused by: unknown key: otlp.toml: retry.atempts is no known key",
        "  Caused by: invalid duration: timeout: must be more than 0"
      ].join("\n")
    )
    assert.strictEqual(
      Failure.find(failure, ConfigError.InvalidDuration).pipe((o) => o._tag),
      "Some"
    )
  })
})
