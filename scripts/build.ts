/**
 * Builds what is published: modules with their types, one each, for bundlers and editors (`dist`), and the same in as few
 * files as possible for Node (`dist/node`), which reads sixty small files three times slower than one.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"

interface Target {
  readonly "@holdfast/source": string
  readonly default: string
}

interface Manifest {
  readonly exports: Readonly<Record<string, Target | string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** In the order in which they depend on each other. */
const packages = ["core", "resilience", "otlp", "protocol"]

execFileSync("tsc", ["-b", ...packages.map((name) => join("packages", name, "tsconfig.build.json"))], {
  stdio: "inherit"
})

for (const name of packages) {
  const root = join("packages", name)
  const { dependencies, exports, peerDependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8")
  ) as Manifest
  const others = Object.keys({ ...dependencies, ...peerDependencies })
  const input = Object.values(exports)
    .filter((target) => typeof target !== "string")
    .map(({ default: module }) => [module.replace(/^\.\/dist\/(.*)\.js$/, "$1"), join(root, module)] as const)
  const out = join(root, "dist", "node")
  rmSync(out, { recursive: true, force: true })
  const bundle = await rolldown({
    input: Object.fromEntries(input),
    external: (id) => id.startsWith("node:") || others.some((other) => id === other || id.startsWith(`${other}/`))
  })
  // What the first entry needs is loaded in any case, so the other entries share it whole: each more file costs a millisecond.
  const groups = name === "core" ? [{ name: "core", test: (id: string) => !/command|testing/.test(id) }] : []
  await bundle.write({
    dir: out,
    format: "esm",
    sourcemap: true,
    chunkFileNames: "shared/[name].js",
    codeSplitting: { groups }
  })
  await bundle.close()
}
