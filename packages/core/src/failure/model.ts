import type { Cause, Duration } from "effect"
import type { Declared } from "./declaration.ts"

/** The key under which an instance carries its declaration. */
export const TypeId: TypeId = "~@holdfast/core/Failure"
export type TypeId = "~@holdfast/core/Failure"

/** The key under which a layered failure finds its innermost one; any other failure finds itself. */
export const LeafId: LeafId = "~@holdfast/core/Failure/leaf"
export type LeafId = "~@holdfast/core/Failure/leaf"

/** Any declared failure, whatever its fields. */
export interface Any extends Cause.YieldableError {
  readonly _tag: string
  readonly detail?: string
  readonly retryAfter?: Duration.Duration
  readonly position?: string
  readonly [TypeId]: Declared
  readonly [LeafId]: Any
}

/** Whether a value is an instance of a declared failure. Total: a revoked proxy is none. */
export const isFailure = (u: unknown): u is Any => {
  if ((typeof u !== "object" && typeof u !== "function") || u === null) return false
  try {
    return TypeId in u
  } catch {
    return false
  }
}

/** The failure that was declared: itself, or the innermost one of a layered failure. */
export const leafOf = (failure: Any): Any => failure[LeafId]
