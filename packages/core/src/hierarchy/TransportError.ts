/** What can go wrong between two programs before the other one has understood anything. */
import { Schema } from "effect"
import { GrpcCode } from "../classification.ts"
import * as Failure from "../failure/Failure.ts"

const hints = { operator: ["check network connectivity", "retry the request"] }

/** Nobody listens, or the name or the network leads nowhere. */
export class ConnectionRefused extends Failure.Tagged<ConnectionRefused>()(
  "ConnectionRefused",
  { endpoint: Schema.String },
  {
    code: "sys.connection_refused",
    detail: ({ endpoint }) => `${endpoint} refused the connection`,
    retry: "transient",
    http: 503,
    grpc: "UNAVAILABLE",
    hints
  }
) {}

/** No answer in the time one attempt has. */
export class ConnectionTimeout extends Failure.Tagged<ConnectionTimeout>()(
  "ConnectionTimeout",
  { endpoint: Schema.String, after: Schema.DurationFromMillis },
  {
    code: "sys.connection_timeout",
    detail: ({ endpoint }) => `${endpoint} did not answer in time`,
    retry: "transient",
    http: 504,
    grpc: "DEADLINE_EXCEEDED",
    hints: { operator: ["retry later", "inspect downstream service latency"] }
  }
) {}

/** The connection broke before the answer was complete: the other side may have done the work. */
export class ConnectionLost extends Failure.Tagged<ConnectionLost>()(
  "ConnectionLost",
  { endpoint: Schema.String },
  {
    code: "sys.connection_lost",
    detail: ({ endpoint }) => `${endpoint} closed the connection without an answer`,
    retry: "transient",
    http: 502,
    grpc: "UNAVAILABLE",
    hints
  }
) {}

/** The other side answered, and asks for a pause (429, 502, 503, 504 and their like). */
export class HttpUnavailable extends Failure.Tagged<HttpUnavailable>()(
  "HttpUnavailable",
  { endpoint: Schema.String, status: Schema.Int },
  {
    code: "sys.http_unavailable",
    detail: ({ endpoint, status }) => `${endpoint} answered ${status}`,
    retry: "throttled",
    http: 503,
    grpc: "UNAVAILABLE",
    hints
  }
) {}

/** The other side answered that it will never take this. */
export class HttpRejected extends Failure.Tagged<HttpRejected>()(
  "HttpRejected",
  { endpoint: Schema.String, status: Schema.Int },
  {
    health: "success",
    code: "sys.http_rejected",
    detail: ({ endpoint, status }) => `${endpoint} answered ${status}`,
    http: 502,
    grpc: "FAILED_PRECONDITION"
  }
) {}

/** A gRPC status that may pass. */
export class GrpcUnavailable extends Failure.Tagged<GrpcUnavailable>()(
  "GrpcUnavailable",
  { endpoint: Schema.String, status: GrpcCode },
  {
    code: "sys.grpc_unavailable",
    detail: ({ endpoint, status }) => `${endpoint} answered ${status}`,
    retry: "throttled",
    http: 503,
    grpc: "UNAVAILABLE",
    hints
  }
) {}

/** A gRPC status that stays. */
export class GrpcRejected extends Failure.Tagged<GrpcRejected>()(
  "GrpcRejected",
  { endpoint: Schema.String, status: GrpcCode },
  {
    health: "success",
    code: "sys.grpc_rejected",
    detail: ({ endpoint, status }) => `${endpoint} answered ${status}`,
    http: 502,
    grpc: "FAILED_PRECONDITION"
  }
) {}

/** The certificate or the handshake was refused. */
export class TlsError extends Failure.Tagged<TlsError>()(
  "TlsError",
  { endpoint: Schema.String },
  {
    code: "conf.tls_refused",
    detail: ({ endpoint }) => `no trusted connection to ${endpoint}`,
    hints: { operator: ["check the certificate and the trusted authorities"] }
  }
) {}

/** Any transport failure. */
export class TransportError extends Failure.Layered<TransportError>()("TransportError", [
  ConnectionRefused,
  ConnectionTimeout,
  ConnectionLost,
  HttpUnavailable,
  HttpRejected,
  GrpcUnavailable,
  GrpcRejected,
  TlsError
]) {}
