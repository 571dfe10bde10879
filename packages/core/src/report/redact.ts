import type { Identity } from "../identity/Identity.ts"
import { type MetadataValue, type OperationContext, pathSegments, put } from "../operation/context.ts"
import type { Policy, Slot } from "../redaction/Redaction.ts"
import { cappedFields, cappedMetadata } from "./caps.ts"
import type { Frame } from "./frames.ts"

export interface Scrub {
  readonly policy: Policy
  readonly text: (text: string) => string
}

/** The text of a slot: cleaned, or masked whole if the policy says so. */
export const slotted = (slot: Slot, text: string, { policy, text: clean }: Scrub): string =>
  policy.slots?.has(slot) === true ? policy.mask : clean(text)

const optional = (slot: Slot, text: string | null, scrub: Scrub): string | null =>
  text === null ? null : slotted(slot, text, scrub)

/**
 * Code, category and reason stay as they are: they are declared, and no value ever gets into them. The path is made of
 * contexts that are clean already.
 */
export const redactIdentity = (identity: Identity, scrub: Scrub): Identity => ({
  ...identity,
  detail: optional("detail", identity.detail, scrub),
  position: optional("position", identity.position, scrub)
})

export const redactMetadata = (
  metadata: Readonly<Record<string, MetadataValue>>,
  { policy, text }: Scrub
): Readonly<Record<string, MetadataValue>> => {
  const capped = cappedMetadata(metadata)
  const clean: Record<string, MetadataValue> = {}
  for (const key of Object.keys(capped)) {
    const value = capped[key]!
    put(clean, text(key), policy.isSecretKey(key) ? policy.mask : typeof value === "string" ? text(value) : value)
  }
  return clean
}

/** A context as far as the path goes: its fields and metadata are neither looked at nor kept. */
export const redactPlace = (context: OperationContext, scrub: Scrub): OperationContext => {
  const action = optional("action", context.action, scrub)
  const locator = optional("locator", context.locator, scrub)
  return {
    action,
    locator,
    path: pathSegments(action, locator),
    fields: [],
    metadata: {},
    sentence: context.sentence
  }
}

/** A context whose place is clean already, with the rest of it. */
export const redactContext = (place: OperationContext, context: OperationContext, scrub: Scrub): OperationContext => ({
  ...place,
  fields: cappedFields(context.fields).map(
    ([name, value]) =>
      [scrub.text(name), scrub.policy.isSecretKey(name) ? scrub.policy.mask : scrub.text(value)] as const
  ),
  metadata: redactMetadata(context.metadata, scrub)
})

/** The path of a cause is made of actions and locators, and only as text. */
const pathOf = (path: string, scrub: Scrub): string =>
  scrub.policy.slots?.has("action") === true || scrub.policy.slots?.has("locator") === true
    ? scrub.policy.mask
    : scrub.text(path)

export const redactFrame = (frame: Frame, scrub: Scrub): Frame => ({
  ...frame,
  message: frame.code === undefined ? slotted("message", frame.message, scrub) : scrub.text(frame.message),
  ...(frame.type === undefined ? {} : { type: scrub.text(frame.type) }),
  ...(frame.path === undefined ? {} : { path: pathOf(frame.path, scrub) }),
  ...(frame.detail === undefined ? {} : { detail: slotted("detail", frame.detail, scrub) }),
  ...(frame.metadata === undefined ? {} : { metadata: redactMetadata(frame.metadata, scrub) })
})
