import type { ExposureDecision, Policy } from "./decision.ts"

const none: ReadonlyArray<string> = Object.freeze([])
const configuration = Object.freeze(["check configuration values", "validate config source"])

/** Hints by exact code. A code that only resembles one of these gets none. */
const hints: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["sys.io_error", Object.freeze(["check filesystem state", "verify file permissions"])],
  ["sys.network_error", Object.freeze(["check network connectivity", "retry the request"])],
  ["sys.timeout", Object.freeze(["retry later", "inspect downstream service latency"])],
  ["conf.core_invalid", configuration],
  ["conf.feature_invalid", configuration],
  ["conf.dynamic_invalid", configuration]
])

const retryable: ReadonlySet<string> = new Set(["sys.network_error", "sys.timeout"])

/**
 * The seed's policy. It looks at category and code and at nothing else, so what a failure declares about its status,
 * hints and retries has no say. The one thing the seed did not know is an error that nobody declared: its text was
 * written for nobody in particular, so it stays internal.
 */
export const contract: Policy = ({ identity: { category, code }, origin }): ExposureDecision => ({
  http_status: category === "biz" ? 400 : 500,
  visibility: category === "biz" && origin === "failure" ? "public" : "internal",
  default_hints: hints.get(code) ?? none,
  retryable: retryable.has(code)
})
