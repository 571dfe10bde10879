import type { JsonSchema } from "effect"
import type { Category, GrpcCode, Retryability, Severity, Visibility } from "../classification.ts"
import type { Hints } from "../failure/declaration.ts"

/** One failure as the catalogue shows it. */
export interface Entry {
  readonly code: string
  readonly tag: string
  readonly category: Category
  readonly reason: string
  readonly retry: Retryability
  readonly severity: Severity
  readonly visibility: Visibility
  readonly http: number | null
  readonly grpc: GrpcCode | null
  readonly hints: Hints
  /** Fields whose values never leave. */
  readonly sensitive: ReadonlyArray<string>
  readonly deprecated: string | null
  readonly replaced_by: string | null
  /** JSON Schema (draft 2020-12) of the failure on the wire. */
  readonly schema: JsonSchema.JsonSchema
}

/** All entries, by code. */
export interface Catalog {
  readonly entries: ReadonlyArray<Entry>
}
