import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..")
const workshop = join(root, ".holdfast", "snippets")

interface Snippet {
  readonly file: string
  readonly line: number
  readonly code: string
}

const fences = (file: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => ({
    file,
    line: text.slice(0, match.index).split("\n").length,
    code: match[1]!
  }))

/** Docstrings are fenced Markdown behind a star. */
const docstrings = (file: string): ReadonlyArray<Snippet> =>
  fences(file, readFileSync(join(root, file), "utf8").replace(/^ *\* ?/gm, ""))

const snippets: ReadonlyArray<Snippet> = [
  ...globSync(["README.md", "CONTRIBUTING.md", "docs/**/*.md", "packages/*/README.md", "examples/*/README.md"], {
    cwd: root
  }).flatMap((file) => fences(file, readFileSync(join(root, file), "utf8"))),
  ...globSync("packages/*/src/**/*.ts", { cwd: root }).flatMap(docstrings)
].toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line)

/**
 * `expression // => value` becomes an assertion, with the comment on the same line or on the next; a value that is cut short
 * (`…`) is for readers only. Everything else stays as it would be pasted.
 */
const program = ({ code, file, line }: Snippet): string => {
  const checked = code.replace(
    /^(?!\s*(?:import|const|let|class|\/\/))(.*\S)\s+\/\/ => ([^…\n]+)$/gm,
    "expectEqual(await ($1), $2)"
  )
  const asserts = checked === code ? "" : `import { deepStrictEqual as expectEqual } from "node:assert/strict"\n`
  return `// ${file}:${line}\n${asserts}${checked}\nexport {}\n`
}

describe("every snippet of the documentation", () => {
  rmSync(workshop, { recursive: true, force: true })
  mkdirSync(workshop, { recursive: true })
  const files = snippets.map((snippet, index) => {
    const path = join(workshop, `snippet-${String(index).padStart(3, "0")}.ts`)
    writeFileSync(path, program(snippet))
    return path
  })
  writeFileSync(
    join(workshop, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.base.json",
      compilerOptions: {
        noEmit: true,
        declaration: false,
        declarationMap: false,
        sourceMap: false,
        noUnusedLocals: false,
        types: ["node"]
      },
      include: ["*.ts"]
    })
  )

  it("compiles", { timeout: 120_000 }, async () => {
    assert.isAbove(snippets.length, 5)
    await run(join(root, "node_modules/.bin/tsc"), ["-p", workshop]).catch((error: { readonly stdout: string }) =>
      assert.fail(error.stdout)
    )
  })

  it.concurrent.each(snippets.map((snippet, index) => [`${snippet.file}:${snippet.line}`, files[index]!] as const))(
    "runs: %s",
    { timeout: 30_000 },
    async (_place, file) => {
      await run(process.execPath, ["--conditions=@holdfast/source", file], { cwd: workshop }).catch(
        (error: { readonly stderr: string }) => assert.fail(error.stderr)
      )
    }
  )
})
