/** What may stand where a secret stood. */
import { mask as defaultMask } from "../failure/fields.ts"
import { hmac } from "./hmac.ts"

/**
 * What replaces a secret that was found by its shape or its name. `undefined` leaves the field or the metadata out; inside of
 * a text the mask stands. It has to leave what it has made as it is, or redacting twice would not be redacting once.
 */
export type Conceal = (secret: string, mask: string) => string | undefined

/**
 * Conceals all but the last characters of a secret, and all of one that is not at least twice as long.
 *
 * @example
 * ```ts
 * import { Redaction } from "@holdfast/core"
 *
 * const policy = Redaction.make({ conceal: Redaction.keepLast(4) })
 * policy.text("card 4242 4242 4242 4242") // => "card …4242"
 * policy.text("?token=short") // => "?token=<redacted>"
 * ```
 */
export const keepLast =
  (characters: number) =>
  (secret: string, mask: string = defaultMask): string => {
    if (secret.startsWith("…") && secret.length <= characters + 1) return secret
    return secret.length < characters * 2 || characters < 1 ? mask : `…${secret.slice(-characters)}`
  }

/** Leaves the fields and the metadata out that have a secret name. A secret inside of a text is masked. */
export const drop: Conceal = () => undefined

const hashed = /^#[\da-f]{16}$/

/**
 * Replaces a secret by what only the owner of the key can make of it: the first 64 bits of its HMAC-SHA-256, as `#` and 16
 * hexadecimal digits. The same secret is the same text everywhere, so that entries of a log can be told to belong together.
 *
 * @example
 * ```ts
 * import { Redaction } from "@holdfast/core"
 *
 * const policy = Redaction.make({ conceal: Redaction.keyedHash("a key of at least 32 random bytes") })
 * policy.text("?token=abc") === policy.text("?token=abc") // => true
 * policy.text("?token=abc").length // => 24
 * ```
 */
export const keyedHash = (key: string | Uint8Array): Conceal => {
  const sign = hmac(typeof key === "string" ? new TextEncoder().encode(key) : key)
  return (secret) => (hashed.test(secret) ? secret : `#${sign(new TextEncoder().encode(secret)).slice(0, 16)}`)
}
