import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..")

const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** What a heading is called in an address: its words in lower case, with hyphens. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- _]/gu, "")
    .trim()
    .replaceAll(" ", "-")

const anchorsOf = (file: string): ReadonlyArray<string> =>
  [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!))

interface Link {
  readonly path: string
  readonly anchor: string | undefined
}

const linksOf = (text: string): ReadonlyArray<Link> =>
  [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(
    ([, path, anchor]) => ({ path: path!, anchor })
  )

const pages = globSync(["*.md", "docs/**/*.md", "packages/*/README.md", "examples/*/README.md", "bench/*.md"], {
  cwd: root
}).toSorted()

describe("every link of the documentation", () => {
  it.each(pages)("leads somewhere: %s", (page) => {
    const broken = linksOf(read(page)).flatMap(({ anchor, path }) => {
      const target = path === "" ? page : relative(root, resolve(root, dirname(page), path))
      if (!existsSync(join(root, target))) return [path]
      return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [`${path}#${anchor}`]
    })
    assert.deepStrictEqual(broken, [])
  })

  it("is on the list of capabilities, for each page", () => {
    const listed = new Set(linksOf(read("docs/README.md")).map(({ path }) => path))
    const missing = pages.filter((page) => /^docs\/(?!README)/.test(page) && !listed.has(page.slice("docs/".length)))
    assert.deepStrictEqual(missing, [])
  })
})
