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

/** Programs have few names for their spans; those from outside must not make that grow for ever. */
const remembered = { names: 1024, length: 128 } as const

/** The options of a span with a clean name, by the same policy each time. */
export const cleanNames = (policy: Redaction.Policy) => {
  const clean = new Map<string, string>()
  return <O extends { readonly name: string }>(options: O): O => {
    const { name } = options
    let shown = clean.get(name)
    if (shown === undefined) {
      shown = cleanText(name, policy)
      if (clean.size >= remembered.names) clean.clear()
      if (name.length <= remembered.length) clean.set(name, shown)
    }
    return shown === name ? options : { ...options, name: shown }
  }
}

/** What spans were given under secret names so far, for texts that repeat it. Most are given nothing of the kind. */
const given = new WeakMap<Tracer.Span, Redaction.Secrets>()

/** What this span was given under secret names so far. */
export const givenTo = (span: Tracer.Span): Iterable<string> => given.get(span) ?? []

/** Whether a value may hold something under a secret name; the text of one value has to be JSON for that. */
const mayHold = (value: unknown): boolean =>
  Predicate.isString(value) ? value.startsWith("{") || value.startsWith("[") : Predicate.isObjectOrArray(value)

const clean = (span: Tracer.Span, key: string, value: unknown, policy: Redaction.Policy): unknown => {
  const hides = isSecret(policy, key)
  if (!hides && !mayHold(value)) return cleanValue(value, policy, given.get(span))
  let secrets = given.get(span)
  if (secrets === undefined) {
    secrets = new Redaction.Secrets()
    given.set(span, secrets)
  }
  Redaction.secretsOfOperation(policy, { fields: [], metadata: { [key]: value } }, secrets)
  return hides ? policy.mask : cleanValue(value, policy, secrets)
}

/** Methods of spans that take only what is clean, over those that take anything. */
export const guarded = (
  { attribute, event }: Pick<Tracer.Span, "attribute" | "event">,
  policy: Redaction.Policy
): Pick<Tracer.Span, "attribute" | "event"> => ({
  attribute(this: Tracer.Span, key, value) {
    attribute.call(this, key, clean(this, key, value, policy))
  },
  event(this: Tracer.Span, name, time, attributes) {
    const shown =
      attributes === undefined
        ? attributes
        : Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, clean(this, key, value, policy)]))
    event.call(this, cleanText(name, policy, given.get(this)), time, shown)
  }
})

/** Takes out of what is on a span already what turned out to be secret since. */
export const withoutSecrets = (span: Tracer.Span, policy: Redaction.Policy, known: Redaction.Secrets): void => {
  if (known.size === 0) return
  for (const [key, value] of Array.from(span.attributes)) {
    const clean = isSecret(policy, key) ? policy.mask : cleanValue(value, policy, known)
    if (clean !== value) span.attribute(key, clean)
  }
}
