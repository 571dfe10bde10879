import { Report } from "@holdfast/core"
import { ErrorSnapshot, Projection } from "@holdfast/protocol"

/** Every way in which a failure leaves, as text. */
export const exits = (error: unknown, options?: ErrorSnapshot.Options): Readonly<Record<string, string>> => {
  const snapshot = ErrorSnapshot.of(error, options)
  const everything = { ...options, carry: "all" } as const
  return {
    ...exitsOf(snapshot, options),
    grpcMessage: Projection.toGrpc(snapshot, options).trailers["grpc-message"],
    grpcDetails: oneLine(Projection.toGrpc(error, everything).details),
    carried: Projection.stringify(ErrorSnapshot.of(error, everything)),
    jsonRpc: Projection.stringify(Projection.toJsonRpc(error, everything)),
    graphQl: Projection.stringify(Projection.toGraphQl(error, everything)),
    carriedRpc: Projection.stringify(Projection.toRpc(error, everything)),
    carriedProblem: Projection.stringify(Projection.toProblem(error, everything))
  }
}

const exitsOf = (snapshot: ErrorSnapshot.ErrorSnapshot, options?: ErrorSnapshot.Options) => ({
  snapshot: Projection.stringify(snapshot),
  http: Projection.stringify(Projection.toHttp(snapshot, options)),
  problem: Projection.stringify(Projection.toProblem(snapshot, options)),
  rpc: Projection.stringify(Projection.toRpc(snapshot, options)),
  cli: Projection.stringify(Projection.toCli(snapshot, options)),
  cliDetail: Projection.toCli(snapshot, options).detail,
  log: Projection.stringify(Projection.toLog(snapshot, options)),
  debug: Projection.renderUserDebug(snapshot, options),
  redacted: Projection.renderUserDebugRedacted(snapshot, options),
  exit: String(Projection.exitCode(snapshot, options))
})

const oneLine = (bytes: Uint8Array): string => Report.oneLine(new TextDecoder().decode(bytes))
