/**
 * Measures and writes the tables of README.md. `npm run bench` for everything, `npm run bench -- core` for one file.
 * `BENCH_PROCESSES`: fresh processes for each case, default 5.
 */
import { execFileSync } from "node:child_process"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Case, LeftBehind, Measured } from "./harness.ts"

const here = dirname(fileURLToPath(import.meta.url))
const rounds = Number(process.env["BENCH_PROCESSES"] ?? 5)
const wanted = process.argv.slice(2)
const names = globSync("*.bench.ts", { cwd: here })
  .map((file) => file.replace(".bench.ts", ""))
  .filter((name) => wanted.length === 0 || wanted.includes(name))
  .toSorted()

const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2
}

const inProcess = <A>(script: string, file: string, index: number): A =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [
        "--expose-gc",
        "--max-semi-space-size=256",
        "--conditions=@holdfast/source",
        join(here, script),
        file,
        String(index)
      ],
      { encoding: "utf8" }
    )
  ) as A

const shuffled = (many: number): ReadonlyArray<number> =>
  Array.from({ length: many }, (_, index) => ({ index, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ index }) => index)

interface Row extends Measured, LeftBehind {
  readonly measure: boolean
  /** Median absolute deviation between the processes, as a part of the median. */
  readonly spread: number
}

const summary = (one: Case, runs: ReadonlyArray<Measured>, left: LeftBehind): Row => {
  const ns = median(runs.map((run) => run.ns))
  return {
    ...left,
    name: one.name,
    group: one.group,
    measure: one.measure ?? false,
    ns,
    spread: median(runs.map((run) => Math.abs(run.ns - ns))) / ns,
    best: Math.min(...runs.map(({ best }) => best)),
    bytes: median(runs.map(({ bytes }) => bytes))
  }
}

/** A slow minute of the machine falls on every case alike: rounds over all cases, each round in an order of its own. */
const measure = (file: string, cases: ReadonlyArray<Case>): ReadonlyArray<Row> => {
  const runs = cases.map((): Array<Measured> => [])
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`round ${round} of ${rounds}\n`)
    for (const index of shuffled(cases.length)) runs[index]!.push(inProcess<Measured>("worker.ts", file, index))
  }
  return cases.map((one, index) => summary(one, runs[index]!, inProcess<LeftBehind>("left.ts", file, index)))
}

const time = (ns: number): string =>
  ns < 1000
    ? `${Math.round(ns)} ns`
    : ns < 1_000_000
      ? `${(ns / 1000).toFixed(2)} µs`
      : `${(ns / 1_000_000).toFixed(2)} ms`

const ratio = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(2))

const perSecond = (ns: number): string => {
  const rate = 1e9 / ns
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(1)} M` : rate >= 1e4 ? `${Math.round(rate / 1e3)} k` : rate.toFixed(0)
}

/** Each row with the one that it is compared with. */
const compared = (rows: ReadonlyArray<Row>): ReadonlyArray<readonly [Row, Row]> => {
  let base = rows[0]!
  return rows.map((row) => {
    if (row.measure) base = row
    return [row, base] as const
  })
}

const table = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const leaves = rows.some(({ listeners, timers }) => timers > 0 || listeners > 0)
  return [
    `| | median | ± | best | per second | bytes |${leaves ? " timers left | listeners left |" : ""} ratio |`,
    `| --- | ---: | ---: | ---: | ---: | ---: |${leaves ? " ---: | ---: |" : ""} ---: |`,
    ...compared(rows).map(([{ best, bytes, listeners, name, ns, spread, timers }, base]) =>
      [
        `| ${name} `,
        ` ${time(ns)} `,
        ` ${Math.round(spread * 100)} % `,
        ` ${time(best)} `,
        ` ${perSecond(ns)} `,
        ` ${Math.max(0, Math.round(bytes))} `,
        ...(leaves ? [` ${timers} `, ` ${listeners} `] : []),
        ` ${ratio(ns / base.ns)} |`
      ].join("|")
    )
  ]
}

const tables = (measured: ReadonlyArray<Row>): string =>
  [...Map.groupBy(measured, ({ group }) => group)]
    .map(([group, rows]) => [`### ${group}`, "", ...table(rows)].join("\n"))
    .join("\n\n")

const packages = ["effect", "cockatiel", "opossum", "http-errors", "@hapi/boom"]

/** The version that is measured, wherever npm put the package. */
const versionOf = (name: string): string => {
  for (const at of [here, join(here, "..")]) {
    try {
      return (
        JSON.parse(readFileSync(join(at, "node_modules", name, "package.json"), "utf8")) as { readonly version: string }
      ).version
    } catch {
      continue
    }
  }
  throw new Error(`${name} is not installed`)
}

const about = [
  `Node ${process.versions.node}`,
  ...packages.map((name) => `${name} ${versionOf(name)}`),
  `${cpus().length} × ${cpus()[0]!.model}`,
  `${rounds} processes each, in random order`
].join(", ")

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
  const text = `${about}.\n\n${tables(measure(file, cases))}`
  writeFileSync(readme, replaceSection(readFileSync(readme, "utf8"), name, text))
}
