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

/** A value that a program has put on a span: masked under a secret name, its texts clean. */
const cleanValue = (key: string, value: unknown, policy: Redaction.Policy, known?: Redaction.Secrets): unknown => {
  try {
    if (policy.isSecretKey(key)) return policy.mask
    if (Predicate.isString(value)) return policy.text(value, known)
    if (!Predicate.isObjectOrArray(value)) return value
    const json = JSON.stringify(value)
    const clean = json === undefined ? json : policy.text(json, known)
    return clean === json ? value : clean
  } catch {
    return policy.mask
  }
}

/** The options of a span with a clean name. */
export const cleanName = <O extends { readonly name: string }>(options: O, policy: Redaction.Policy): O => {
  const name = cleanText(options.name, policy)
  return name === options.name ? options : { ...options, name }
}

/** From now on a span takes only what is clean. Gives what it was given under secret names, for texts that repeat it. */
export const guard = (span: Tracer.Span, policy: Redaction.Policy): Redaction.Secrets => {
  const { attribute, event } = span
  const known = new Redaction.Secrets()
  const clean = (key: string, value: unknown): unknown => {
    Redaction.secretsOfOperation(policy, { fields: [], metadata: { [key]: value } }, known)
    return cleanValue(key, value, policy, known)
  }
  span.attribute = (key, value) => attribute.call(span, key, clean(key, value))
  span.event = (name, time, attributes) => {
    const shown =
      attributes === undefined
        ? attributes
        : Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, clean(key, value)]))
    event.call(span, cleanText(name, policy, known), time, shown)
  }
  return known
}

/** Takes out of what is on a span already what turned out to be secret since. */
export const withoutSecrets = (span: Tracer.Span, policy: Redaction.Policy, known: Redaction.Secrets): void => {
  if (known.size === 0) return
  for (const [key, value] of Array.from(span.attributes)) {
    const clean = cleanValue(key, value, policy, known)
    if (clean !== value) span.attribute(key, clean)
  }
}
