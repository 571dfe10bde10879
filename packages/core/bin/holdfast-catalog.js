#!/usr/bin/env node
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Report } from "@holdfast/core"
import { command } from "@holdfast/core/catalog-command"
import { Cause, Effect, Exit } from "effect"
import { CliError, Command } from "effect/cli"

const isUsage = (cause) =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && CliError.isCliError(reason.error))

Command.run(command, { version: "0.1.0" }).pipe(
  Effect.tapCause((cause) =>
    isUsage(cause) || Cause.hasInterruptsOnly(cause)
      ? Effect.void
      : Effect.sync(() => process.stderr.write(`${Report.chain(Report.fromCause(cause))}\n`))
  ),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? 0 : isUsage(exit.cause) ? 64 : 1)
  })
)
