export * as OtlpError from "./OtlpError.ts"
export * as Spool from "./spool/Spool.ts"
