import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Identity, Report } from "@holdfast/core"
import { Projection } from "@holdfast/protocol"
import { Cause, Effect, Exit, Logger, type Runtime } from "effect"
import { CliError, Command } from "effect/cli"
import { command } from "./cli.ts"
import { printError } from "./screen.ts"
import * as Signals from "./signals.ts"

const isUsageError = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && CliError.isCliError(reason.error))

const exitTable = {
  "biz.input.*": Projection.Exit.DataError,
  "biz.input.missing": Projection.Exit.NoInput,
  "sys.input.unreadable": Projection.Exit.NoInput,
  "sys.spool_unavailable": Projection.Exit.IoError,
  "sys.spool_locked": Projection.Exit.TemporaryFailure,
  "sys.delivery.deferred": Projection.Exit.TemporaryFailure
}

/** The chain on standard error, unless the command line has already said what is wrong. */
const explain = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (isUsageError(cause)) return Effect.void
  const report = Report.fromCause(cause)
  const { client, operator } = Identity.primary(cause).classification.hints
  const hints = [...client, ...operator].map((hint) => `  Hint: ${hint}`)
  return printError([Report.chain(report), ...hints].join("\n"))
}

/** Exit codes by kind of failure, in the way of sysexits. An interruption passes by every handler, so it is told here. */
const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
    process.stderr.write("Interrupted. Run the same command again to go on.\n")
  }
  onExit(
    Exit.isSuccess(exit)
      ? 0
      : isUsageError(exit.cause)
        ? Projection.Exit.Usage
        : (Signals.exitCode() ?? Projection.exitCode(exit.cause, { exitTable }))
  )
}

Command.run(command, { version: "0.1.0" }).pipe(
  Effect.tapCause(explain),
  Effect.provide([NodeServices.layer, Logger.layer([])]),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown })
)
