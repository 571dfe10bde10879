import type { Identity } from "../identity/Identity.ts"
import { joinPath, type MetadataValue, type OperationContext, pathOf, pathSegments, put } from "../operation/context.ts"
import type { Policy, Slot } from "../redaction/Redaction.ts"
import type { Frame } from "./frames.ts"
import type { Report } from "./model.ts"

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

/** A policy that cannot tell whether a name is secret leaves none open. */
const isSecretName = (name: string, policy: Policy): boolean => {
  try {
    return policy.isSecretKey(name)
  } catch {
    return true
  }
}

/** What stands for a value under a secret name; `undefined` where nothing should. */
const concealed = (value: MetadataValue, { policy }: Scrub): string | undefined => {
  if (policy.conceal === undefined || value === policy.mask) return policy.mask
  try {
    return policy.conceal(String(value))
  } catch {
    return policy.mask
  }
}

/** A number is a text to whoever reads it: a secret is one in every type. */
const shownValue = (value: MetadataValue, { policy, text }: Scrub): MetadataValue => {
  if (typeof value === "string") return text(value)
  return typeof value === "number" && text(String(value)) !== String(value) ? policy.mask : value
}

export const redactMetadata = (
  metadata: Readonly<Record<string, MetadataValue>>,
  scrub: Scrub
): Readonly<Record<string, MetadataValue>> => {
  const { policy, text } = scrub
  const clean: Record<string, MetadataValue> = {}
  for (const key of Object.keys(metadata)) {
    const value = metadata[key]!
    const shown = isSecretName(key, policy) ? concealed(value, scrub) : shownValue(value, scrub)
    if (shown !== undefined) put(clean, text(key), shown)
  }
  return clean
}

const redactFields = (fields: OperationContext["fields"], scrub: Scrub): OperationContext["fields"] => {
  const clean: Array<readonly [string, string]> = []
  for (let i = 0; i < fields.length; i++) {
    const [name, value] = fields[i]!
    const shown = isSecretName(name, scrub.policy) ? concealed(value, scrub) : scrub.text(value)
    if (shown !== undefined) clean.push([scrub.text(name), shown])
  }
  return clean
}

const masksPath = ({ policy }: Scrub): boolean =>
  policy.slots?.has("action") === true || policy.slots?.has("locator") === true

/** A context as far as the path goes: its fields and metadata are neither looked at nor kept. */
export const redactPlace = (context: OperationContext, scrub: Scrub): OperationContext => {
  const action = optional("action", context.action, scrub)
  const locator = optional("locator", context.locator, scrub)
  return { action, locator, path: pathSegments(action, locator), fields: [], metadata: {}, sentence: context.sentence }
}

/** A context whose place is clean already, with the rest of it. */
export const redactContext = (
  place: OperationContext,
  { fields, metadata }: Pick<OperationContext, "fields" | "metadata">,
  scrub: Scrub
): OperationContext => ({
  ...place,
  fields: redactFields(fields, scrub),
  metadata: redactMetadata(metadata, scrub)
})

export const redactFrame = (frame: Frame, scrub: Scrub): Frame => {
  const { code, detail, message, metadata, path, reason, type } = frame
  const said = code === undefined ? slotted("message", message, scrub) : scrub.text(message)
  return {
    ...frame,
    message: said,
    ...(type === undefined ? {} : { type: scrub.text(type) }),
    ...(reason === undefined ? {} : { reason: reason === message ? said : scrub.text(reason) }),
    // It is made of actions and locators, and only as text.
    ...(path === undefined ? {} : { path: masksPath(scrub) ? scrub.policy.mask : scrub.text(path) }),
    ...(detail === undefined ? {} : { detail: slotted("detail", detail, scrub) }),
    ...(metadata === undefined ? {} : { metadata: redactMetadata(metadata, scrub) })
  }
}

/** Of a report that may be of another program, even what is declared there is a text like any other. */
export const redactReport = ({ contexts, frames, identity, metadata, stack }: Report, scrub: Scrub): Report => {
  const clean = contexts.map((context) => {
    const place = redactPlace(context, scrub)
    // Segments of their own, which a report from elsewhere may have.
    const path = masksPath(scrub)
      ? place.path
      : context.path.map((segment) =>
          segment === context.action
            ? place.action!
            : segment === context.locator
              ? place.locator!
              : scrub.text(segment)
        )
    return redactContext({ ...place, path }, context, scrub)
  })
  return {
    identity: {
      ...redactIdentity(identity, scrub),
      reason: scrub.text(identity.reason),
      path: redactPath(identity.path, clean, scrub)
    },
    contexts: clean,
    metadata: redactMetadata(metadata, scrub),
    frames: frames.map((frame) => redactFrame(frame, scrub)),
    stack: optional("stack", stack, scrub)
  }
}

const redactPath = (path: string | null, contexts: ReadonlyArray<OperationContext>, scrub: Scrub): string | null => {
  if (path === null) return null
  if (!masksPath(scrub)) return scrub.text(path)
  return joinPath(pathOf(contexts)) ?? scrub.policy.mask
}
