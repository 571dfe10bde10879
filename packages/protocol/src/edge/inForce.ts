import { Context } from "effect"
import type { Named } from "../reporting.ts"
import type { Options } from "./told.ts"

/** The edge that a request is inside of, and the name that the request goes by. */
export interface Edge {
  readonly options: Options
  readonly correlation: string | undefined
  /** What has been reported of the request so far. */
  readonly named?: Named
}

/** The innermost edge. */
export const InForce: Context.Reference<Edge> = Context.Reference("@holdfast/protocol/edge/InForce", {
  defaultValue: (): Edge => ({ options: {}, correlation: undefined })
})
