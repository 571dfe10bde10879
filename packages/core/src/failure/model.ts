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

const isDeclared = (u: unknown): u is Declared => {
  if (typeof u !== "object" || u === null) return false
  const { category, code, hints, reason, retry, sensitive } = u as Partial<Declared>
  return (
    typeof code === "string" &&
    typeof category === "string" &&
    typeof reason === "string" &&
    typeof retry === "string" &&
    typeof hints === "object" &&
    Array.isArray(sensitive)
  )
}

/**
 * Whether a value is an instance of a declared failure. Total: a revoked proxy is none, and neither is data that carries the
 * key of one. It looks at the shape, so that failures of another copy of this package are failures, too.
 */
export const isFailure = (u: unknown): u is Any => {
  try {
    if (!(u instanceof Error)) return false
    const { [LeafId]: leaf, [TypeId]: declared } = u as Partial<Any>
    return isDeclared(declared) && (leaf === u || (leaf instanceof Error && isDeclared(leaf[TypeId])))
  } catch {
    return false
  }
}

/** The failure that was declared: itself, or the innermost one of a layered failure. */
export const leafOf = (failure: Any): Any => failure[LeafId]
