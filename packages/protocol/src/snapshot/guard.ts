import type { Redaction } from "@holdfast/core"
import { truncated } from "../text.ts"

/** No text of a projection is longer than this. */
export const maxText = 8192

/** More of one text is not looked at. A report never asks for more; a snapshot from elsewhere may. */
const window = 65_536

/** How many characters one snapshot may look through: first any text, then as many again of short ones. */
const effort = 1_000_000

const short = 512

/** A redaction policy for one snapshot: fails closed, and takes bounded time over all its texts together. */
export const guard = (policy: Redaction.Policy): Redaction.Policy => {
  let spent = 0
  const { conceal } = policy
  return {
    ...policy,
    ...(conceal === undefined
      ? {}
      : {
          conceal: (secret) => {
            try {
              return conceal(secret)
            } catch {
              return policy.mask
            }
          }
        }),
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
        if (text.length <= window) return policy.text(text, known)
        // A secret that the end of the window goes through would not be recognised: far less than the window is shown.
        return policy.text(text.slice(0, window), known).slice(0, maxText) + truncated
      } catch {
        return policy.mask
      }
    }
  }
}
