import { Category, Visibility } from "@holdfast/core"
import { Schema } from "effect"
import { CarriedFailure } from "../snapshot/carried.ts"
import { Context, Metadata, SourceFrame } from "../snapshot/schema.ts"

const hints = Schema.Array(Schema.String)

/** What an HTTP caller reads. */
export const HttpProjection = Schema.Struct({
  status: Schema.Int,
  code: Schema.String,
  category: Category,
  message: Schema.String,
  visibility: Visibility,
  hints
})
export type HttpProjection = typeof HttpProjection.Type

/** What somebody at a terminal reads. */
export const CliProjection = Schema.Struct({
  code: Schema.String,
  category: Category,
  summary: Schema.String,
  detail: Schema.String,
  visibility: Visibility,
  hints
})
export type CliProjection = typeof CliProjection.Type

/** What goes into the structured log. */
export const LogProjection = Schema.Struct({
  code: Schema.String,
  category: Category,
  reason: Schema.String,
  detail: Schema.NullOr(Schema.String),
  operation: Schema.NullOr(Schema.String),
  path: Schema.NullOr(Schema.String),
  visibility: Visibility,
  hints,
  root_metadata: Metadata,
  context: Schema.Array(Context),
  source_frames: Schema.Array(SourceFrame)
})
export type LogProjection = typeof LogProjection.Type

/** What another program reads. */
export const RpcProjection = Schema.Struct({
  status: Schema.Int,
  code: Schema.String,
  category: Category,
  reason: Schema.String,
  detail: Schema.NullOr(Schema.String),
  visibility: Visibility,
  hints,
  retryable: Schema.Boolean,
  /** The failure's own fields, if they were asked for. */
  failure: Schema.optionalKey(CarriedFailure)
})
export type RpcProjection = typeof RpcProjection.Type
