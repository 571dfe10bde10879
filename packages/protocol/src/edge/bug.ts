import { Identity, Report } from "@holdfast/core"
import { Cause } from "effect"
import { look } from "../look.ts"
import type * as ErrorSnapshot from "../snapshot/ErrorSnapshot.ts"

/** What is a bug in what failed: all of it, or a defect that another failure speaks for. */
const bugIn = (error: unknown, category: string | undefined): unknown => {
  if (category === "logic") return error
  const defects = Identity.isCause(error) ? error.reasons.filter(Cause.isDieReason) : []
  return defects.length === 0 ? undefined : Cause.fromReasons(defects)
}

/** Where a bug is: whoever has to mend it needs the place, and no other failure has one to mend. */
export const stackOf = (
  error: unknown,
  category: string | undefined,
  options: ErrorSnapshot.Options
): string | undefined => {
  const bug = bugIn(error, category)
  return bug === undefined ? undefined : (look(() => Report.of(bug, options).stack, null) ?? undefined)
}
