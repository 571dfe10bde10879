import { Failure, Operation, Reasons } from "@holdfast/core"
import { Effect } from "effect"

/** Raises a failure through operations, innermost first, and hands it back. */
export const raised = <E>(
  failure: E,
  ...operations: ReadonlyArray<(self: Effect.Effect<never, E>) => Effect.Effect<never, E>>
): E =>
  Effect.runSync(
    Effect.flip(
      operations.reduce((self, operation) => operation(self), Effect.fail(failure) as Effect.Effect<never, E>)
    )
  )

export class StorageUnavailable extends Failure.Tagged<StorageUnavailable>()(
  "StorageUnavailable",
  {},
  { code: "sys.storage_unavailable", reason: "storage temporarily unavailable" }
) {}

class IoError extends Error {}

/** Three structured layers over a foreign root cause. */
export const threeLayers = (): Reasons.SystemError => {
  const leaf = raised(
    new Reasons.ValidationError({ detail: "bad port", position: "cfg.rs:9", cause: new IoError("not a number") }),
    Operation.doing("parse route", { fields: { line: 12 }, metadata: { "config.kind": "sink_route" } })
  )
  const middle = raised(
    new Reasons.CoreConfigInvalid({ detail: "route file invalid", cause: leaf }),
    Operation.doing("load routes"),
    Operation.at("routes.toml")
  )
  return raised(
    new Reasons.SystemError({ detail: "engine bootstrap failed", cause: middle }),
    Operation.doing("start engine", { metadata: { "component.name": "engine" } })
  )
}

export const ioError = (message: string): Error => new IoError(message)
