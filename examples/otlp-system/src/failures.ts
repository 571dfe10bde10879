/** What can go wrong in this program beside what its parts already declare. */
import { Failure } from "@holdfast/core"
import { Schema } from "effect"

const path = { path: Schema.String }
const place = { path: Schema.String, line: Schema.Int }

export class InputMissing extends Failure.Tagged<InputMissing>()("InputMissing", path, {
  code: "biz.input.missing",
  reason: "input file not found",
  detail: ({ path }) => `there is no file ${path}`,
  hints: { client: ["check the name, or leave it out to send the sample files"] }
}) {}

export class InputUnreadable extends Failure.Tagged<InputUnreadable>()("InputUnreadable", path, {
  code: "sys.input.unreadable",
  reason: "input file not readable",
  detail: ({ path }) => `${path} cannot be read`,
  hints: { client: ["check that it is a file and that this user may read it"] }
}) {}

export class InputTruncated extends Failure.Tagged<InputTruncated>()("InputTruncated", place, {
  code: "biz.input.truncated",
  reason: "input file ends too early",
  detail: ({ line, path }) => `${path}:${line}: the JSON stops in the middle`,
  hints: { client: ["write the file again; what came before this line was taken care of"] }
}) {}

export class InputMalformed extends Failure.Tagged<InputMalformed>()("InputMalformed", place, {
  code: "biz.input.malformed",
  reason: "input file is not JSON",
  detail: ({ line, path }) => `${path}:${line}: this is not JSON`,
  hints: { client: ["give OTLP/JSON trace files: one document, or one a line"] }
}) {}

export class InputForeign extends Failure.Tagged<InputForeign>()(
  "InputForeign",
  { ...place, expected: Schema.String },
  {
    code: "biz.input.foreign",
    reason: "input file holds no OTLP traces",
    detail: ({ expected, line, path }) => `${path}:${line}: ${expected}`,
    hints: { client: ["give OTLP/JSON trace files, as an OpenTelemetry exporter or collector writes them"] }
  }
) {}

/** Any failure of the input. */
export type InputFailure = InputMissing | InputUnreadable | InputTruncated | InputMalformed | InputForeign

/** The collector stayed away longer than the program was told to wait. Nothing is lost: the spool has it. */
export class StillSpooled extends Failure.Tagged<StillSpooled>()(
  "StillSpooled",
  { spans: Schema.Int, directory: Schema.String },
  {
    code: "sys.delivery.deferred",
    reason: "delivery deferred",
    detail: ({ directory, spans }) => `${spans} spans wait in ${directory} because the collector takes none`,
    retry: "transient",
    hints: { client: ["run the same command again when the collector is back"] }
  }
) {}
