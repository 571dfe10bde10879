import { Audience, Category, Visibility } from "@holdfast/core"
import { Schema } from "effect"
import { CarriedFailure } from "../snapshot/carried.ts"
import { Context, Metadata, SourceFrame } from "../snapshot/schema.ts"
import { Violation } from "../snapshot/violations.ts"

const hints = Schema.Array(Schema.String)

const reader = {
  /** For whom it was written, if that is not everybody. */
  audience: Schema.optionalKey(Audience)
}

const carried = {
  /** What the format does not say, if it was asked for. */
  failure: Schema.optionalKey(CarriedFailure)
}

/** What an HTTP caller reads. */
export const HttpProjection = Schema.Struct({
  status: Schema.Int,
  code: Schema.String,
  category: Category,
  message: Schema.String,
  visibility: Visibility,
  hints,
  ...reader,
  ...carried
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
  source_frames: Schema.Array(SourceFrame),
  ...carried
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
  ...reader,
  ...carried
})
export type RpcProjection = typeof RpcProjection.Type

const more = {
  /** How long to wait before it is tried again. */
  retry_after_ms: Schema.optionalKey(Schema.Finite),
  /** What is wrong with the request, piece by piece. */
  violations: Schema.optionalKey(Schema.Array(Violation))
}

/** The RPC projection inside of other protocols' errors. */
export const PeerProjection = Schema.Struct({ ...RpcProjection.fields, ...more })
export type PeerProjection = typeof PeerProjection.Type

/** The `error` of a JSON-RPC 2.0 response. */
export const JsonRpcError = Schema.Struct({ code: Schema.Int, message: Schema.String, data: PeerProjection })
export type JsonRpcError = typeof JsonRpcError.Type

/** One of the `errors` of a GraphQL response. */
export const GraphQlError = Schema.Struct({ message: Schema.String, extensions: PeerProjection })
export type GraphQlError = typeof GraphQlError.Type

/** The headers of a message that could not be handled. Values are printable ASCII. */
export const MessageHeaders = Schema.Struct({
  /** The code: what a broker or a consumer can filter by. */
  "error-type": Schema.String,
  "error-category": Category,
  "error-retryable": Schema.Literals(["true", "false"]),
  /** How long to wait before it is tried again, in milliseconds. */
  "error-retry-after-ms": Schema.optionalKey(Schema.String),
  /** The RPC projection as JSON, for programs that read the whole failure. */
  "error-data": Schema.String
})
export type MessageHeaders = typeof MessageHeaders.Type

/** Problem details as this package writes them. Others' may have any other member, and lack any of these. */
export const ProblemProjection = Schema.Struct({
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.optionalKey(Schema.String),
  instance: Schema.optionalKey(Schema.String),
  code: Schema.String,
  category: Category,
  visibility: Visibility,
  retryable: Schema.Boolean,
  hints,
  ...more,
  trace_id: Schema.optionalKey(Schema.String),
  ...reader,
  ...carried
})
export type ProblemProjection = typeof ProblemProjection.Type
