import type { Identity } from "../identity/Identity.ts"
import { type MetadataValue, type OperationContext, pathSegments } from "../operation/context.ts"
import type { Policy } from "../redaction/Redaction.ts"
import { cappedFields, cappedMetadata } from "./caps.ts"
import type { Frame } from "./frames.ts"

export interface Scrub {
  readonly policy: Policy
  readonly text: (text: string) => string
}

const optional = (text: string | null, scrub: Scrub): string | null => (text === null ? null : scrub.text(text))

/**
 * Code, category and reason stay as they are: they are declared, and no value ever gets into them. The path is made of
 * contexts that are clean already.
 */
export const redactIdentity = (identity: Identity, scrub: Scrub): Identity => ({
  ...identity,
  detail: optional(identity.detail, scrub),
  position: optional(identity.position, scrub)
})

export const redactMetadata = (
  metadata: Readonly<Record<string, MetadataValue>>,
  { policy, text }: Scrub
): Readonly<Record<string, MetadataValue>> => {
  const clean = Object.create(null) as Record<string, MetadataValue>
  for (const [key, value] of Object.entries(cappedMetadata(metadata))) {
    clean[text(key)] = policy.isSecretKey(key) ? policy.mask : typeof value === "string" ? text(value) : value
  }
  return clean
}

export const redactContext = (context: OperationContext, scrub: Scrub): OperationContext => {
  const action = optional(context.action, scrub)
  const locator = optional(context.locator, scrub)
  return {
    action,
    locator,
    path: pathSegments(action, locator),
    fields: cappedFields(context.fields).map(
      ([name, value]) =>
        [scrub.text(name), scrub.policy.isSecretKey(name) ? scrub.policy.mask : scrub.text(value)] as const
    ),
    metadata: redactMetadata(context.metadata, scrub),
    sentence: context.sentence
  }
}

export const redactFrame = (frame: Frame, scrub: Scrub): Frame => ({
  ...frame,
  message: scrub.text(frame.message),
  ...(frame.type === undefined ? {} : { type: scrub.text(frame.type) }),
  ...(frame.path === undefined ? {} : { path: scrub.text(frame.path) }),
  ...(frame.detail === undefined ? {} : { detail: scrub.text(frame.detail) }),
  ...(frame.metadata === undefined ? {} : { metadata: redactMetadata(frame.metadata, scrub) })
})
