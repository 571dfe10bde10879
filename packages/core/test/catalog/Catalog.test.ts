import { assert, describe, it } from "@effect/vitest"
import { Catalog, Failure, Reasons } from "@holdfast/core"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Sample from "./sample.ts"

const here = dirname(fileURLToPath(import.meta.url))
const golden = (name: string): string => readFileSync(join(here, name), "utf8")
const catalog = Catalog.make(Sample)

describe("Catalog.make", () => {
  it("collects classes, the members of layered ones, and whole modules, each failure once, by code", () => {
    const codes = ["biz.sample.refused", "sys.sample.old"]
    for (const made of [
      catalog,
      Catalog.make(Sample.SampleParent),
      Catalog.make({ Sample }),
      Catalog.make(Sample, Sample)
    ]) {
      assert.deepStrictEqual(
        made.entries.map(({ code }) => code),
        codes
      )
    }
  })

  it("passes over what is no failure", () => {
    assert.deepStrictEqual(Catalog.make({ a: 1, b: null, c: Error, d: () => 0, e: Effect }).entries, [])
  })
})

describe("the reference", () => {
  it("for people is the same text each time", () => {
    assert.strictEqual(Catalog.toMarkdown(catalog), golden("catalog.golden.md"))
  })
  it("for machines is the same text each time, with a JSON Schema for each failure", () => {
    assert.strictEqual(Catalog.toJson(catalog), golden("catalog.golden.json"))
  })
})

describe("the lock", () => {
  const lock = Catalog.toLock(catalog)
  const refused = lock.failures["biz.sample.refused"]!
  const changed = (change: Partial<typeof refused>): Catalog.Lock => ({
    version: 1,
    failures: { ...lock.failures, "biz.sample.refused": { ...refused, ...change } }
  })

  it("holds while nothing changes, and lets codes be added", () => {
    assert.deepStrictEqual(Catalog.check(lock, catalog), { added: [], changes: [] })
    assert.deepStrictEqual(Catalog.check({ version: 1, failures: {} }, catalog), {
      added: ["biz.sample.refused", "sys.sample.old"],
      changes: []
    })
  })

  const table: ReadonlyArray<readonly [string, Catalog.Lock, Catalog.Change["what"] | undefined]> = [
    ["a code that is gone", { version: 1, failures: { ...lock.failures, "biz.gone": refused } }, "removed"],
    ["another category", changed({ category: "sys" }), "category"],
    ["another status", changed({ http: 400 }), "http"],
    ["a status where there was none", changed({ http: null }), "http"],
    ["another retryability", changed({ retry: "never" }), "retry"],
    ["a detail that callers could not see and now can", changed({ visibility: "internal" }), "visibility"]
  ]
  it.each(table)("is broken by %s", (_name, before, what) => {
    assert.deepStrictEqual(
      Catalog.check(before, catalog).changes.map((change) => change.what),
      [what]
    )
  })

  it("is not broken by a detail that callers could see and now cannot", () => {
    const hidden: Catalog.Catalog = {
      entries: catalog.entries.map((entry) => ({ ...entry, visibility: "internal" as const }))
    }
    assert.deepStrictEqual(Catalog.check(lock, hidden).changes, [])
  })

  it.effect("survives being written and read", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Catalog.lockFromText(Catalog.lockToText(lock), "lock"), lock)
    })
  )

  const wrong: ReadonlyArray<readonly [string, string, number]> = [
    ["no JSON", '{\n  "version": 1,\n  oops\n}', 3],
    ["JSON that ends too early", '{\n  "version": 1,\n  "failures": {\n', 4],
    ["another version", '{\n  "version": 2,\n  "failures": {}\n}', 2],
    [
      "a category that there is not",
      '{\n  "version": 1,\n  "failures": {\n    "biz.a": {\n      "category": "bzi", "http": null, "retry": "never", "visibility": "public"\n    }\n  }\n}',
      5
    ],
    ["a member that does not belong", '{\n  "version": 1,\n  "failures": {},\n  "extra": true\n}', 4]
  ]
  it.effect.each(wrong)("that is wrong is refused with the line: %s", ([, text, line]) =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(Catalog.lockFromText(text, "failures.lock.json"))
      assert.strictEqual(failure.line, line, failure.message)
      assert.match(failure.message, /^invalid lock file: failures\.lock\.json:\d+: /)
    })
  )
})

describe("a wrong succession", () => {
  it("is refused where it is declared", () => {
    assert.throws(
      () => Failure.Tagged<Failure.Any>()("Succeeded", {}, { code: "biz.succeeded", replacedBy: "biz.sample.refused" }),
      /it is replaced and not deprecated/
    )
    assert.throws(
      () =>
        Failure.Tagged<Failure.Any>()("Nowhere", {}, { code: "biz.nowhere", deprecated: "x", replacedBy: "nowhere" }),
      /is not a stable key/
    )
  })
})

describe("titles", () => {
  const titles: Catalog.Titles = {
    de: { "biz.sample.refused": "Abgelehnt" },
    "de-CH": { "biz.sample.refused": "Abglehnt" },
    fr: {}
  }
  const table: ReadonlyArray<readonly [ReadonlyArray<string>, string, string | undefined]> = [
    [["de-CH"], "Abglehnt", "de-CH"],
    [["de-AT-1996"], "Abgelehnt", "de"],
    [["DE"], "Abgelehnt", "de"],
    [["fr", "de"], "Abgelehnt", "de"],
    [["es"], "refused | for now", undefined],
    [["__proto__"], "refused | for now", undefined]
  ]
  it.each(table)("for %s", (locales, title, locale) => {
    assert.deepStrictEqual(Catalog.title(catalog, titles, "biz.sample.refused", locales), { title, locale })
  })

  it("are complete when every public code has one in every locale", () => {
    assert.deepStrictEqual(Catalog.missingTitles(catalog, titles), [{ locale: "fr", code: "biz.sample.refused" }])
    assert.isAbove(Catalog.missingTitles(Catalog.make(Reasons), { en: {} }).length, 5)
  })
})

describe("holdfast-catalog", () => {
  const root = join(here, "../../../..")
  const run = (...args: ReadonlyArray<string>) =>
    new Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>((resolve) =>
      execFile(
        process.execPath,
        ["--conditions=@holdfast/source", join(root, "packages/core/bin/holdfast-catalog.js"), ...args],
        { env: { ...process.env, NO_COLOR: "1" } },
        (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr })
      )
    )
  const module = ["--module", join(here, "sample.ts")]

  it("locks, checks, and wants every change acknowledged by its code", { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), "catalog-"))
    const lock = join(directory, "failures.lock.json")
    const at = [...module, "--lock", lock]
    try {
      const missing = await run("check", ...at)
      assert.strictEqual(missing.code, 1)
      assert.match(missing.stderr, /^Error: no lock file: there is no file /)

      assert.match((await run("update", ...at)).stdout, /2 failures, 2 added, 0 changed/)
      assert.deepInclude(await run("check", ...at), { code: 0, stdout: "2 failures, as locked\n" })

      writeFileSync(lock, readFileSync(lock, "utf8").replace('"http": 409', '"http": 400'))
      const broken = await run("check", ...at)
      assert.strictEqual(broken.code, 1)
      assert.match(broken.stderr, /biz\.sample\.refused: http was 400 and is 409/)
      assert.strictEqual((await run("update", ...at, "--acknowledge", "sys.sample.old")).code, 1)
      assert.strictEqual((await run("update", ...at, "--acknowledge", "biz.sample.refused")).code, 0)
      assert.strictEqual((await run("check", ...at)).code, 0)

      const docs = await run(
        "docs",
        ...module,
        "--markdown",
        join(directory, "f.md"),
        "--json",
        join(directory, "f.json")
      )
      assert.strictEqual(docs.code, 0)
      assert.strictEqual(readFileSync(join(directory, "f.md"), "utf8"), golden("catalog.golden.md"))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it("says what is wrong with a module or a command line", { timeout: 60_000 }, async () => {
    assert.match((await run("check", "--module", "./none.ts")).stderr, /\.\/none\.ts cannot be loaded/)
    assert.match(
      (await run("check", "--module", join(here, "../../src/index.ts"), "--lock", here)).stderr,
      /cannot read/
    )
    assert.strictEqual((await run("check", "--colour")).code, 64)
  })
})
