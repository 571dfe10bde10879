import { defineConfig } from "vitest/config"

const project = (name: string, root: string) => ({
  resolve: { conditions: ["@holdfast/source"] },
  ssr: { resolve: { conditions: ["@holdfast/source"] } },
  test: { name, root, include: ["test/**/*.test.ts"], environment: "node" as const }
})

export default defineConfig({
  test: {
    projects: [
      project("core", "packages/core"),
      project("resilience", "packages/resilience"),
      project("otlp", "packages/otlp"),
      project("protocol", "packages/protocol"),
      project("otlp-system", "examples/otlp-system"),
      { ...project("house", "."), test: { ...project("house", ".").test, include: ["test/**/*.test.ts"] } }
    ]
  }
})
