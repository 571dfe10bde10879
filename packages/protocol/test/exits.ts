import { Audience, Report } from "@holdfast/core"
import { ErrorSnapshot, Projection, RemoteFailure } from "@holdfast/protocol"

type Exit = (snapshot: ErrorSnapshot.ErrorSnapshot, options: Projection.Options) => string

const json =
  (project: (u: unknown, options: Projection.Options) => object): Exit =>
  (snapshot, options) =>
    Projection.stringify(project(snapshot, options))

/** What carries. Whoever else reads a failure reads the same with and without. */
export const carrying: Readonly<Record<string, Exit>> = {
  http: json(Projection.toHttp),
  problem: json(Projection.toProblem),
  rpc: json(Projection.toRpc),
  jsonRpc: json(Projection.toJsonRpc),
  graphQl: json(Projection.toGraphQl),
  message: json(Projection.toMessageHeaders),
  grpcMessage: (snapshot, options) => Projection.toGrpc(snapshot, options).trailers["grpc-message"],
  grpcDetails: (snapshot, options) =>
    Report.oneLine(new TextDecoder().decode(Projection.toGrpc(snapshot, { ...options, budget: 60_000 }).details))
}

const others: Readonly<Record<string, Exit>> = {
  cli: json(Projection.toCli),
  cliDetail: (snapshot, options) => Projection.toCli(snapshot, options).detail,
  log: json(Projection.toLog),
  debug: Projection.renderUserDebug,
  redacted: Projection.renderUserDebugRedacted,
  exit: (snapshot, options) => String(Projection.exitCode(snapshot, options))
}

/** Exits of several lines. */
export const isLong = (exit: string): boolean => /^(?:cliDetail|debug|redacted)\b/.test(exit)

const every = (
  exits: Readonly<Record<string, Exit>>,
  snapshot: ErrorSnapshot.ErrorSnapshot,
  options: Projection.Options
): ReadonlyArray<readonly [string, string]> =>
  Audience.literals.flatMap((audience) =>
    Object.entries(exits).map(
      ([name, exit]) =>
        [`${name} for ${audience}, carry ${options.carry}`, exit(snapshot, { ...options, audience })] as const
    )
  )

/** Every way in which a failure leaves, for every audience, with everything that may go along, as text. */
export const exits = (error: unknown, options: ErrorSnapshot.Options = {}): Readonly<Record<string, string>> => {
  const plain = ErrorSnapshot.of(error, options)
  const told = (["public", "all"] as const).flatMap((carry) => {
    const snapshot = ErrorSnapshot.of(error, { ...options, carry })
    return [
      [`snapshot, carry ${carry}`, Projection.stringify(snapshot)] as const,
      ...every(carrying, snapshot, { ...options, carry })
    ]
  })
  return Object.fromEntries([
    ["snapshot", Projection.stringify(plain)],
    ["of the error itself", Projection.stringify(Projection.toRpc(error, options))],
    ...every({ ...carrying, ...others }, plain, options),
    ...told
  ])
}

/** What each decoder reads. */
export const written: Readonly<Record<string, (error: unknown, options?: Projection.Options) => unknown>> = {
  http: (u, o) => Projection.stringify(Projection.toHttp(u, o)),
  problem: (u, o) => Projection.stringify(Projection.toProblem(u, o)),
  rpc: (u, o) => Projection.stringify(Projection.toRpc(u, o)),
  jsonRpc: (u, o) => Projection.stringify(Projection.toJsonRpc(u, o)),
  graphQl: (u, o) => Projection.stringify(Projection.toGraphQl(u, o)),
  message: (u, o) => Projection.toMessageHeaders(u, o),
  log: (u, o) => Projection.stringify(Projection.toLog(u, o)),
  snapshot: (u, o) => Projection.stringify(ErrorSnapshot.of(u, o)),
  grpc: (u, o) => Projection.toGrpc(u, o).trailers["grpc-status-details-bin"]
}

/** Every way back. */
export const decoders: Readonly<Record<string, RemoteFailure.Decoder>> = {
  http: RemoteFailure.decodeHttp,
  problem: RemoteFailure.decodeProblem,
  rpc: RemoteFailure.decodeRpc,
  jsonRpc: RemoteFailure.decodeJsonRpc,
  graphQl: RemoteFailure.decodeGraphQl,
  message: RemoteFailure.decodeMessageHeaders,
  log: RemoteFailure.decodeLog,
  snapshot: RemoteFailure.decodeSnapshot,
  grpc: RemoteFailure.decodeGrpc
}
