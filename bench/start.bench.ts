/** What a program waits for before its first line: Node, Effect and the packages as they are published, loaded from disk. */
import { execFile } from "node:child_process"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Case } from "./harness.ts"

const run = promisify(execFile)
const cwd = dirname(fileURLToPath(import.meta.url))

/** A process that imports these modules and ends. Without the condition of the sources it gets what `npm run build` made. */
const starting =
  (...modules: ReadonlyArray<string>) =>
  async (n: number): Promise<void> => {
    const program = modules.map((module) => `import "${module}"`).join("\n")
    for (let i = 0; i < n; i++) await run(process.execPath, ["--input-type=module", "--eval", program], { cwd })
  }

const group = "A process that imports, and ends"

export const cases: ReadonlyArray<Case> = [
  { group, name: "`effect`", make: () => starting("effect") },
  { group, name: "`effect`, core", make: () => starting("effect", "@holdfast/core") },
  { group, name: "`effect`, resilience (and core)", make: () => starting("effect", "@holdfast/resilience") },
  { group, name: "`effect`, protocol (and core)", make: () => starting("effect", "@holdfast/protocol") },
  { group, name: "`effect`, `effect/http`", make: () => starting("effect", "effect/http") },
  { group, name: "`effect`, otlp (and core, resilience)", make: () => starting("effect", "@holdfast/otlp") },
  { group, name: "`cockatiel`", make: () => starting("cockatiel") },
  { group, name: "`opossum`", make: () => starting("opossum") }
]
