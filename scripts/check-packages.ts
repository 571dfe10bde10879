/**
 * Packs every package as it would be published and lets two independent judges look at the result: publint (is the
 * manifest right?) and Are The Types Wrong (do the types resolve for everyone?). Then looks itself: what Node loads has the
 * names that everybody else gets, and a program pays only for the policies it uses.
 */
import { deepStrictEqual, ok } from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { rolldown } from "rolldown"

const packed = mkdtempSync(join(tmpdir(), "holdfast-pack-"))
let failed = 0

const check = async (what: string, look: () => unknown): Promise<void> => {
  try {
    await look()
    process.stdout.write(`ok      ${what}\n`)
  } catch (error) {
    failed++
    const { message, stderr = "", stdout = message } = error as Error & { readonly stderr?: string; stdout?: string }
    process.stdout.write(`failed  ${what}\n${stdout}${stderr}\n`)
  }
}

const run = (what: string, command: string, args: ReadonlyArray<string>): Promise<void> =>
  check(what, () => execFileSync(command, args, { encoding: "utf8", stdio: "pipe" }))

/** Prints the names of a module, and of the namespaces in it. */
const names = `
const isNamespace = (value) => value?.[Symbol.toStringTag] === "Module"
const all = Object.entries(await import(process.argv[1])).flatMap(([name, value]) =>
  [name, ...(isNamespace(value) ? Object.keys(value).map((key) => name + "." + key) : [])])
console.log(all.toSorted().join("\\n"))`

/** In a process of its own: a failure that two copies of a package declare is refused. */
const namesOf = (file: string): ReadonlyArray<string> =>
  execFileSync(process.execPath, ["--input-type=module", "--eval", names, pathToFileURL(file).href], {
    encoding: "utf8",
    stdio: "pipe"
  }).split("\n")

/** What a bundler leaves of a program, with the packages in it and the rest outside. */
const bundled = async (program: string): Promise<string> => {
  const bundle = await rolldown({
    input: "program",
    external: (id) => id.startsWith("effect") || id.startsWith("node:"),
    platform: "browser",
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === "program" ? join(process.cwd(), "program.js") : null),
        load: (id) => (id.endsWith("program.js") ? program : null)
      }
    ]
  })
  const { output } = await bundle.generate({ format: "esm" })
  return output[0].code
}

for (const name of readdirSync("packages")) {
  const directory = join("packages", name)
  execFileSync("npm", ["pack", "--silent", "--pack-destination", packed, `./${directory}`], { encoding: "utf8" })
  await run(`publint ${name}`, "publint", ["run", directory, "--strict"])
  const { exports } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly node: string; readonly default: string } | string>>
  }
  for (const [entry, target] of Object.entries(exports)) {
    if (typeof target === "string") continue
    await check(`names ${name} ${entry}`, () =>
      deepStrictEqual(namesOf(join(directory, target.node)), namesOf(join(directory, target.default)))
    )
  }
}
for (const tarball of readdirSync(packed)) {
  await run(`attw ${tarball}`, "attw", [join(packed, tarball), "--profile", "esm-only"])
}
const prefix = "resilience."
const metrics = ["circuit_breaker.state", "retry.retries", "retry_budget.left", "timeout.timeouts", "policy.duration"]
for (const [used, uses] of [
  [`Timeout.timeout("1 second")`, ["timeout.timeouts"]],
  [`CircuitBreaker.make({ name: "one" })`, ["circuit_breaker.state"]]
] as const) {
  const [namespace] = used.split(".")
  await check(`unused policies leave a program with ${used}`, async () => {
    const code = await bundled(`import { ${namespace} } from "@holdfast/resilience"\nglobalThis.kept = ${used}`)
    for (const metric of metrics)
      ok(code.includes(`"${prefix}${metric}"`) === (uses as ReadonlyArray<string>).includes(metric), metric)
  })
}
/** What a library exports without saying its types. A type whose file no path leads to stops its compiler. */
const exporting = `
import { CircuitBreaker, Policy, Retry, Timeout } from "@holdfast/resilience"
import { Effect } from "effect"
const work = Effect.succeed(1)
export const circuit = CircuitBreaker.make({ name: "one" })
export const http = Policy.make("one", Policy.http)
export const configured = Policy.fromConfig("one")
export const called = Effect.flatMap(http, (policy) => Policy.protect(work, policy))
export const retried = work.pipe(Timeout.timeout("1 second"), Retry.retry({ exhausted: "wrap" }))
export class One extends Policy.Service<One>()("One", { ...Policy.database, fallback: { value: 0 } }) {}
export const served = work.pipe(One.protect)
export const layer = One.layer
`

const program = join(packed, "program")

await check("types of what a program exports name the failures, by paths that are there", () => {
  const installed = join(program, "node_modules", "@holdfast")
  for (const tarball of readdirSync(packed)) {
    const [, name] = /^holdfast-(.*)-[\d.]+\.tgz$/.exec(tarball) ?? []
    if (name === undefined) continue
    mkdirSync(join(installed, name), { recursive: true })
    execFileSync("tar", ["-xf", join(packed, tarball), "-C", join(installed, name), "--strip-components=1"])
  }
  symlinkSync(join(process.cwd(), "node_modules", "effect"), join(program, "node_modules", "effect"))
  writeFileSync(join(program, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(join(program, "main.ts"), exporting)
  const options =
    "--strict --declaration --emitDeclarationOnly --skipLibCheck --module nodenext --target es2024 --types"
  execFileSync("tsc", [...options.split(" "), "", "main.ts"], { cwd: program, encoding: "utf8", stdio: "pipe" })
  const types = readFileSync(join(program, "main.d.ts"), "utf8")
  ok(!/node_modules|dist\//.test(types), types)
  ok(/called: .*Reasons.*CircuitOpen/.test(types), types)
})
rmSync(packed, { recursive: true, force: true })
if (failed > 0) process.exitCode = 1
