import type { Redaction } from "@holdfast/core"
import { truncated } from "../text.ts"

/** No text of a projection is longer than this. */
export const maxText = 8192

/** The longest secret that one of the built-in scanners recognises fits into this. */
const slack = 16_384

const window = maxText + slack

/** Enough of a secret to know it by. */
const head = 64

/**
 * Takes out what is longer than the window: the whole of it, and a beginning that somebody else's cut has left at the end.
 */
const withoutLong = (policy: Redaction.Policy, text: string, known: ReadonlyArray<string>): string => {
  let clean = text
  for (const secret of known) {
    if (secret.length <= slack) continue
    clean = clean.replaceAll(secret, () => policy.mask)
    const rest = clean.indexOf(secret.slice(0, head))
    if (rest >= 0) clean = clean.slice(0, rest) + policy.mask
  }
  return clean
}

/**
 * Redacts a text in bounded time, however long it is: only its beginning is looked at. A secret that the end of the window
 * went through would not be recognised, so as much as a secret may be long is dropped from the end again.
 */
const bounded = (policy: Redaction.Policy, text: string, known: ReadonlyArray<string>): string => {
  const start = withoutLong(policy, text, known)
  if (start.length <= window) return policy.text(start, known)
  const clean = policy.text(start.slice(0, window), known)
  return clean.slice(0, Math.max(0, Math.min(maxText, clean.length - slack))) + truncated
}

/** How many characters one snapshot may look through: first any text, then as many again of short ones. */
const effort = 1_000_000

const short = 512

/** A redaction policy for one snapshot, and the names in it that the report leaves as they are. */
export interface Guard {
  /** Fails closed, and takes bounded time over all its texts together. */
  readonly policy: Redaction.Policy
  /** A name of a field, of metadata or of a type, without the secrets that were met so far. */
  readonly name: (name: string) => string
}

export const guard = (policy: Redaction.Policy): Guard => {
  let spent = 0
  let met: ReadonlyArray<string> = []
  const clean = (text: string, known: ReadonlyArray<string>): string => {
    if (spent > (text.length <= short ? 2 * effort : effort)) return truncated
    spent += Math.min(text.length, window)
    try {
      return bounded(policy, text, known)
    } catch {
      return policy.mask
    }
  }
  return {
    policy: {
      mask: policy.mask,
      isSecretKey: (key) => {
        try {
          return policy.isSecretKey(key.length > maxText ? key.slice(-maxText) : key)
        } catch {
          return true
        }
      },
      text: (text, known) => {
        if (known !== undefined) met = [...known]
        return clean(text, met)
      }
    },
    name: (name) => (met.some((secret) => name.includes(secret)) ? clean(name, met) : name)
  }
}
