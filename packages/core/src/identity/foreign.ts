import { Cause, Predicate } from "effect"
import type { Classification } from "../failure/declaration.ts"
import * as Reasons from "../reasons/Reasons.ts"

/** Codes of Node's system errors, and what they mean to somebody who has to decide whether to try again. */
const nodeCodes: Readonly<Record<string, { readonly declared: Classification }>> = {
  ECONNREFUSED: Reasons.NetworkError,
  ECONNRESET: Reasons.NetworkError,
  ECONNABORTED: Reasons.NetworkError,
  EPIPE: Reasons.NetworkError,
  ENOTFOUND: Reasons.NetworkError,
  EAI_AGAIN: Reasons.NetworkError,
  EHOSTUNREACH: Reasons.NetworkError,
  ENETUNREACH: Reasons.NetworkError,
  EADDRINUSE: Reasons.SystemError,
  ETIMEDOUT: Reasons.Timeout,
  ESOCKETTIMEDOUT: Reasons.Timeout,
  UND_ERR_CONNECT_TIMEOUT: Reasons.Timeout,
  UND_ERR_HEADERS_TIMEOUT: Reasons.Timeout,
  UND_ERR_BODY_TIMEOUT: Reasons.Timeout,
  UND_ERR_SOCKET: Reasons.NetworkError,
  EMFILE: Reasons.ResourceExhausted,
  ENFILE: Reasons.ResourceExhausted,
  ENOMEM: Reasons.ResourceExhausted,
  ENOSPC: Reasons.ResourceExhausted,
  EDQUOT: Reasons.ResourceExhausted,
  ENOENT: Reasons.SystemError,
  EACCES: Reasons.SystemError,
  EPERM: Reasons.SystemError,
  EIO: Reasons.SystemError,
  EROFS: Reasons.SystemError,
  EEXIST: Reasons.SystemError,
  EISDIR: Reasons.SystemError,
  ENOTDIR: Reasons.SystemError,
  ABORT_ERR: Reasons.Cancelled
}

/** Effect's `PlatformError`, by the tag of its reason. */
const platformReasons: Readonly<Record<string, { readonly declared: Classification }>> = {
  TimedOut: Reasons.Timeout,
  InvalidData: Reasons.DataError,
  UnexpectedEof: Reasons.DataError,
  BadArgument: Reasons.LogicError
}

const httpClientReasons: Readonly<Record<string, { readonly declared: Classification }>> = {
  TransportError: Reasons.NetworkError,
  InvalidUrlError: Reasons.CoreConfigInvalid,
  EncodeError: Reasons.LogicError,
  DecodeError: Reasons.DataError,
  EmptyBodyError: Reasons.DataError
}

/** The reasons of the errors of Effect's sockets, workers and RPC clients. */
const linkReasons: Readonly<Record<string, { readonly declared: Classification }>> = {
  SocketReadError: Reasons.NetworkError,
  SocketWriteError: Reasons.NetworkError,
  SocketOpenError: Reasons.NetworkError,
  SocketUpgradeError: Reasons.NetworkError,
  SocketCloseError: Reasons.NetworkError,
  WorkerSpawnError: Reasons.SystemError,
  WorkerSendError: Reasons.SystemError,
  WorkerReceiveError: Reasons.SystemError,
  WorkerUnknownError: Reasons.SystemError,
  RpcClientDefect: Reasons.DataError
}

/** The reason of an `HttpClientError`, or what an RPC client has made of one, which says which it was in its `kind`. */
const httpClientReason = (reason: unknown, kind: unknown): Classification | undefined =>
  kind === "StatusCodeError"
    ? byStatus((reason as { readonly response?: { readonly status?: unknown } }).response?.status)
    : typeof kind === "string"
      ? httpClientReasons[kind]?.declared
      : undefined

const linkReason = (reason: unknown): Classification | undefined => {
  const tag = tagOf(reason)
  if (tag === "HttpError") {
    const { cause, kind } = reason as { readonly cause?: unknown; readonly kind?: unknown }
    return httpClientReason(cause ?? {}, kind)
  }
  if (tag === "SocketOpenError" && (reason as { readonly kind?: unknown }).kind === "Timeout") {
    return Reasons.Timeout.declared
  }
  return typeof tag === "string" ? linkReasons[tag]?.declared : undefined
}

/** What an HTTP status says of the failure behind it, where nothing else is known. */
export const byStatus = (status: unknown): Classification => {
  switch (status) {
    case 401:
      return Reasons.Unauthenticated.declared
    case 403:
      return Reasons.PermissionDenied.declared
    case 404:
      return Reasons.NotFound.declared
    case 408:
    case 504:
      return Reasons.Timeout.declared
    case 409:
      return Reasons.Conflict.declared
    case 412:
      return Reasons.PreconditionFailed.declared
    case 413:
      return Reasons.PayloadTooLarge.declared
    case 422:
      return Reasons.ValidationError.declared
    case 429:
      return Reasons.RateLimited.declared
    case 502:
    case 503:
      return Reasons.NetworkError.declared
    default:
      return Reasons.ExternalServiceError.declared
  }
}

const tagOf = (u: unknown): unknown => (Predicate.hasProperty(u, "_tag") ? u._tag : undefined)

/**
 * The built-in table for errors that nobody declared: Effect's own, Node's, the platform's. Reads tags, codes, names and
 * statuses only. `undefined` for what is in no table.
 */
export const classifyForeign = (error: unknown): Classification | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  if (Cause.isTimeoutError(error)) return Reasons.Timeout.declared
  if (Cause.isNoSuchElementError(error)) return Reasons.NotFound.declared
  if (Cause.isIllegalArgumentError(error)) return Reasons.LogicError.declared
  if (Cause.isExceededCapacityError(error)) return Reasons.ResourceExhausted.declared
  switch (tagOf(error)) {
    case "SchemaError":
      return Reasons.ValidationError.declared
    case "ConfigError":
      return Reasons.CoreConfigInvalid.declared
    case "PlatformError": {
      const reason = tagOf((error as { readonly reason?: unknown }).reason)
      return ((typeof reason === "string" ? platformReasons[reason] : undefined) ?? Reasons.SystemError).declared
    }
    case "HttpClientError": {
      const { reason } = error as { readonly reason?: unknown }
      return httpClientReason(reason, tagOf(reason))
    }
    case "RpcClientError":
    case "SocketError":
    case "WorkerError":
      return linkReason((error as { readonly reason?: unknown }).reason)
    case "SqlError": {
      const { isRetryable } = error as { readonly isRetryable?: unknown }
      return isRetryable === true ? Reasons.NetworkError.declared : Reasons.ExternalServiceError.declared
    }
  }
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  if (name === "AbortError") return Reasons.Cancelled.declared
  if (name === "TimeoutError") return Reasons.Timeout.declared
  if (typeof code === "string" && Object.hasOwn(nodeCodes, code)) return nodeCodes[code]!.declared
  return undefined
}
