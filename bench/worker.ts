/** Measures one case in this process and prints the result as JSON. `node worker.ts FILE INDEX` */
import { pathToFileURL } from "node:url"
import type { Case, Measured, Run } from "./harness.ts"

const [file, index] = process.argv.slice(2)
const { cases } = (await import(pathToFileURL(file!).href)) as { readonly cases: ReadonlyArray<Case> }
const { group, kept, make, name } = cases[Number(index)]!
const run: Run = await make()

/** Keys by the ten thousand, as a program would hold them. */
const keptOf = async (): Promise<number> => {
  const many = 10_000
  await run(100)
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  await run(many)
  globalThis.gc?.()
  return (process.memoryUsage().heapUsed - before) / many
}
const keptBytes = kept ? await keptOf() : undefined

const nanosOf = async (n: number): Promise<number> => {
  const began = process.hrtime.bigint()
  await run(n)
  return Number(process.hrtime.bigint() - began)
}

const sampleNanos = 20_000_000
let n = 1
for (;;) {
  const nanos = await nanosOf(n)
  if (nanos >= sampleNanos) break
  n = Math.ceil(n * Math.min(10, Math.max(1.5, (1.2 * sampleNanos) / Math.max(nanos, 1))))
}
for (let warm = 0; warm < 15; warm++) await nanosOf(n)

const samples: Array<number> = []
for (let i = 0; i < 21; i++) samples.push((await nanosOf(n)) / n)
samples.sort((a, b) => a - b)

// The young generation is larger than what this allocates, so nothing is collected in between.
const few = Math.min(n, 20_000)
globalThis.gc?.()
const before = process.memoryUsage().heapUsed
await run(few)
const bytes = (process.memoryUsage().heapUsed - before) / few

process.stdout.write(
  JSON.stringify({ name, group, ns: samples[10]!, best: samples[0]!, bytes: keptBytes ?? bytes } satisfies Measured) +
    "\n"
)
