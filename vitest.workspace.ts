import { defineConfig } from "vitest/config"

const project = (name: string, root: string, options: { readonly testTimeout?: number } = {}) => ({
  resolve: { conditions: ["@holdfast/source"] },
  ssr: { resolve: { conditions: ["@holdfast/source"] } },
  test: { name, root, include: ["test/**/*.test.ts"], environment: "node" as const, ...options }
})

export default defineConfig({
  test: {
    projects: [
      project("core", "packages/core"),
      project("resilience", "packages/resilience"),
      project("otlp", "packages/otlp"),
      project("protocol", "packages/protocol"),
      // These tests start processes, which take their time on a busy machine.
      project("otlp-system", "examples/otlp-system", { testTimeout: 60_000 }),
      project("house", ".", { testTimeout: 60_000 })
    ]
  }
})
