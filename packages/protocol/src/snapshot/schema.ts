import { Category, Identity } from "@holdfast/core"
import { Schema } from "effect"
import { ExposureDecision, Undeclared } from "../exposure/decision.ts"
import { CarriedFailure } from "./carried.ts"
import { Metadata } from "./metadata.ts"
import { Violation } from "./violations.ts"

export { Metadata } from "./metadata.ts"

/** One step of what the program was doing. */
export const Context = Schema.Struct({
  action: Schema.NullOr(Schema.String),
  locator: Schema.NullOr(Schema.String),
  path: Schema.Array(Schema.String),
  /** Pairs, because order and repetition matter. */
  fields: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
  metadata: Metadata
})
export type Context = typeof Context.Type

/** One link of what went wrong underneath. What there is nothing to say about is absent. */
export const SourceFrame = Schema.Struct({
  index: Schema.Int,
  message: Schema.String,
  code: Schema.optionalKey(Schema.String),
  category: Schema.optionalKey(Category),
  type: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  path: Schema.optionalKey(Schema.String),
  detail: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Metadata),
  is_root_cause: Schema.Boolean
})
export type SourceFrame = typeof SourceFrame.Type

/** The diagnostic part, as people read it. */
export const DiagnosticReport = Schema.Struct({
  reason: Schema.String,
  detail: Schema.NullOr(Schema.String),
  position: Schema.NullOr(Schema.String),
  /** Innermost first. */
  context: Schema.Array(Context)
})
export type DiagnosticReport = typeof DiagnosticReport.Type

/** When and where one failure happened. */
export const Occurrence = Schema.Struct({
  /** Names this one occurrence: 32 hexadecimal digits. */
  id: Schema.String,
  /** When, in UTC (ISO 8601). */
  time: Schema.String,
  /** The span it happened in, if any. */
  trace_id: Schema.optionalKey(Schema.String),
  span_id: Schema.optionalKey(Schema.String),
  /** Who had it. */
  service: Schema.optionalKey(Schema.String),
  /** Which attempt it was, from 1. */
  attempt: Schema.optionalKey(Schema.Int)
})
export type Occurrence = typeof Occurrence.Type

/** The version this package writes and reads. */
export const schemaVersion = 1

/** Everything that projections need to know about one failure, as one value that can be stored and sent. */
export const ErrorSnapshot = Schema.Struct({
  schema_version: Schema.Literal(schemaVersion),
  identity: Identity.Identity,
  decision: ExposureDecision,
  report: DiagnosticReport,
  /** The outermost action, or `null`. */
  operation: Schema.NullOr(Schema.String),
  /** The metadata of all contexts, the innermost winning; keys in order. */
  root_metadata: Metadata,
  source_frames: Schema.Array(SourceFrame),
  /** How it came about. Absent: it was declared and raised. */
  origin: Schema.optionalKey(Undeclared),
  /** The reason in the caller's language. Absent: nobody asked, or nobody translated it. */
  title: Schema.optionalKey(Schema.String),
  /** How long to wait before it is tried again. Absent: nobody said. */
  retry_after_ms: Schema.optionalKey(Schema.Finite),
  /** What is wrong with the request, piece by piece. Absent: nothing. */
  violations: Schema.optionalKey(Schema.Array(Violation)),
  /** The failure's own fields. Absent: nobody asked for them. */
  failure: Schema.optionalKey(CarriedFailure),
  /** When and where this happened. Absent: nobody asked. */
  occurrence: Schema.optionalKey(Occurrence)
})
export type ErrorSnapshot = typeof ErrorSnapshot.Type
