/**
 * Measures the projections and the decoders, every case in a process of its own, and prints a table in failures per second.
 * `node --conditions=@holdfast/source bench/protocol.ts [TEXT]`: only the cases with this text in their name.
 */
import { execFileSync } from "node:child_process"
import { cpus } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Measured } from "./harness.ts"
import { cases } from "./protocol-cases.ts"

const here = dirname(fileURLToPath(import.meta.url))
const wanted = process.argv[2] ?? ""

const measure = (index: number): Measured =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [
        "--expose-gc",
        "--max-semi-space-size=256",
        "--conditions=@holdfast/source",
        join(here, "worker.ts"),
        join(here, "protocol-cases.ts"),
        String(index)
      ],
      { encoding: "utf8" }
    )
  ) as Measured

process.stdout.write(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]!.model}\n`)
let group = ""
for (const [index, of] of cases.entries()) {
  if (!`${of.group} ${of.name}`.includes(wanted)) continue
  if (of.group !== group) {
    group = of.group
    process.stdout.write(
      `\n### ${group}\n\n| | per second | µs | best µs | bytes |\n| --- | ---: | ---: | ---: | ---: |\n`
    )
  }
  const { best, bytes, name, ns } = measure(index)
  const perSecond = Math.round(1e9 / ns).toLocaleString("en-US")
  process.stdout.write(
    `| ${name} | ${perSecond} | ${(ns / 1000).toFixed(2)} | ${(best / 1000).toFixed(2)} | ${Math.max(0, Math.round(bytes))} |\n`
  )
}
