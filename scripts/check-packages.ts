/**
 * Packs every package as it would be published and lets two independent judges look at the result: publint (is the
 * manifest right?) and Are The Types Wrong (do the types resolve for everyone?).
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const packed = mkdtempSync(join(tmpdir(), "holdfast-pack-"))
let failed = 0

const run = (what: string, command: string, args: ReadonlyArray<string>): void => {
  try {
    execFileSync(command, args, { encoding: "utf8", stdio: "pipe" })
    process.stdout.write(`ok      ${what}\n`)
  } catch (error) {
    failed++
    const { stderr, stdout } = error as { readonly stderr: string; readonly stdout: string }
    process.stdout.write(`failed  ${what}\n${stdout}${stderr}\n`)
  }
}

for (const name of readdirSync("packages")) {
  const directory = join("packages", name)
  execFileSync("npm", ["pack", "--silent", "--pack-destination", packed, `./${directory}`], { encoding: "utf8" })
  run(`publint ${name}`, "publint", ["run", directory, "--strict"])
}
for (const tarball of readdirSync(packed)) {
  run(`attw ${tarball}`, "attw", [join(packed, tarball), "--profile", "esm-only"])
}
rmSync(packed, { recursive: true, force: true })
if (failed > 0) process.exitCode = 1
