/** What should not happen. It always carries what did, as its `cause`. */
import * as Failure from "../failure/Failure.ts"

/** A mistake in the program, or an error nobody foresaw; see its `cause`. */
export class InternalError extends Failure.Tagged<InternalError>()(
  "InternalError",
  {},
  { code: "logic.internal_error", grpc: "INTERNAL" }
) {}
