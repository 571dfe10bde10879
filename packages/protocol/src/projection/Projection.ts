/**
 * How a failure looks from outside: one shape for each kind of reader. Every projection takes a snapshot, or any error or
 * `Cause`, from which it makes one. None of them throws; all keys are always there, in the declared order. What each says goes
 * by its `audience`.
 */
import { Report } from "@holdfast/core"
import { carriedFor, readerOf } from "./carry.ts"
import { hintsFor, messageFor, type Options, seenBy, snapshotOf } from "./input.ts"
import { reportOf } from "../snapshot/redact.ts"
import { rpcOf } from "./rpc.ts"
import type { CliProjection, HttpProjection, LogProjection, RpcProjection } from "./schema.ts"

export { type GrpcOptions, type GrpcStatus, toGrpc } from "../grpc/encode.ts"
export type { Options } from "./input.ts"
export { exitCode, Exit, type ExitTable } from "./exitCode.ts"
export {
  CliProjection,
  GraphQlError,
  HttpProjection,
  JsonRpcError,
  LogProjection,
  MessageHeaders,
  PeerProjection,
  ProblemProjection,
  RpcProjection
} from "./schema.ts"
export { toGraphQl, toJsonRpc, toMessageHeaders } from "./peers.ts"
export { toProblem, type ProblemOptions } from "./problem.ts"
export { stringify } from "./stringify.ts"
export { renderUserDebug, renderUserDebugRedacted } from "./userDebug.ts"

/**
 * What an HTTP caller reads. A public failure shows its detail, else its reason; an internal one its title only.
 *
 * - `audience`: who reads it. Default: `client`. `carry`: what goes along as `failure`. Default: nothing.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * Projection.toHttp(new Reasons.SystemError({ detail: "disk /dev/sda1 offline" })).message // => "system error"
 * ```
 */
export const toHttp = (input: unknown, options?: Options): HttpProjection => {
  const snapshot = snapshotOf(input, options)
  const audience = options?.audience ?? "client"
  const { decision, identity } = snapshot
  return {
    status: decision.http_status,
    code: identity.code,
    category: identity.category,
    message: messageFor(snapshot, audience),
    visibility: decision.visibility,
    hints: hintsFor(snapshot, audience),
    ...readerOf(audience),
    ...carriedFor(snapshot, options?.carry)
  }
}

/**
 * What somebody at a terminal reads: the compact text as summary, the verbose text as detail. Control characters are
 * escaped, so that no text can forge a line or colour one.
 *
 * - `audience`: who reads it. Default: `operator`. A `client` or `partner` reads nothing of operations and causes.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * Projection.toCli(new Reasons.SystemError({ detail: "disk offline" })).summary // => "system error: disk offline"
 * ```
 */
export const toCli = (input: unknown, options?: Options): CliProjection => {
  const audience = options?.audience ?? "operator"
  const snapshot = snapshotOf(input, options)
  const { decision, identity } = snapshot
  const report = reportOf(seenBy(snapshot, audience))
  return {
    code: identity.code,
    category: identity.category,
    summary: Report.compact(report),
    detail: Report.verbose(report),
    visibility: decision.visibility,
    hints: hintsFor(snapshot, audience)
  }
}

/**
 * What goes into the structured log: everything but the position, whatever its visibility. Contexts come innermost first,
 * causes nearest first. Write it with {@link stringify} to get exactly one line.
 *
 * - `audience`: who reads it. Default: `operator`. For a `client` or `partner` it says nothing of operations and causes. `carry`:
 *   what goes along as `failure`, so that whoever reads the log gets the failure back, its class included. Default: nothing.
 *
 * @example
 * ```ts
 * import { Operation, Reasons } from "@holdfast/core"
 * import { ErrorSnapshot, Projection } from "@holdfast/protocol"
 * import { Effect } from "effect"
 *
 * const program = Operation.doing(new Reasons.SystemError({ detail: "disk offline" }), "write ledger")
 * const entry = Effect.runSync(
 *   Effect.flip(Effect.sandbox(program)).pipe(Effect.flatMap(ErrorSnapshot.make), Effect.map(Projection.toLog))
 * )
 * entry.operation // => "write ledger"
 * ```
 */
export const toLog = (input: unknown, options?: Options): LogProjection => {
  const audience = options?.audience ?? "operator"
  const whole = snapshotOf(input, options)
  const snapshot = seenBy(whole, audience)
  const { decision, identity, operation, report, root_metadata, source_frames } = snapshot
  return {
    code: identity.code,
    category: identity.category,
    reason: identity.reason,
    detail: identity.detail,
    operation,
    path: identity.path,
    visibility: decision.visibility,
    hints: hintsFor(snapshot, audience),
    root_metadata,
    context: report.context,
    source_frames,
    ...carriedFor(whole, options?.carry)
  }
}

/**
 * What another program reads. The detail is there only if it is public; `retryable` says whether to send it again.
 *
 * - `audience`: who reads it. Default: `client`. `carry`: what goes along as `failure`, so that the other side gets the
 *   failure back, its class included. Default: nothing.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { Projection } from "@holdfast/protocol"
 *
 * const { detail, retryable } = Projection.toRpc(new Reasons.Timeout({ detail: "inventory-7" }))
 * detail // => null
 * retryable // => true
 * ```
 */
export const toRpc = (input: unknown, options?: Options): RpcProjection =>
  rpcOf(snapshotOf(input, options), options?.carry, options?.audience ?? "client")
