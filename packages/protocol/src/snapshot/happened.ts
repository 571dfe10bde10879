import { Cause, Context } from "effect"
import type { Occurrence } from "./schema.ts"

/** Goes with the cause of a failure that left through an edge: what the caller was told to ask for. */
class Happened extends Context.Service<Happened, Occurrence>()("@holdfast/protocol/edge/Happened") {}

/** When and where a failure left, if it has. */
export const occurrenceOf = (cause: Cause.Cause<unknown>): Occurrence | undefined =>
  Context.getOrUndefined(Cause.annotations(cause), Happened)

/** A cause that knows when and where it left. */
export const happened = (cause: Cause.Cause<unknown>, occurrence: Occurrence): Cause.Cause<unknown> =>
  Cause.annotate(cause, Context.make(Happened, occurrence) as Context.Context<never>, { overwrite: true })
