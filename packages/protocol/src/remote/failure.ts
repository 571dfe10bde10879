import { Audience, Category, Failure, Visibility } from "@holdfast/core"
import { ErrorReporter, Schema } from "effect"
import { ExposureDecision, Undeclared } from "../exposure/decision.ts"
import { CarriedFailure } from "../snapshot/carried.ts"
import { remoteCode } from "../snapshot/remote.ts"
import * as ErrorSnapshot from "../snapshot/schema.ts"
import { Violation } from "../snapshot/violations.ts"
import { ProblemMembers } from "./members.ts"

/** What the other side said. */
export interface Props extends Failure.Extras {
  /** Its stable code. */
  readonly code: string
  readonly category: Category
  /** Its summary. */
  readonly reason: string
  /** The HTTP status it gave, or `null`. */
  readonly status: number | null
  readonly visibility: Visibility
  readonly hints: ReadonlyArray<string>
  /** For whom the hints were written, where that is not everybody. Default: `client`. */
  readonly audience?: Audience
  /** Whether it said that the same request may succeed when it is sent again. */
  readonly retryable: boolean
  /** What it was doing, where the format says it. */
  readonly path?: string
  /** What its operations say for machines, where the format says it. */
  readonly metadata?: ErrorSnapshot.Metadata
  /** What is wrong with the request, where the format says it. */
  readonly violations?: ReadonlyArray<Violation>
  /** All that it decided about its exposure, where the format says it. */
  readonly decision?: ExposureDecision
  /** How it came about, where the format says that it was no declared failure. */
  readonly origin?: Undeclared
  /** What a problem says of itself, members that nobody here knows included. It stays here: nothing shows it to callers. */
  readonly problem?: ProblemMembers
  /** Its own fields, where they came along and nobody has rebuilt its class from them yet. */
  readonly failure?: CarriedFailure
}

/**
 * A failure that another program reported. Policies, telemetry and projections see the remote code, category and
 * retryability as if the failure had been declared here.
 *
 * @example
 * ```ts
 * import { Identity, Reasons } from "@holdfast/core"
 * import { Projection, RemoteFailure } from "@holdfast/protocol"
 * import { Effect } from "effect"
 *
 * const body = Projection.stringify(Projection.toRpc(new Reasons.NotFound({ detail: "order 7" })))
 * const failure = Effect.runSync(RemoteFailure.decodeRpc(body))
 * Identity.of(failure).code // => "biz.not_found"
 * ```
 */
export class RemoteFailure extends Failure.Tagged<RemoteFailure>()(
  "RemoteFailure",
  {
    code: Schema.String,
    category: Category,
    reason: Schema.String,
    status: Schema.NullOr(Schema.Int),
    visibility: Visibility,
    hints: Schema.Array(Schema.String),
    audience: Schema.optionalKey(Audience),
    retryable: Schema.Boolean,
    path: Schema.optionalKey(Schema.String),
    metadata: Schema.optionalKey(ErrorSnapshot.Metadata),
    violations: Schema.optionalKey(Schema.Array(Violation)),
    decision: Schema.optionalKey(ExposureDecision),
    origin: Schema.optionalKey(Undeclared),
    problem: Schema.optionalKey(ProblemMembers),
    failure: Schema.optionalKey(CarriedFailure)
  },
  { code: remoteCode }
) {
  constructor(props: Props, options?: Schema.MakeOptions) {
    super(props, options)
    const { audience = "client", category, code, decision, detail, hints, reason, retryable, status, visibility } = this
    const { developer = [], operator = [], partner = [] } = decision?.audience_hints ?? {}
    const retry = retryable ? "transient" : "never"
    const severity = decision?.severity ?? (category === "biz" ? "Info" : retryable ? "Warn" : "Error")
    const http = status !== null && status >= 400 && status <= 599 ? status : undefined
    // The class was declared with a code of its own; each instance speaks with the code it was sent with.
    Object.defineProperties(this, {
      [Failure.TypeId]: {
        value: {
          ...RemoteFailure.declared,
          code,
          category,
          reason,
          retry,
          severity,
          visibility,
          health: category === "biz" ? "success" : category === "conf" ? "ignored" : "failure",
          http,
          grpc: decision?.grpc_code,
          // What was written for one audience over there is for the same one here.
          hints: { client: [], partner, operator, developer, [audience]: hints }
        }
      },
      message: { value: detail === undefined ? reason : `${reason}: ${detail}` },
      [ErrorReporter.severity]: { value: severity },
      [ErrorReporter.attributes]: {
        value: { "error.type": code, "error.category": category, "error.retry": retry }
      }
    })
  }
}
