/** What can go wrong when two programs talk and do not understand each other. None of it gets better by trying again. */
import { Schema } from "effect"
import * as Failure from "../failure/Failure.ts"

/** The other side does not take this encoding or compression. */
export class UnsupportedEncoding extends Failure.Tagged<UnsupportedEncoding>()(
  "UnsupportedEncoding",
  { encoding: Schema.String },
  {
    health: "success",
    code: "sys.unsupported_encoding",
    detail: ({ encoding }) => `${encoding} is not supported`,
    grpc: "UNIMPLEMENTED"
  }
) {}

/** The other side speaks another version. */
export class VersionMismatch extends Failure.Tagged<VersionMismatch>()(
  "VersionMismatch",
  { expected: Schema.String, actual: Schema.String },
  {
    health: "success",
    code: "sys.version_mismatch",
    detail: ({ actual, expected }) => `version ${actual} where ${expected} is needed`,
    grpc: "FAILED_PRECONDITION"
  }
) {}

/** The bytes are not what the protocol says they are. */
export class MalformedData extends Failure.Tagged<MalformedData>()(
  "MalformedData",
  { what: Schema.String },
  { code: "sys.malformed_data", detail: ({ what }) => `${what} is malformed`, grpc: "DATA_LOSS" }
) {}

/** The other side kept a part and refused the rest for good. */
export class PartialSuccess extends Failure.Tagged<PartialSuccess>()(
  "PartialSuccess",
  { rejected: Schema.Int },
  {
    health: "success",
    code: "sys.partial_success",
    detail: ({ rejected }) => `${rejected} records were rejected`,
    severity: "Warn"
  }
) {}

/** The request is larger than the other side takes. */
export class RequestTooLarge extends Failure.Tagged<RequestTooLarge>()(
  "RequestTooLarge",
  { size: Schema.Int, limit: Schema.optionalKey(Schema.Int) },
  {
    health: "success",
    code: "sys.request_too_large",
    detail: ({ limit, size }) =>
      limit === undefined ? `${size} bytes are too many` : `${size} bytes, ${limit} allowed`,
    http: 413,
    grpc: "OUT_OF_RANGE"
  }
) {}

/** The answer is larger than this side reads. */
export class ResponseTooLarge extends Failure.Tagged<ResponseTooLarge>()(
  "ResponseTooLarge",
  { limit: Schema.Int },
  { code: "sys.response_too_large", detail: ({ limit }) => `the response exceeds ${limit} bytes`, http: 502 }
) {}

/** Any protocol failure. */
export class ProtocolError extends Failure.Layered<ProtocolError>()("ProtocolError", [
  UnsupportedEncoding,
  VersionMismatch,
  MalformedData,
  PartialSuccess,
  RequestTooLarge,
  ResponseTooLarge
]) {}
