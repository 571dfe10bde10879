import { Redaction } from "@holdfast/core"
import { Predicate, type Tracer } from "effect"

/** A text, or the mask where the policy fails. */
const cleanText = (text: string, policy: Redaction.Policy, known?: Redaction.Secrets): string => {
  try {
    return policy.text(text, known)
  } catch {
    return policy.mask
  }
}

/** A value that a program has put on a span, under a name that is none of a secret, with its texts clean. */
const cleanValue = (value: unknown, policy: Redaction.Policy, known?: Redaction.Secrets): unknown => {
  try {
    if (Predicate.isString(value)) return policy.text(value, known)
    if (!Predicate.isObjectOrArray(value)) {
      const isKnown =
        known !== undefined && Predicate.isNumber(value) && known.cutFrom(String(value), "") !== String(value)
      return isKnown ? policy.mask : value
    }
    const json = JSON.stringify(value)
    const clean = json === undefined ? json : policy.text(json, known)
    return clean === json ? value : clean
  } catch {
    return policy.mask
  }
}

/** A name that a policy cannot tell is secret. */
const isSecret = (policy: Redaction.Policy, key: string): boolean => {
  try {
    return policy.isSecretKey(key)
  } catch {
    return true
  }
}

/** The options of a span with a clean name. */
export const cleanName = <O extends { readonly name: string }>(options: O, policy: Redaction.Policy): O => {
  const name = cleanText(options.name, policy)
  return name === options.name ? options : { ...options, name }
}

/** What a span was given under secret names so far, for texts that repeat it. Most spans are given nothing of the kind. */
export interface Given {
  secrets: Redaction.Secrets | undefined
}

/** Whether a value may hold something under a secret name; the text of one value has to be JSON for that. */
const mayHold = (value: unknown): boolean =>
  Predicate.isString(value) ? value.startsWith("{") || value.startsWith("[") : Predicate.isObjectOrArray(value)

/** From now on a span takes only what is clean. */
export const guard = (span: Tracer.Span, policy: Redaction.Policy): Given => {
  const { attribute, event } = span
  const given: Given = { secrets: undefined }
  const clean = (key: string, value: unknown): unknown => {
    const hides = isSecret(policy, key)
    if (hides || mayHold(value)) {
      given.secrets ??= new Redaction.Secrets()
      Redaction.secretsOfOperation(policy, { fields: [], metadata: { [key]: value } }, given.secrets)
    }
    return hides ? policy.mask : cleanValue(value, policy, given.secrets)
  }
  span.attribute = (key, value) => attribute.call(span, key, clean(key, value))
  span.event = (name, time, attributes) => {
    const shown =
      attributes === undefined
        ? attributes
        : Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, clean(key, value)]))
    event.call(span, cleanText(name, policy, given.secrets), time, shown)
  }
  return given
}

/** Takes out of what is on a span already what turned out to be secret since. */
export const withoutSecrets = (span: Tracer.Span, policy: Redaction.Policy, known: Redaction.Secrets): void => {
  if (known.size === 0) return
  for (const [key, value] of Array.from(span.attributes)) {
    const clean = isSecret(policy, key) ? policy.mask : cleanValue(value, policy, known)
    if (clean !== value) span.attribute(key, clean)
  }
}
