export * as Backoff from "./backoff/Backoff.ts"
export * as Retry from "./retry/Retry.ts"
