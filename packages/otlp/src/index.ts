export * as Spool from "./spool/Spool.ts"
