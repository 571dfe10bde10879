export * as Backoff from "./backoff/Backoff.ts"
export * as CircuitBreaker from "./circuit-breaker/CircuitBreaker.ts"
export * as Retry from "./retry/Retry.ts"
