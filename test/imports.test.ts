import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..")

/** Which packages each package may import. Whatever is not here is an arrow the wrong way. */
const allowed: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: ["effect"],
  resilience: ["effect", "@holdfast/core"],
  protocol: ["effect", "@holdfast/core", "@bufbuild/protobuf"],
  otlp: ["effect", "@holdfast/core", "@holdfast/resilience"]
}

const specifiers = (text: string): ReadonlyArray<string> => {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "")
  return [...code.matchAll(/\b(?:from\s+|import\s*\(?\s*)"([^"]+)"/g)].map((match) => match[1]!)
}

/** What a package offers to the others, by its manifest. */
const entries = (name: string): ReadonlyArray<string> => {
  const manifest = readFileSync(join(root, "packages", name.replace("@holdfast/", ""), "package.json"), "utf8")
  return Object.keys((JSON.parse(manifest) as { readonly exports: object }).exports).map((entry) => join(name, entry))
}

/** Why an import breaks the house rules, or `undefined` if it does not. */
const objection = (name: string, file: string, specifier: string): string | undefined => {
  const home = join(root, "packages", name, "src")
  if (specifier.startsWith(".")) {
    const target = resolve(dirname(file), specifier)
    return relative(home, target).startsWith("..") ? "leaves its package" : undefined
  }
  const bare = specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : specifier.split("/")[0]!
  if (!allowed[name]!.includes(bare)) return `${name} may not import ${bare}`
  return bare.startsWith("@holdfast/") && !entries(bare).includes(specifier)
    ? "reaches into another package"
    : undefined
}

describe("imports go one way", () => {
  for (const name of Object.keys(allowed)) {
    it(`in ${name}: ${allowed[name]!.join(", ")} and nothing else`, () => {
      const files = globSync("src/**/*.ts", { cwd: join(root, "packages", name) })
      assert.isAbove(files.length, 0)
      const wrong = files.flatMap((path) => {
        const file = join(root, "packages", name, path)
        return specifiers(readFileSync(file, "utf8")).flatMap((specifier) => {
          const why = objection(name, file, specifier)
          return why === undefined ? [] : [`${name}/${path}: ${specifier}: ${why}`]
        })
      })
      assert.deepStrictEqual(wrong, [])
    })
  }

  it("and the check itself can fail", () => {
    const file = join(root, "packages/core/src/index.ts")
    assert.strictEqual(objection("core", file, "@holdfast/otlp"), "core may not import @holdfast/otlp")
    assert.strictEqual(objection("core", file, "node:fs"), "core may not import node:fs")
    assert.strictEqual(objection("core", file, "../../otlp/src/index.ts"), "leaves its package")
    assert.strictEqual(objection("otlp", file, "@holdfast/core/src/index.ts"), "reaches into another package")
    assert.strictEqual(objection("otlp", file, "@holdfast/core/options"), undefined)
    assert.deepStrictEqual(specifiers(`import { a } from "x"\nexport * from "y"\n// from "z"\nawait import("w")`), [
      "x",
      "y",
      "w"
    ])
  })
})

describe("the ground rules of the code", () => {
  it("hold in every package: time, chance and output only through Effect", () => {
    const forbidden =
      /\b(?:Date\.now\(|new Date\(\)|Math\.random\(|setTimeout\(|setInterval\(|console\.|process\.(?!emitWarning))/
    const wrong = globSync("packages/*/src/**/*.ts", { cwd: root }).flatMap((path) =>
      readFileSync(join(root, path), "utf8")
        .split("\n")
        .flatMap((line, index) =>
          forbidden.test(line) && !/^\s*(?:\*|\/\/|\/\*)/.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []
        )
    )
    assert.deepStrictEqual(wrong, [])
  })
})
