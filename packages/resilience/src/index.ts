export * as Backoff from "./backoff/Backoff.ts"
