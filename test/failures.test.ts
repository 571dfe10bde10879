import { assert, describe, it } from "@effect/vitest"
import * as Core from "@holdfast/core"
import * as CatalogCommand from "@holdfast/core/catalog-command"
import * as Otlp from "@holdfast/otlp"
import * as Protocol from "@holdfast/protocol"
import * as Resilience from "@holdfast/resilience"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const catalog = Core.Catalog.make(Core, Resilience, Otlp, Protocol, CatalogCommand)

describe("the failures of this repository", () => {
  it.effect("keep the promises of failures.lock.json, and all of them are in it (npm run catalog:update)", () =>
    Effect.gen(function* () {
      const text = readFileSync(join(root, "failures.lock.json"), "utf8")
      const lock = yield* Core.Catalog.lockFromText(text, "failures.lock.json")
      assert.deepStrictEqual(Core.Catalog.check(lock, catalog), { added: [], changes: [] })
    })
  )

  it("are described by docs/failures.md as it stands (npm run catalog:docs)", () => {
    assert.strictEqual(readFileSync(join(root, "docs/failures.md"), "utf8"), Core.Catalog.toMarkdown(catalog))
  })
})
