import type { Redaction } from "@holdfast/core"
import { truncated } from "../text.ts"

/** No text of a projection is longer than this. */
export const maxText = 8192

/** The longest secret that one of the built-in scanners recognises fits into this. */
const slack = 16_384

const window = maxText + slack

const longer = (known: Iterable<string>, than: number): ReadonlyArray<string> =>
  [...known].filter((secret) => secret.length > than)

/**
 * Redacts a text in bounded time, however long it is: only its beginning is looked at. A secret that the end of the window
 * went through would not be recognised, so as much as a secret may be long is dropped from the end again; a known secret
 * that is longer than that is taken out first.
 */
const bounded = (policy: Redaction.Policy, text: string, known: ReadonlyArray<string>): string => {
  if (text.length <= window) return policy.text(text, known)
  const long = longer(known, slack)
  const reach = long.reduce((most, secret) => Math.max(most, secret.length), 0)
  let start = text.slice(0, window + reach)
  for (const secret of long) start = start.replaceAll(secret, () => policy.mask)
  const clean = policy.text(start.slice(0, window), known)
  return clean.slice(0, Math.max(0, Math.min(maxText, clean.length - slack))) + truncated
}

/** How many characters one snapshot may look through: first any text, then as many again of short ones. */
const effort = 1_000_000

const short = 512

/** A redaction policy for one snapshot, that fails closed and takes bounded time over all its texts together. */
export const guarded = (policy: Redaction.Policy): Redaction.Policy => {
  let spent = 0
  return {
    mask: policy.mask,
    isSecretKey: (key) => {
      try {
        return policy.isSecretKey(key.length > maxText ? key.slice(-maxText) : key)
      } catch {
        return true
      }
    },
    text: (text, known) => {
      if (spent > (text.length <= short ? 2 * effort : effort)) return truncated
      spent += Math.min(text.length, window)
      try {
        return bounded(policy, text, known === undefined ? [] : [...known])
      } catch {
        return policy.mask
      }
    }
  }
}
