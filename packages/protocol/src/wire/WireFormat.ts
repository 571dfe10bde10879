/**
 * The wire formats as documents for programs in other languages: JSON Schema, and components of an OpenAPI document.
 */
import { type JsonSchema, Schema } from "effect"
import {
  CliProjection,
  GraphQlError,
  HttpProjection,
  JsonRpcError,
  LogProjection,
  MessageHeaders,
  ProblemProjection,
  RpcProjection
} from "../projection/schema.ts"
import { ErrorSnapshot, schemaVersion } from "../snapshot/schema.ts"

/** The version of every format here. Members may be added without a new one; see the migration rule in `docs/wire-formats.md`. */
export const version = schemaVersion

const formats: Readonly<Record<string, Schema.Constraint>> = {
  CliProjection,
  ErrorSnapshot,
  GraphQlError,
  HttpProjection,
  JsonRpcError,
  LogProjection,
  MessageHeaders,
  ProblemProjection,
  RpcProjection
}

const definitions = (): Readonly<Record<string, JsonSchema.JsonSchema>> =>
  Object.fromEntries(
    Object.entries(formats).map(([name, schema]) => [
      name,
      { title: name, ...Schema.toJsonSchemaDocument(schema).schema }
    ])
  )

/**
 * All formats as one JSON Schema (draft 2020-12), each a definition under `$defs`.
 *
 * @example
 * ```ts
 * import { WireFormat } from "@holdfast/protocol"
 *
 * Object.keys(WireFormat.jsonSchema().$defs).includes("HttpProjection") // => true
 * ```
 */
export const jsonSchema = (): {
  readonly $schema: string
  readonly $id: string
  readonly $defs: Readonly<Record<string, JsonSchema.JsonSchema>>
} => ({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: `urn:holdfast:protocol:v${version}`,
  $defs: definitions()
})

const content = (name: string) => ({ schema: { $ref: `#/components/schemas/${name}` } })

/**
 * The formats that cross HTTP as `components` of an OpenAPI 3.1 document, with a response for every failure in both forms.
 *
 * @example
 * ```ts
 * import { WireFormat } from "@holdfast/protocol"
 *
 * Object.keys(WireFormat.openApiComponents().responses.Failure.headers) // => ["Retry-After", "X-Correlation-Id", "Content-Language"]
 * ```
 */
export const openApiComponents = () => {
  const { HttpProjection, ProblemProjection } = definitions()
  return {
    schemas: { HttpProjection, ProblemProjection },
    responses: {
      Failure: {
        description: "What went wrong, as far as the caller may know.",
        headers: {
          "Retry-After": { description: "Seconds until it makes sense to come back.", schema: { type: "integer" } },
          "X-Correlation-Id": { description: "Names the request on both sides.", schema: { type: "string" } },
          "Content-Language": { description: "The language of the title.", schema: { type: "string" } }
        },
        content: {
          "application/json": content("HttpProjection"),
          "application/problem+json": content("ProblemProjection")
        }
      }
    }
  }
}
