import { read } from "../identity/reading.ts"
import type { Identity } from "../identity/Identity.ts"
import type { MetadataValue, OperationContext } from "../operation/Operation.ts"
import type { Frame } from "./frames.ts"

/** The model that every renderer and projection reads. */
export interface Report {
  readonly identity: Identity
  /** What the program was doing, innermost operation first. */
  readonly contexts: ReadonlyArray<OperationContext>
  /** What all contexts say for machines; the innermost wins. */
  readonly metadata: Readonly<Record<string, MetadataValue>>
  /** What went wrong underneath, nearest first, root cause last. */
  readonly frames: ReadonlyArray<Frame>
  /** The stack of the failure, without its first line, if it has one. */
  readonly stack: string | null
}

export const isReport = (u: unknown): u is Report =>
  Array.isArray(read(u, "contexts")) && Array.isArray(read(u, "frames")) && read(u, "identity") !== undefined
