import { Cause, Effect } from "effect"
import type { Classify } from "../identity/Classifier.ts"
import { Classifier } from "../identity/Classifier.ts"
import * as Identity from "../identity/Identity.ts"
import { type MetadataValue, metadataOf, type OperationContext, ofReason } from "../operation/Operation.ts"
import * as Redaction from "../redaction/Redaction.ts"
import { areWhole, capped, cappedContexts, cappedFields, cappedMetadata } from "./caps.ts"
import { errorsUnder } from "./causes.ts"
import { type Frame, framesOf } from "./frames.ts"
import { isCause, read } from "../identity/reading.ts"
import type { Report } from "./model.ts"
import {
  redactContext,
  redactFrame,
  redactIdentity,
  redactMetadata,
  redactPlace,
  redactReport,
  type Scrub,
  slotted
} from "./redact.ts"
import { secretsAmong, secretsShown } from "./secrets.ts"

/** How a report is made. Inside of an effect use {@link make}, which takes both from the fiber. */
export interface Options {
  /** What never leaves. Default: `Redaction.standard`. */
  readonly redaction?: Redaction.Policy
  /** The application's own table for foreign errors. Default: none. */
  readonly classify?: Classify
}

const stackOf = (error: unknown): string | null => {
  const stack = read(error, "stack")
  if (typeof stack !== "string") return null
  const lines = stack.split("\n").filter((line) => /^\s+at\s/.test(line))
  return lines.length === 0 ? null : lines.join("\n")
}

/** Only what is read is made: most exits want the identity alone. */
class Built implements Report {
  readonly identity: Identity.Identity
  readonly #subject: Identity.Subject
  readonly #errors: ReadonlyArray<unknown>
  readonly #scrub: Scrub
  readonly #places: ReadonlyArray<OperationContext>
  #contexts: ReadonlyArray<OperationContext> | undefined = undefined
  #metadata: Readonly<Record<string, MetadataValue>> | undefined = undefined
  #frames: ReadonlyArray<Frame> | undefined = undefined
  #stack: string | null | undefined = undefined

  constructor(subject: Identity.Subject, errors: ReadonlyArray<unknown>, scrub: Scrub) {
    this.#subject = subject
    this.#errors = errors
    this.#scrub = scrub
    this.#places = cappedContexts(subject.contexts).map((context) => redactPlace(context, scrub))
    this.identity = redactIdentity(Identity.ofSubject({ ...subject, contexts: this.#places }), scrub)
  }

  get contexts(): ReadonlyArray<OperationContext> {
    this.#contexts ??= cappedContexts(this.#subject.contexts).map((context, at) =>
      redactContext(
        this.#places[at]!,
        { fields: cappedFields(context.fields), metadata: cappedMetadata(context.metadata) },
        this.#scrub
      )
    )
    return this.#contexts
  }

  get metadata(): Readonly<Record<string, MetadataValue>> {
    this.#metadata ??= areWhole(this.#subject.contexts)
      ? cappedMetadata(metadataOf(this.contexts))
      : redactMetadata(cappedMetadata(metadataOf(this.#subject.contexts)), this.#scrub)
    return this.#metadata
  }

  get frames(): ReadonlyArray<Frame> {
    this.#frames ??= framesOf(this.#errors).map((frame) => redactFrame(frame, this.#scrub))
    return this.#frames
  }

  /** Few readers want it, and it is by far the longest text to search for secrets. */
  get stack(): string | null {
    if (this.#stack === undefined) {
      const raw = stackOf(this.#subject.error)
      this.#stack = raw === null ? null : slotted("stack", raw, this.#scrub)
    }
    return this.#stack
  }

  toJSON(): Report {
    const { contexts, frames, identity, metadata, stack } = this
    return { identity, contexts, metadata, frames, stack }
  }
}

/** A subject with everything that takes part in it. */
interface Whole {
  readonly subject: Identity.Subject
  readonly errors: ReadonlyArray<unknown>
  readonly contexts: ReadonlyArray<OperationContext>
}

const wholeOf = (input: unknown, classify: Classify | undefined): Whole => {
  const subject = Identity.subject(input, classify)
  if (!isCause(input)) return { subject, errors: errorsUnder(subject.error, []), contexts: subject.contexts }
  const others = input.reasons
    .filter((reason) => !Cause.isInterruptReason(reason))
    .map((reason) => (Cause.isFailReason(reason) ? reason.error : reason.defect))
    .filter((error) => error !== subject.error)
  return { subject, errors: errorsUnder(subject.error, others), contexts: input.reasons.flatMap(ofReason) }
}

const secretsIn = ({ contexts, errors, subject }: Whole, policy: Redaction.Policy): Redaction.Secrets =>
  secretsAmong(subject.error, errors, contexts, policy)

/**
 * The secrets that an error or a `Cause` is known to hold, with everything underneath: for texts beside it, which may repeat
 * them. `redaction` says which names are secret. Never throws.
 *
 * @example
 * ```ts
 * import { Operation, Reasons, Redaction, Report } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const call = Operation.doing(new Reasons.Timeout(), "call", { fields: { token: "hunter2" } })
 * const known = Report.secretsOf(Effect.runSync(Effect.flip(call)))
 * Redaction.standard.text("asked with hunter2", known) // => "asked with <redacted>"
 * ```
 */
export const secretsOf = (error: unknown, redaction: Redaction.Policy = Redaction.standard): Redaction.Secrets =>
  secretsIn(wholeOf(error, undefined), redaction)

/** The report of any error, or of a `Cause`. Never throws and never changes what it is given. */
export const of = (error: unknown, options?: Options): Report => {
  const policy = options?.redaction ?? Redaction.standard
  const whole = wholeOf(error, options?.classify)
  const known = secretsIn(whole, policy)
  const clean = (text: string): string => {
    try {
      return capped(text, policy.text)
    } catch {
      return policy.mask
    }
  }
  // A known secret may be longer than what is looked at, so it goes before anything is cut.
  const text = known.size === 0 ? clean : (raw: string) => clean(known.cutFrom(raw, policy.mask))
  return new Built(whole.subject, whole.errors, { policy, text })
}

/**
 * A report under a further policy, its slots included; code and category stay as they are. Its secrets are what it shows under
 * secret names. Redacting twice is redacting once.
 *
 * @example
 * ```ts
 * import { Operation, Reasons, Redaction, Report } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const call = Operation.doing(new Reasons.NotFound({ detail: "no ada.l" }), "call", { fields: { patient: "ada.l" } })
 * const report = Report.of(Effect.runSync(Effect.flip(call)))
 * Report.redact(report, Redaction.make({ keys: ["patient"] })).identity.detail // => "no <redacted>"
 * ```
 */
export const redact = (report: Report, redaction: Redaction.Policy): Report => {
  const known = secretsShown(report, redaction)
  const text = (given: string): string => {
    try {
      return redaction.text(given, known)
    } catch {
      return redaction.mask
    }
  }
  return redactReport(report, { policy: redaction, text })
}

/** The report of a `Cause`: its primary reason speaks, the other reasons follow as causes, in order. */
export const fromCause = (cause: Cause.Cause<unknown>, options?: Options): Report => of(cause, options)

/** The report of an error or a `Cause` under the redaction policy and the classifier in force. */
export const make = (error: unknown): Effect.Effect<Report> =>
  Effect.withFiber((fiber) =>
    Effect.succeed(of(error, { redaction: fiber.getRef(Redaction.Redaction), classify: fiber.getRef(Classifier) }))
  )
