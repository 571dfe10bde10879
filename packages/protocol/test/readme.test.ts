import { assert, describe, it } from "@effect/vitest"
import { readFileSync, rmSync, writeFileSync } from "node:fs"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const snippets = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!)

/** The same program, with every expression that a comment gives a value to recorded. */
const recording = (snippet: string): string =>
  `export const shown: Array<[unknown, string]> = []\n${snippet
    .replaceAll(
      /^\/\/ (\w+) => (.*)$/gm,
      (_match, name: string, value: string) => `shown.push([${name}, ${JSON.stringify(value)}])`
    )
    .replaceAll(
      /^([A-Z]\w*\.[^\n]*)\n\/\/ => (.*)$/gm,
      (_match, expression: string, value: string) => `shown.push([${expression}, ${JSON.stringify(value)}])`
    )
    .replaceAll(
      /^([A-Z]\w*\.[^\n]*)\n((?:\/\/ [^\n]*\n?)+)/gm,
      (_match, expression: string, lines: string) =>
        `shown.push([${expression}, ${JSON.stringify(lines.trimEnd().replaceAll(/^\/\/ /gm, ""))}])\n`
    )}`

const asWritten = (value: unknown): string =>
  typeof value === "string"
    ? value
    : JSON.stringify(value)
        .replaceAll(/"(\w+)":/g, " $1: ")
        .replace("}", " }")

describe("README", () => {
  it("has an example of every projection", () => {
    for (const name of ["toHttp", "toRpc", "toLog", "toCli", "exitCode", "renderUserDebug"]) {
      assert.isTrue(
        snippets.some((snippet) => snippet.includes(`Projection.${name}(`)),
        name
      )
    }
  })

  for (const [index, snippet] of snippets.entries()) {
    it(`tells the truth in example ${index + 1}`, async () => {
      const file = new URL(`./readme-${index}.generated.ts`, import.meta.url)
      writeFileSync(file, recording(snippet))
      try {
        const { shown } = (await import(file.href)) as { readonly shown: ReadonlyArray<readonly [unknown, string]> }
        assert.isNotEmpty(shown)
        for (const [value, promised] of shown) {
          const text = asWritten(value)
          const expected = promised.replace(/^"(.*)"$/, "$1")
          if (expected.endsWith("…")) assert.isTrue(text.startsWith(expected.slice(0, -1)), text)
          else assert.strictEqual(text, expected)
        }
      } finally {
        rmSync(file)
      }
    })
  }
})
