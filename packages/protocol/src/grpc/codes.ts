import type { GrpcCode } from "@holdfast/core"
import { grpcOfStatus, table } from "../exposure/standard.ts"
import type { ErrorSnapshot } from "../snapshot/schema.ts"

/** The numbers of the canonical codes. */
export const numbers: Readonly<Record<GrpcCode, number>> = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16
}

/** The HTTP status that a canonical code stands for, where the other side said nothing better. */
export const statusOf: ReadonlyMap<number, number> = new Map([
  [1, 499],
  [2, 500],
  [3, 400],
  [4, 504],
  [5, 404],
  [6, 409],
  [7, 403],
  [8, 429],
  [9, 400],
  [10, 409],
  [11, 400],
  [12, 501],
  [13, 500],
  [14, 503],
  [15, 500],
  [16, 401]
])

/** Codes after which the same call may succeed. */
export const retryable: ReadonlySet<number> = new Set([4, 8, 10, 14])

/** The canonical code of a failure: the policy's, else the one of its code, else the one of its status. */
export const codeOf = ({ decision, identity }: ErrorSnapshot): GrpcCode => {
  if (decision.grpc_code !== undefined) return decision.grpc_code
  if (identity.category === "conf") return "INTERNAL"
  return table.get(identity.code)?.grpc ?? grpcOfStatus.get(decision.http_status) ?? "INTERNAL"
}
