import { defineConfig } from "vitest/config"

// No test waits for a clock of its own. How long one takes is how busy the machine is, and never what it is about.
const testTimeout = 60_000

const project = (name: string, root: string) => ({
  resolve: { conditions: ["@holdfast/source"] },
  ssr: { resolve: { conditions: ["@holdfast/source"] } },
  test: { name, root, include: ["test/**/*.test.ts"], environment: "node" as const, testTimeout }
})

export default defineConfig({
  test: {
    projects: [
      project("core", "packages/core"),
      project("resilience", "packages/resilience"),
      project("otlp", "packages/otlp"),
      project("protocol", "packages/protocol"),
      project("otlp-system", "examples/otlp-system"),
      project("house", ".")
    ]
  }
})
