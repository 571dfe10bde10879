import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Classifier, type ConfigError, Failure, Report } from "@holdfast/core"
import { OtlpConfig } from "@holdfast/otlp"
import { ConfigProvider, Duration, Effect, FileSystem, Logger, Redacted } from "effect"
import { inspect } from "node:util"

const codeOf = (error: unknown) => Classifier.classify(error).code
const leafOf = (error: Failure.Any): object => Failure.leafOf(error)
/** The violations as a person would list them, whether there is one or many. */
const violationsOf = (error: OtlpConfig.OtlpConfigError) => {
  const leaf = Failure.leafOf(error)
  const all = (leaf._tag === "InvalidConfig" ? leaf.cause : [leaf]) as ReadonlyArray<ConfigError.Violation>
  return all.map((violation) => ({
    path: violation.path,
    expected:
      violation._tag === "UnknownKey"
        ? "is no known key"
        : violation._tag === "MissingField"
          ? violation.detail?.slice(violation.detail.indexOf(violation.path) + violation.path.length + 1)
          : violation.expected
  }))
}

const full = `
endpoint = "https://collector.example:4318/otlp"
timeout = "3 seconds"

[headers]
Authorization = "Bearer hunter2"

[retry]
attempts = 4
base = 250
cap = "5 seconds"

[breaker]
failures = 7
successes = 1
open = "2 minutes"

[spool]
directory = "./spool"
max_bytes = 1048576
segment_bytes = 65536
max_dead_letter_bytes = 8192
fsync = "always"
on_full = "evict"

[batch]
max_items = 100
max_request_bytes = 4096
`

describe("a configuration", () => {
  it.effect("is read from TOML with every setting", () =>
    Effect.gen(function* () {
      const config = yield* OtlpConfig.fromText(full, { format: "toml" })
      assert.strictEqual(config.endpoint, "https://collector.example:4318/otlp")
      assert.deepStrictEqual(config.timeout, Duration.seconds(3))
      assert.strictEqual(Redacted.value(config.headers["authorization"]!), "Bearer hunter2")
      assert.deepStrictEqual(config.retry, { attempts: 4, base: Duration.millis(250), cap: Duration.seconds(5) })
      assert.deepStrictEqual(config.breaker, { failures: 7, successes: 1, open: Duration.minutes(2) })
      assert.deepStrictEqual(config.spool, {
        directory: "./spool",
        maxBytes: 1_048_576,
        segmentBytes: 65_536,
        maxDeadLetterBytes: 8192,
        fsync: "always",
        onFull: "evict"
      })
      assert.deepStrictEqual(config.batch, { maxItems: 100, maxRequestBytes: 4096 })
    })
  )

  it.effect("is the same from JSON as from TOML, and has a default for everything", () =>
    Effect.gen(function* () {
      const json = yield* OtlpConfig.fromText('{"timeout":"3 seconds","retry":{"attempts":4}}', { format: "json" })
      const toml = yield* OtlpConfig.fromText('timeout = "3 seconds"\nretry.attempts = 4', { format: "toml" })
      assert.deepStrictEqual(json, toml)
      const rest: OtlpConfig.OtlpConfig = yield* OtlpConfig.decode({})
      assert.deepStrictEqual(rest, {
        headers: {},
        endpoint: "http://localhost:4318",
        tracesEndpoint: undefined,
        timeout: Duration.seconds(10),
        shutdownTimeout: Duration.seconds(10),
        retry: { attempts: 3, base: Duration.millis(100), cap: Duration.seconds(30) },
        breaker: { failures: 5, successes: 2, open: Duration.seconds(60) },
        spool: { directory: undefined },
        batch: { maxItems: 512, maxRequestBytes: 67_108_864 }
      })
      assert.deepStrictEqual((yield* OtlpConfig.decode({ retry: { base: "1 minute" } })).retry.cap, Duration.minutes(1))
    })
  )

  it.effect("is refused with everything that is wrong in it, each with its path", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        OtlpConfig.decode(
          {
            endpoint: "",
            colour: "red",
            timeout: "-1 second",
            headers: { "bad name": "x", "x-a": 7, "Content-Type": "text/plain" },
            retry: { attempts: 0, base: 0, jitter: true },
            breaker: "five",
            spool: { directory: " ", max_bytes: 1.5, fsync: "sometimes", on_full: "burn" },
            batch: { max_items: "many" }
          },
          "otlp.toml"
        )
      )
      assert.strictEqual(codeOf(error), "conf.invalid_config")
      assert.sameDeepMembers(
        [...violationsOf(error)],
        [
          { path: "endpoint", expected: "must not be empty" },
          { path: "colour", expected: "is no known key" },
          { path: "timeout", expected: 'must be more than 0, as "10 seconds" or a number of milliseconds' },
          { path: "headers.bad name", expected: "is no header name" },
          { path: "headers.x-a", expected: "must be text" },
          { path: "headers.Content-Type", expected: "is set by the exporter" },
          { path: "retry.attempts", expected: "must be a whole number of at least 1" },
          { path: "retry.base", expected: 'must be more than 0, as "10 seconds" or a number of milliseconds' },
          { path: "retry.jitter", expected: "is no known key" },
          { path: "breaker", expected: "must be a table" },
          { path: "spool.directory", expected: "must be the path of a directory" },
          { path: "spool.max_bytes", expected: "must be a whole number of at least 1024" },
          { path: "spool.fsync", expected: "must be one of always, interval, never" },
          { path: "spool.on_full", expected: "must be one of reject, evict" },
          { path: "batch.max_items", expected: "must be a whole number of at least 1" }
        ]
      )
      assert.strictEqual(error.message, "invalid configuration: otlp.toml has 15 mistakes")
      const report = Report.chain(Report.of(error))
      for (const { path } of violationsOf(error)) assert.include(report, `otlp.toml: ${path}`)
    })
  )

  it.effect("takes another endpoint from a command line, and holds it to its word", () =>
    Effect.gen(function* () {
      const base = yield* OtlpConfig.decode({ traces_endpoint: "http://a/t", shutdown_timeout: "2 seconds" })
      const config = yield* OtlpConfig.withEndpoint(base, "http://b:4318", "--endpoint")
      assert.strictEqual(OtlpConfig.urlOf(config, "traces"), "http://b:4318/v1/traces")
      assert.deepStrictEqual(config.shutdownTimeout, Duration.seconds(2))
      const error = yield* Effect.flip(OtlpConfig.withEndpoint(base, "b:4318", "--endpoint"))
      assert.deepInclude(leafOf(error), { source: "--endpoint", path: "endpoint" })
    })
  )

  it.effect("is refused when two settings contradict each other", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        OtlpConfig.decode({
          retry: { base: "2 seconds", cap: "1 second" },
          spool: { max_bytes: 2048, segment_bytes: 4096 }
        })
      )
      assert.deepStrictEqual(violationsOf(error), [
        { path: "retry.cap", expected: "must not be less than base" },
        { path: "spool.segment_bytes", expected: "must not be more than max_bytes" }
      ])
    })
  )

  for (const notATable of [null, "text", 7, []]) {
    it.effect(`is not ${JSON.stringify(notATable)}`, () =>
      Effect.map(Effect.flip(OtlpConfig.decode(notATable)), (error) =>
        assert.deepStrictEqual(violationsOf(error), [{ path: "configuration", expected: "must be a table" }])
      )
    )
  }

  for (const [endpoint, expected] of [
    ["  ", "must not be empty"],
    ["collector:4318", "must be a URL that starts with http:// or https://"],
    ["ftp://collector", "must be a URL that starts with http:// or https://"],
    ["http://", "must be a URL that starts with http:// or https://"],
    ["http:///v1/traces", "must be a URL that starts with http:// or https://"],
    ["http://h:99999", "must be a valid URL"],
    ["http://user:hunter2@h", "must not hold credentials; send them as a header"],
    [4318, "must be text"]
  ] as const) {
    it.effect(`has no endpoint ${JSON.stringify(endpoint)}`, () =>
      Effect.map(Effect.flip(OtlpConfig.decode({ endpoint })), (error) => {
        assert.deepStrictEqual(violationsOf(error), [{ path: "endpoint", expected }])
        assert.strictEqual(codeOf(error), expected === "must not be empty" ? "conf.missing_field" : "conf.invalid_url")
        assert.notInclude(inspect(error), "hunter2")
      })
    )
  }

  for (const time of ["Infinity", Number.POSITIVE_INFINITY, Number.NaN, "soon", "", true, "0 seconds", -1]) {
    it.effect(`has no timeout ${String(time)}`, () =>
      Effect.map(Effect.flip(OtlpConfig.decode({ timeout: time }, "otlp.toml")), (error) => {
        assert.strictEqual(codeOf(error), "conf.invalid_duration")
        assert.deepInclude(leafOf(error), { path: "timeout", source: "otlp.toml" })
      })
    )
  }

  it.effect("with broken syntax is refused with line and column, and quotes nothing", () =>
    Effect.gen(function* () {
      const cases = [
        ["toml", 'endpoint = "http://c"\n[headers]\nauthorization = hunter2\n', { line: 3, column: 24 }],
        ["toml", 'a = "hunter2', { line: 1, column: 13 }],
        ["json", '{\n  "headers": { "a": hunter2 }\n}', { line: 2, column: 21 }],
        ["json", '{"a": "hunter2"', { line: 1, column: 16 }],
        ["json", "", { line: 1, column: 1 }],
        ["json", "{} hunter2", { line: 1, column: 4 }],
        ["json", '[[], {"a": [1, {}, "x\\"y"]}, hunter2]', { line: 1, column: 30 }],
        ["json", '{"a": 1,}', { line: 1, column: 9 }],
        ["json", '{\n\n"a" 1}', { line: 3, column: 5 }]
      ] as const
      for (const [format, text, position] of cases) {
        const error = yield* Effect.flip(OtlpConfig.fromText(text, { format, source: "otlp.conf" }))
        assert.strictEqual(codeOf(error), "conf.parse_error")
        assert.deepInclude(leafOf(error), { source: "otlp.conf", ...position }, text)
        assert.notInclude(inspect(error) + error.message + JSON.stringify(error), "hunter2")
      }
    })
  )

  it.effect("never shows the value of a header, however it is printed", () =>
    Effect.gen(function* () {
      const config = yield* OtlpConfig.fromText(full, { format: "toml" })
      const refused = yield* Effect.flip(
        OtlpConfig.decode({ headers: { "x-key": "hunter2\u0000" }, endpoint: "x", retry: { secret: "hunter2" } })
      )
      assert.include(Report.chain(Report.of(refused)), "headers.x-key: must be text that a header can carry")
      for (const value of [config, refused]) {
        for (const printed of [inspect(value, { depth: 9 }), JSON.stringify(value), String(value)]) {
          assert.notInclude(printed, "hunter2")
        }
      }
    })
  )
})

layer(NodeFileSystem.layer)("a configuration file", (it) => {
  const file = Effect.fnUntraced(function* (name: string, text: string) {
    const fs = yield* FileSystem.FileSystem
    const path = `${yield* fs.makeTempDirectoryScoped()}/${name}`
    yield* fs.writeFileString(path, text)
    return path
  })

  it.effect("is TOML, or JSON when its name says so", () =>
    Effect.gen(function* () {
      const toml = yield* OtlpConfig.fromFile(yield* file("otlp.toml", 'endpoint = "http://a"'))
      const json = yield* OtlpConfig.fromFile(yield* file("otlp.JSON", '\uFEFF{"endpoint":"http://b"}'))
      assert.deepStrictEqual([toml.endpoint, json.endpoint], ["http://a", "http://b"])
    })
  )

  it.effect(
    "that is missing, unreadable, malformed or wrong fails with four different codes, each naming the file",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        const codes: Array<string> = []
        for (const path of [
          `${folder}/none.toml`,
          folder,
          yield* file("bad.toml", "endpoint = "),
          yield* file("wrong.toml", "endpoint = 7")
        ]) {
          const error = yield* Effect.flip(OtlpConfig.fromFile(path))
          codes.push(codeOf(error))
          assert.include(error.message, path)
        }
        assert.deepStrictEqual(codes, [
          "conf.file_missing",
          "conf.file_unreadable",
          "conf.parse_error",
          "conf.invalid_url"
        ])
      })
  )
})

describe("the environment", () => {
  const under = Effect.fnUntraced(function* (env: Record<string, string>, file: object = {}) {
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => {
      warnings.push(String(message))
    })
    const config = yield* OtlpConfig.decode(file).pipe(
      Effect.flatMap(OtlpConfig.withEnvironment),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })),
      Effect.provide(Logger.layer([logger]))
    )
    return { config, warnings }
  })

  it.effect("overrides the file, and merges its headers into the file's", () =>
    Effect.gen(function* () {
      const { config, warnings } = yield* under(
        {
          OTEL_EXPORTER_OTLP_ENDPOINT: "http://env:4318/base",
          OTEL_EXPORTER_OTLP_TIMEOUT: "1500",
          OTEL_EXPORTER_OTLP_HEADERS: "X-Env=a%20b%2Cc,api-key = hunter2 ,"
        },
        {
          endpoint: "http://file",
          traces_endpoint: "http://file/t",
          timeout: "9 seconds",
          headers: { "x-file": "f", "api-key": "old" }
        }
      )
      assert.deepStrictEqual(warnings, [])
      assert.strictEqual(OtlpConfig.urlOf(config, "traces"), "http://env:4318/base/v1/traces")
      assert.deepStrictEqual(config.timeout, Duration.millis(1500))
      assert.deepStrictEqual(
        Object.entries(config.headers).map(([name, value]) => [name, Redacted.value(value)]),
        [
          ["x-file", "f"],
          ["api-key", "hunter2"],
          ["x-env", "a b,c"]
        ]
      )
    })
  )

  it.effect("prefers what is said for traces alone", () =>
    Effect.gen(function* () {
      const { config } = yield* under({
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://base",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces:4318",
        OTEL_EXPORTER_OTLP_TIMEOUT: "1",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "2",
        OTEL_EXPORTER_OTLP_HEADERS: "a=1,b=1",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: "b=2"
      })
      assert.strictEqual(OtlpConfig.urlOf(config, "traces"), "http://traces:4318/")
      assert.strictEqual(OtlpConfig.urlOf(config, "logs"), "http://base/v1/logs")
      assert.deepStrictEqual(config.timeout, Duration.millis(2))
      assert.deepStrictEqual(Object.values(config.headers).map(Redacted.value), ["1", "2"])
    })
  )

  it.effect("takes 0 for no limit, and an empty value for none", () =>
    Effect.gen(function* () {
      const unlimited = yield* under({ OTEL_EXPORTER_OTLP_TIMEOUT: "0" })
      assert.isFalse(Duration.isFinite(unlimited.config.timeout))
      const empty = yield* under({
        OTEL_EXPORTER_OTLP_ENDPOINT: "",
        OTEL_EXPORTER_OTLP_TIMEOUT: " ",
        OTEL_EXPORTER_OTLP_HEADERS: ""
      })
      assert.deepStrictEqual(empty.config, OtlpConfig.defaults)
      assert.deepStrictEqual(empty.warnings, [])
    })
  )

  for (const [name, value, shown] of [
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "abc", '"abc"'],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "-5", '"-5"'],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "1.5", '"1.5"'],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "99999999999999999999", '"99999999999999999999"'],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", '"collector:4318"'],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@h/x?key=hunter2", '"http://<redacted>@h/x?<redacted>"'],
    ["OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "1 of its entries"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%zz,b=hunter2;meta=1,content-type=hunter2,é=hunter2", "4 of its entries"]
  ] as const) {
    it.effect(`that says ${name}=${value} is ignored with one warning that names it`, () =>
      Effect.gen(function* () {
        const { config, warnings } = yield* under({ [name]: value })
        assert.deepStrictEqual(config, OtlpConfig.defaults)
        assert.strictEqual(warnings.length, 1)
        assert.include(warnings[0]!, name)
        assert.include(warnings[0]!, shown)
        assert.notInclude(warnings[0]!, "hunter2")
      })
    )
  }
})

describe("the URL of a signal", () => {
  for (const [base, url] of [
    ["http://h:4318", "http://h:4318/v1/traces"],
    ["http://h:4318/", "http://h:4318/v1/traces"],
    ["http://h/x", "http://h/x/v1/traces"],
    ["http://c:4318/my/", "http://c:4318/my/v1/traces"],
    ["https://h/a/b?k=v", "https://h/a/b/v1/traces?k=v"],
    ["http://h?k=v", "http://h/v1/traces?k=v"],
    ["http://h/x#part", "http://h/x/v1/traces"],
    ["http://[::1]:4318", "http://[::1]:4318/v1/traces"]
  ] as const) {
    it(`under the base ${base} is ${url}`, () => assert.strictEqual(OtlpConfig.signalUrl(base, "traces"), url))
  }
  for (const [own, url] of [
    ["http://h:4318", "http://h:4318/"],
    ["http://h/v1/metrics/", "http://h/v1/metrics/"],
    ["http://h/v1/traces", "http://h/v1/traces"],
    ["http://h?k=v", "http://h/?k=v"]
  ] as const) {
    it(`given as ${own} is ${url}`, () => assert.strictEqual(OtlpConfig.ownUrl(own), url))
  }
})
