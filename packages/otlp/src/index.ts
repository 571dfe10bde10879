export * as OtlpConfig from "./config/OtlpConfig.ts"
export * as OtlpError from "./OtlpError.ts"
export * as OtlpExporter from "./exporter/OtlpHttpExporter.ts"
export * as Spool from "./spool/Spool.ts"
