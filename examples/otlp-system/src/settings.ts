import type { OtlpConfig } from "@holdfast/otlp"

/** What the system needs to know of the configuration. */
export type OtlpSettings = Pick<OtlpConfig.OtlpConfig, "retry" | "breaker">
