import { globSync, rmSync } from "node:fs"

for (const path of globSync(["packages/*/dist", "**/*.tsbuildinfo", ".holdfast"], { exclude: ["node_modules"] })) {
  rmSync(path, { recursive: true, force: true })
}
