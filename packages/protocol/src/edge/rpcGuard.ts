import { Reasons } from "@holdfast/core"
import { Cause, type Context, Effect, Layer, Predicate, Schema, SchemaIssue, SchemaTransformation } from "effect"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Projection from "../projection/Projection.ts"
import { reportOrLog } from "../reporting.ts"
import { provided, under } from "./provided.ts"

type Service = RpcSerialization.RpcSerialization["Service"]

type ExitSchema = Schema.Exit<Schema.Top, Schema.Top, Schema.Top>

/** Whether a schema is that of what a call ends with. */
export const isExit = (schema: Schema.Top): schema is Schema.Top & ExitSchema =>
  Predicate.hasProperty(schema, "value") &&
  Predicate.hasProperty(schema, "error") &&
  Predicate.hasProperty(schema, "defect") &&
  Schema.isSchema(schema.defect)

/** What a payload that does not decode is known by, in the place of a text that quotes it. */
const notDecoded = "the payload does not decode"

const said = (error: unknown): unknown => Projection.toRpc(error)

/** What does not fit. */
export const misfit = said(new Reasons.ValidationError())
const missing = said(new Reasons.Unimplemented())
const bug = said(new Reasons.LogicError())

/** A defect as one that is sent: what it stands for, and nothing of what it says. */
const silent = Schema.Defect().pipe(
  Schema.decodeTo(
    Schema.Unknown,
    SchemaTransformation.transform({
      decode: (defect: unknown) => defect,
      encode: (defect: unknown): unknown => (defect === notDecoded ? misfit : bug)
    })
  )
)

type Report = (error: unknown) => Effect.Effect<void>

/** What a call of a procedure that is not there ends with. A server has one of these, and only for that. */
const absent = (report: Report) =>
  Schema.Defect().pipe(
    Schema.decodeTo(
      Schema.Unknown,
      SchemaTransformation.transformEffect({
        decode: (defect: unknown) => Effect.succeed(defect),
        encode: (defect: unknown): Effect.Effect<unknown> =>
          Effect.as(report(new Reasons.Unimplemented({ detail: String(defect) })), missing)
      })
    )
  )

const guardedCodecs =
  (codecFor: RpcSerialization.CodecFor, report: Report): RpcSerialization.CodecFor =>
  (schema) => {
    const given: Schema.Top = schema
    if (given === Schema.Defect()) return codecFor(silent) as never
    if (isExit(given)) {
      if (given.defect !== Schema.Defect()) return codecFor(schema)
      const isAbsent = given.value === Schema.Never && given.error === Schema.Never
      return codecFor(Schema.Exit(given.value, given.error, isAbsent ? absent(report) : silent)) as never
    }
    // What arrives in a stream is not for the server to read.
    if (Predicate.hasProperty(given, "value") && Schema.isSchema(given.value)) return codecFor(schema)
    return codecFor(schema).pipe(
      Schema.catchDecoding((issue) =>
        Effect.andThen(
          report(new Reasons.ValidationError({ detail: notDecoded, cause: new Schema.SchemaError(issue) })),
          Effect.fail(new SchemaIssue.InvalidValue({ message: notDecoded }))
        )
      )
    ) as never
  }

/** A serialization that sends nothing of a defect's text, for a layer in this context. */
export const guard = (serialization: Service, layer: Context.Context<never>): Service =>
  RpcSerialization.RpcSerialization.of({
    ...serialization,
    codecFor: guardedCodecs(serialization.codecFor, (error) => under(layer)(reportOrLog(Cause.fail(error))))
  })

/**
 * A serialization for a server whose calls end without a text where `RpcEdge.layer` is not asked: a payload that does not decode,
 * a procedure that is not there, an answer that cannot be encoded. They leave with the code of `Reasons.ValidationError`,
 * `Reasons.Unimplemented` and `Reasons.LogicError`, whatever the `ExposurePolicy` says; the first two are reported, the server reports the third itself. A procedure
 * with a schema for defects of its own (`defect`) keeps it. `layerJsonRpc` and `layerNdJsonRpc` are guarded already.
 *
 * @example
 * ```ts
 * import { RpcEdge } from "@holdfast/protocol/rpc"
 * import { Effect } from "effect"
 * import { RpcSerialization } from "effect/rpc"
 *
 * const layer = RpcEdge.guarded(RpcSerialization.layerJson)
 * const serialization = Effect.runSync(RpcSerialization.RpcSerialization.pipe(Effect.provide(layer)))
 * serialization.contentType // => "application/json"
 * ```
 */
export const guarded = <E, R>(
  serialization: Layer.Layer<RpcSerialization.RpcSerialization, E, R>
): Layer.Layer<RpcSerialization.RpcSerialization, E, R> =>
  Layer.effect(
    RpcSerialization.RpcSerialization,
    Effect.gen(function* () {
      return guard(yield* RpcSerialization.RpcSerialization, yield* provided)
    })
  ).pipe(Layer.provide(serialization))
