import * as Backoff from "../backoff/Backoff.ts"
import * as CircuitBreaker from "../circuit-breaker/CircuitBreaker.ts"
import type { Options } from "./options.ts"

/**
 * For calls over HTTP: 30 s in all, 3 attempts with growing, fully jittered waits, a circuit that opens at one failure in
 * ten of the last 30 s, and 10 s for one attempt. Used as `Policy.database` is in the example of `Policy.protect`.
 */
export const http = {
  timeout: "30 seconds",
  retry: { attempts: 3, backoff: Backoff.exponential("500 millis", { jitter: "full", cap: "10 seconds" }) },
  circuitBreaker: {
    trip: CircuitBreaker.failureRate({ threshold: 0.1, window: { time: "30 seconds" }, minimumCalls: 100 }),
    openFor: "5 seconds"
  },
  attemptTimeout: "10 seconds"
} as const satisfies Options

/**
 * For a database that is near: 5 s in all, 3 attempts after short waits, a circuit that opens at 5 failures in a row, and
 * 2 s for one attempt. The example of `Policy.protect` shows it.
 */
export const database = {
  timeout: "5 seconds",
  retry: { attempts: 3, backoff: Backoff.exponential("20 millis", { jitter: "full", cap: "500 millis" }) },
  circuitBreaker: { trip: CircuitBreaker.consecutive(5), openFor: "10 seconds" },
  attemptTimeout: "2 seconds"
} as const satisfies Options
