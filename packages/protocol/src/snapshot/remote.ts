import type { Failure } from "@holdfast/core"

/** The code that `RemoteFailure` is declared with. Its instances speak with the code they were sent with. */
export const remoteCode = "sys.remote_failure"

/** Whether a failure is what another program reported, as that program described it. */
export const isRemote = (failure: Failure.Any): boolean => {
  const { declared } = failure.constructor as { readonly declared?: Partial<Failure.Declared> }
  return declared?.code === remoteCode
}
