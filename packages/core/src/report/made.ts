import { Cause, Effect } from "effect"
import type { Classify } from "../identity/Classifier.ts"
import { Classifier } from "../identity/Classifier.ts"
import { isFailure, leafOf, TypeId } from "../failure/model.ts"
import * as Identity from "../identity/Identity.ts"
import { type MetadataValue, metadataOf, type OperationContext } from "../operation/Operation.ts"
import * as Redaction from "../redaction/Redaction.ts"
import { areWhole, capped, cappedContexts, cappedMetadata } from "./caps.ts"
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
  type Scrub,
  slotted
} from "./redact.ts"

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

const secretsIn = (error: unknown, into: Redaction.Secrets): void => {
  if (!isFailure(error)) return
  const leaf = leafOf(error)
  Redaction.secretsOf(leaf, leaf[TypeId].sensitive, into)
}

/** The secrets of every failure that takes part, and of every context. */
const secrets = (
  { contexts, error }: Identity.Subject,
  errors: ReadonlyArray<unknown>,
  policy: Redaction.Policy
): Redaction.Secrets => {
  const known = new Redaction.Secrets()
  secretsIn(error, known)
  for (const one of errors) secretsIn(one, known)
  for (const context of contexts) Redaction.secretsOfOperation(policy, context, known)
  return known
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
      redactContext(this.#places[at]!, context, this.#scrub)
    )
    return this.#contexts
  }

  get metadata(): Readonly<Record<string, MetadataValue>> {
    this.#metadata ??= areWhole(this.#subject.contexts)
      ? cappedMetadata(metadataOf(this.contexts))
      : redactMetadata(metadataOf(this.#subject.contexts), this.#scrub)
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

const build = (subject: Identity.Subject, others: ReadonlyArray<unknown>, options: Options | undefined): Report => {
  const policy = options?.redaction ?? Redaction.standard
  const errors = errorsUnder(subject.error, others)
  const known = secrets(subject, errors, policy)
  const clean = (text: string): string => capped(text, policy.text)
  // A known secret may be longer than what is looked at, so it goes before anything is cut.
  const text = known.size === 0 ? clean : (raw: string) => clean(known.cutFrom(raw, policy.mask))
  return new Built(subject, errors, { policy, text })
}

const others = (cause: Cause.Cause<unknown>, spokesman: unknown): ReadonlyArray<unknown> =>
  cause.reasons
    .filter((reason) => !Cause.isInterruptReason(reason))
    .map((reason) => (Cause.isFailReason(reason) ? reason.error : reason.defect))
    .filter((error) => error !== spokesman)

/** The report of a `Cause`: its primary reason speaks, the other reasons follow as causes, in order. */
export const fromCause = (cause: Cause.Cause<unknown>, options?: Options): Report => {
  const subject = Identity.primary(cause, options?.classify)
  return build(subject, others(cause, subject.error), options)
}

/** The report of any error, or of a `Cause`. Never throws and never changes what it is given. */
export const of = (error: unknown, options?: Options): Report =>
  isCause(error) ? fromCause(error, options) : build(Identity.subject(error, options?.classify), [], options)

/** The report of an error or a `Cause` under the redaction policy and the classifier in force. */
export const make = (error: unknown): Effect.Effect<Report> =>
  Effect.withFiber((fiber) =>
    Effect.succeed(of(error, { redaction: fiber.getRef(Redaction.Redaction), classify: fiber.getRef(Classifier) }))
  )
