/**
 * Measures and writes the tables of README.md. `npm run bench` for everything, `npm run bench -- core` for one file.
 */
import { execFileSync } from "node:child_process"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Case, Measured } from "./harness.ts"

const here = dirname(fileURLToPath(import.meta.url))
const processes = Number(process.env["BENCH_PROCESSES"] ?? 3)
const wanted = process.argv.slice(2)
const names = globSync("*.bench.ts", { cwd: here })
  .map((file) => file.replace(".bench.ts", ""))
  .filter((name) => wanted.length === 0 || wanted.includes(name))
  .toSorted()

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const measure = (file: string, index: number): Measured => {
  const runs = Array.from(
    { length: processes },
    () =>
      JSON.parse(
        execFileSync(
          process.execPath,
          [
            "--expose-gc",
            "--max-semi-space-size=256",
            "--conditions=@holdfast/source",
            join(here, "worker.ts"),
            file,
            String(index)
          ],
          { encoding: "utf8" }
        )
      ) as Measured
  )
  return {
    ...runs[0]!,
    ns: median(runs.map(({ ns }) => ns)),
    best: Math.min(...runs.map(({ best }) => best)),
    bytes: median(runs.map(({ bytes }) => bytes))
  }
}

const time = (ns: number): string =>
  ns < 1000
    ? `${Math.round(ns)} ns`
    : ns < 1_000_000
      ? `${(ns / 1000).toFixed(2)} µs`
      : `${(ns / 1_000_000).toFixed(2)} ms`

const ratio = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(2))

const tables = (measured: ReadonlyArray<Measured>): string =>
  [...Map.groupBy(measured, ({ group }) => group)]
    .map(([group, rows]) =>
      [
        `### ${group}`,
        "",
        "| | median | best | bytes | ratio |",
        "| --- | ---: | ---: | ---: | ---: |",
        ...rows.map(
          ({ best, bytes, name, ns }) =>
            `| ${name} | ${time(ns)} | ${time(best)} | ${Math.max(0, Math.round(bytes))} | ${ratio(ns / rows[0]!.ns)} |`
        )
      ].join("\n")
    )
    .join("\n\n")

/** Puts a text between the two marks of a section, and leaves the rest of the page to people. */
const replaceSection = (page: string, name: string, text: string): string => {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < 0) throw new Error(`README.md has no section ${begin} … ${end}`)
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`
}

const readme = join(here, "README.md")
for (const name of names) {
  const file = join(here, `${name}.bench.ts`)
  const { cases } = (await import(pathToFileURL(file).href)) as { readonly cases: ReadonlyArray<Case> }
  const measured = cases.map((_, index) => {
    const result = measure(file, index)
    process.stderr.write(`${result.group} / ${result.name}: ${time(result.ns)}\n`)
    return result
  })
  const text = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]!.model}, ${processes} processes each.\n\n${tables(measured)}`
  writeFileSync(readme, replaceSection(readFileSync(readme, "utf8"), name, text))
}
