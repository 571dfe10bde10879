import type { Failure } from "@holdfast/core"

/** The code that `RemoteFailure` is declared with. Its instances speak with the code they were sent with. */
export const remoteCode = "sys.remote_failure"

/** Whether a failure is what another program reported, as that program described it. */
export const isRemote = (failure: Failure.Any): boolean => {
  const { declared } = failure.constructor as { readonly declared?: Partial<Failure.Declared> }
  return declared?.code === remoteCode
}

/**
 * Whether another program's code may be used here. What becomes a label of metrics has to look like one; the syntax of a
 * declared code is narrower, and of no concern to whoever only passes it on.
 */
export const isLabel = (code: string): boolean => code.length <= 256 && /^[\w.-]+$/.test(code)
