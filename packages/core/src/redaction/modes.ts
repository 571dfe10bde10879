/** What may stand where a secret stood. */
import { mask as defaultMask } from "../failure/fields.ts"

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
 * Replaces a secret by what only the owner of a key can make of it: `#` and the first 16 hexadecimal digits, 64 bits, of what
 * `sign` gives, which has to be a keyed hash such as HMAC-SHA-256 (RFC 2104). The same secret is the same text everywhere, so
 * that entries of a log can be told to belong together. Where `sign` throws or gives fewer digits, all of the text is masked.
 *
 * @example
 * ```ts
 * import { Redaction } from "@holdfast/core"
 * import { createHmac } from "node:crypto"
 *
 * const sign = (secret: string) => createHmac("sha256", "32 random bytes").update(secret).digest("hex")
 * const policy = Redaction.make({ conceal: Redaction.keyedHash(sign) })
 * policy.text("?token=abc") === policy.text("?token=abc") // => true
 * policy.text("?token=abc").length // => 24
 * ```
 */
export const keyedHash =
  (sign: (secret: string) => string): Conceal =>
  (secret) => {
    if (hashed.test(secret)) return secret
    const hash = `#${sign(secret).slice(0, 16)}`
    if (hashed.test(hash)) return hash
    throw new Error("a keyed hash has at least 16 hexadecimal digits in small letters")
  }
