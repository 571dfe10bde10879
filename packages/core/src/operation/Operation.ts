/**
 * What the program was doing when it failed.
 *
 * Wrap an effect in `Operation.doing("place order")`. Nothing happens while it succeeds. When it fails, what the fiber was
 * doing, from the innermost operation to the outermost, is attached to the failure once, at the innermost boundary. The
 * failure's type stays as it is. Retry, catch and re-fail, `mapError`, forked children and parallel effects keep it; an
 * error instance that is raised in several calls never shows one call what another was doing.
 */
import { Cause, Context, Effect } from "effect"
import { dual } from "effect/Function"
import { type Details, make, type OperationContext } from "./context.ts"

export {
  inOrder,
  joinPath,
  metadataOf,
  pathOf,
  splitPath,
  type Details,
  type MetadataValue,
  type OperationContext
} from "./context.ts"

/** Details given as a function are made only if the operation fails. */
export type LazyDetails = Details | (() => Details)

/** One evaluation of one boundary. Its identity tells one call from another; its parents are the calls around it. */
class Frame {
  readonly make: () => OperationContext
  readonly parent: Frame | undefined
  readonly fiber: number
  readonly depth: number
  /** The outermost frame that is known to be around this one; a failure on its way out asks for one after the other. */
  around: Frame | undefined = undefined

  constructor(make: () => OperationContext, parent: Frame | undefined, fiber: number) {
    this.make = make
    this.parent = parent
    this.fiber = fiber
    this.depth = parent === undefined ? 0 : parent.depth + 1
  }
}

const isInside = (inner: Frame, outer: Frame): boolean => {
  const known = inner.around
  let frame: Frame | undefined = known !== undefined && known.depth >= outer.depth ? known : inner
  while (frame !== undefined && frame.depth > outer.depth) frame = frame.parent
  if (frame !== outer) return false
  inner.around = outer
  return true
}

const Current: Context.Reference<Frame | undefined> = Context.Reference("@holdfast/core/Operation/Current", {
  defaultValue: (): Frame | undefined => undefined
})

/** The annotation under which a `Cause` carries the innermost frame of a failure. */
class Attached extends Context.Service<Attached, Frame>()("@holdfast/core/Operation/Attached") {}

/**
 * The frames of an error by its identity, for readers that hold the error and not its cause. An instance raised in
 * unrelated calls belongs to none of them.
 */
const byError = new WeakMap<object, Frame | "shared">()

/** How many wrappers are looked through for an error that has left a boundary before. */
const deepest = 8

const rootOf = (frame: Frame): Frame => {
  let root = frame
  while (root.parent !== undefined) root = root.parent
  return root
}

const note = (error: unknown, frame: Frame): void => {
  if (typeof error !== "object" || error === null) return
  const known = byError.get(error)
  if (known === "shared" || known === frame) return
  const sameCall = known === undefined || known.fiber === frame.fiber || rootOf(known) === rootOf(frame)
  byError.set(error, sameCall ? frame : "shared")
}

/**
 * The frame with which an error, or what it wraps as its cause, left a boundary inside of this one before it was caught and
 * failed again. Only objects can be told from each other; a text that fails again begins anew.
 */
const passedThrough = (boundary: Frame, error: unknown): Frame | undefined => {
  let candidate: unknown = error
  for (let depth = 0; depth < deepest; depth++) {
    if (typeof candidate !== "object" || candidate === null) return undefined
    const frame = byError.get(candidate)
    if (frame !== undefined && frame !== "shared" && isInside(frame, boundary)) return frame
    try {
      candidate = (candidate as { readonly cause?: unknown }).cause
    } catch {
      return undefined
    }
  }
  return undefined
}

const attach = <E>(cause: Cause.Cause<E>, boundary: Frame): Cause.Cause<E> => {
  // What the details say is what they say now, and not when somebody reads them.
  boundary.make()
  let changed = false
  const reasons = cause.reasons.map((reason) => {
    if (Cause.isInterruptReason(reason)) return reason
    const error: unknown = Cause.isFailReason(reason) ? reason.error : reason.defect
    const attached = reason.annotations.get(Attached.key) as Frame | undefined
    const kept = attached !== undefined && isInside(attached, boundary) ? attached : undefined
    const frame = kept ?? passedThrough(boundary, error) ?? boundary
    note(error, frame)
    if (kept !== undefined) return reason
    changed = true
    return reason.annotate(Context.make(Attached, frame) as Context.Context<never>, { overwrite: true })
  })
  return changed ? Cause.fromReasons(reasons) : cause
}

/** @internal */
export const boundary = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  context: () => OperationContext
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const frame = new Frame(context, fiber.getRef(Current), fiber.id)
    return Effect.catchCause(Effect.provideService(self, Current, frame), (cause) =>
      Effect.failCause(attach(cause, frame))
    )
  })

const resolve = (details: LazyDetails | undefined): Details | undefined =>
  typeof details === "function" ? details() : details

/** A lazy context must not replace the failure it describes: one that throws describes nothing. */
const safely = (describe: () => OperationContext): (() => OperationContext) => {
  let made: OperationContext | undefined
  return () => {
    if (made === undefined) {
      try {
        made = describe()
      } catch {
        made = make(null, undefined, false)
      }
    }
    return made
  }
}

/**
 * Names what an effect does. The action is the first segment of the failure's path, `at` the second; `fields` are shown
 * to people, `metadata` goes to machines. Give the details as a function when making them costs something: it is called
 * only if the effect fails.
 *
 * @example
 * ```ts
 * import { Identity, Operation, Reasons } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = new Reasons.SystemError({ detail: "disk offline" }).pipe(
 *   Operation.doing("write ledger", { at: "orders.db", fields: { sku: "A-1" } }),
 *   Operation.doing("place order")
 * )
 * const failure = Effect.runSync(Effect.flip(program))
 * Identity.of(failure).path // => "place order / write ledger / orders.db"
 * ```
 */
export const doing: {
  (action: string, details?: LazyDetails): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, action: string, details?: LazyDetails): Effect.Effect<A, E, R>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(self: Effect.Effect<A, E, R>, action: string, details?: LazyDetails): Effect.Effect<A, E, R> =>
    boundary(
      self,
      safely(() => make(action, resolve(details), false))
    )
)

/** Names the thing an effect works on, without an action of its own: it locates the operation around it. */
export const at: {
  (locator: string, details?: Omit<Details, "at">): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, locator: string, details?: Omit<Details, "at">): Effect.Effect<A, E, R>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(self: Effect.Effect<A, E, R>, locator: string, details?: Omit<Details, "at">): Effect.Effect<A, E, R> =>
    boundary(
      self,
      safely(() => make(null, { ...details, at: locator }, false))
    )
)

/** Adds fields and metadata to whatever the program is doing, without a path segment. */
export const annotate: {
  (details: LazyDetails): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, details: LazyDetails): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, details: LazyDetails): Effect.Effect<A, E, R> =>
  boundary(
    self,
    safely(() => make(null, resolve(details), false))
  )
)

/** @internal */
export const sentence = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  text: string | (() => string)
): Effect.Effect<A, E, R> =>
  boundary(
    self,
    safely(() => make(typeof text === "function" ? text() : text, undefined, true))
  )

const contextsOf = (frame: Frame | undefined): ReadonlyArray<OperationContext> => {
  const contexts: Array<OperationContext> = []
  for (; frame !== undefined; frame = frame.parent) contexts.push(frame.make())
  return contexts
}

/** What the program was doing when this reason of a `Cause` came about, innermost first. */
export const ofReason = (reason: Cause.Reason<unknown>): ReadonlyArray<OperationContext> => {
  if (Cause.isInterruptReason(reason)) return []
  const attached = reason.annotations.get(Attached.key) as Frame | undefined
  return attached === undefined
    ? ofError(Cause.isFailReason(reason) ? reason.error : reason.defect)
    : contextsOf(attached)
}

/**
 * What the program was doing when this error was raised, innermost first; empty if nobody said, or if the instance was
 * raised in several unrelated calls (its `Cause` still knows: see {@link ofReason}).
 */
export const ofError = (error: unknown): ReadonlyArray<OperationContext> => {
  const known = typeof error === "object" && error !== null ? byError.get(error) : undefined
  return known === undefined || known === "shared" ? [] : contextsOf(known)
}

/** What the current fiber is doing, innermost first. */
export const current: Effect.Effect<ReadonlyArray<OperationContext>> = Effect.withFiber((fiber) =>
  Effect.succeed(contextsOf(fiber.getRef(Current)))
)
