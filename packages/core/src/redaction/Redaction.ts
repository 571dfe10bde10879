/**
 * One policy for every exit: which values never leave, whatever way they take. Reports, logs, spans and projections all
 * go through it; nothing has to be switched on.
 */
import { Context } from "effect"
import { mask as defaultMask } from "../failure/fields.ts"
import { collectEntry, collectFrom } from "./holding.ts"
import type { Conceal } from "./modes.ts"
import { mayBeEscaped, readings } from "./reading.ts"
import { namedGroup, namedValue, type Scanner, scanners, spokenValue, suspicious } from "./scanners.ts"
import { Secrets } from "./secrets.ts"
import { replaced, type Span } from "./spans.ts"

export type { Scanner } from "./scanners.ts"
export { type Conceal, drop, keepLast, keyedHash } from "./modes.ts"
export { Secrets } from "./secrets.ts"

/**
 * A fixed place of a report, addressed apart from the names that users give to fields: `action` is what was being done,
 * with its path segment; `message` is the text of a foreign error among the causes.
 */
export type Slot = "detail" | "position" | "action" | "locator" | "message" | "stack"

/** How values are kept inside. Build one with {@link make}. */
export interface Policy {
  /** Whether a field, metadata or header of this name is secret. */
  readonly isSecretKey: (key: string) => boolean
  /**
   * A text with everything that looks like a secret, and every secret in `known`, replaced by the mask. Whoever asks about
   * many texts gives the same {@link Secrets} each time.
   */
  readonly text: (text: string, known?: Iterable<string>) => string
  /** What stands where a secret stood. */
  readonly mask: string
  /** Places that are masked whole, whatever they hold. */
  readonly slots?: ReadonlySet<Slot>
  /** What stands for a value under a secret name; `undefined`: the entry is left out. Default: the mask. */
  readonly conceal?: (secret: string) => string | undefined
}

/**
 * Names that are secret by default. Case and separators do not matter, and the last part of a dotted name counts:
 * `db.API-Key` is an API key.
 */
export const defaultKeys: ReadonlyArray<string> = [
  "password",
  "passwd",
  "passwords",
  "passphrase",
  "passcode",
  "secret",
  "secrets",
  "secretkey",
  "signingkey",
  "encryptionkey",
  "sessionkey",
  "token",
  "tokens",
  "apikey",
  "accesskey",
  "privatekey",
  "authorization",
  "cookie",
  "session",
  "sessionid",
  "credential",
  "credentials",
  "connectionstring",
  "cardnumber"
]

/** Short names that are secret only when they are all of it: `pin` is, `shipping` is not. */
const wholeKeys: ReadonlySet<string> = new Set(["pwd", "auth", "jwt", "pin", "otp", "cvc", "cvv"])

const normalize = (key: string): string =>
  key
    .replace(/(?:\.\d+)+$/, "")
    .replace(/^.*\./s, "")
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "")

/** Programs have few names, and ask about them for every failure; texts from outside must not make that grow for ever. */
const remembered = { names: 1024, length: 128 } as const

const remembering = (ask: (key: string) => boolean): ((key: string) => boolean) => {
  const answers = new Map<string, boolean>()
  return (key) => {
    const before = answers.get(key)
    if (before !== undefined) return before
    const answer = ask(key)
    if (answers.size >= remembered.names) answers.clear()
    if (key.length <= remembered.length) answers.set(key, answer)
    return answer
  }
}

const ready = (secrets: Iterable<string>): Secrets => (secrets instanceof Secrets ? secrets : new Secrets(secrets))

/**
 * A redaction policy.
 *
 * - `keys`: more names to treat as secret, beside {@link defaultKeys}. Default: none.
 * - `scanners`: more shapes to look for in every text, beside the built-in ones. Default: none.
 * - `mask`: what replaces a secret. Default: `<redacted>`.
 * - `conceal`: what replaces a secret that was found by its shape or its name, if not the mask: nothing ({@link drop}), the end
 *   of it ({@link keepLast}), a keyed hash to correlate by ({@link keyedHash}). Where a known secret is repeated the mask stands.
 *   Default: the mask.
 * - `slots`: places that are masked whole. Default: none.
 *
 * A scanner or `conceal` that throws masks the whole text.
 */
export const make = (options?: {
  readonly keys?: ReadonlyArray<string>
  readonly scanners?: ReadonlyArray<Scanner>
  readonly mask?: string
  readonly conceal?: Conceal
  readonly slots?: ReadonlyArray<Slot>
}): Policy => {
  const mask = options?.mask ?? defaultMask
  const names = [...defaultKeys, ...(options?.keys ?? [])].map(normalize).filter((name) => name !== "")
  const isSecretKey = remembering((key) => {
    const name = normalize(key)
    return wholeKeys.has(name) || names.some((secret) => name.endsWith(secret))
  })
  const own = options?.scanners ?? []
  const shapes = [...scanners, namedGroup(isSecretKey), namedValue(isSecretKey), spokenValue(isSecretKey), ...own]
  const conceal = options?.conceal
  const instead = (secret: string): string => conceal?.(secret, mask) ?? mask
  /** What has the shape of a secret in a text, and has not been concealed before. */
  const shaped = (
    text: string,
    made: Set<string>,
    found: (start: number, end: number, instead: string) => void
  ): void => {
    for (const { find, needs, pattern } of suspicious.test(text) ? shapes : own) {
      if (needs !== undefined && !needs.some((one) => text.includes(one))) continue
      // Asked first, because `matchAll` begins with a copy of the pattern, and most texts have nothing.
      pattern.lastIndex = 0
      if (!pattern.test(text)) continue
      pattern.lastIndex = 0
      for (const match of text.matchAll(pattern)) {
        const secret = find(...(match as unknown as readonly [string, ...ReadonlyArray<string>]))
        if (secret === undefined || secret === mask || made.has(secret)) continue
        const concealed = instead(secret)
        made.add(concealed)
        // The secret is the last thing in its match that reads like it: `?key=key`.
        const start = match.index + match[0].lastIndexOf(secret)
        if (concealed !== secret) found(start, start + secret.length, concealed)
      }
    }
  }
  const once = (text: string, made: Set<string>): string => {
    const spans: Array<Span> = []
    shaped(text, made, (start, end, concealed) => spans.push({ start, end, instead: concealed }))
    for (const reading of readings(text)) {
      shaped(reading.text, made, (from, to, concealed) => {
        const [start, end] = reading.origin(from, to)
        spans.push({ start, end, instead: concealed })
      })
    }
    return replaced(text, spans, mask)
  }
  return {
    mask,
    slots: new Set(options?.slots),
    isSecretKey,
    ...(conceal === undefined ? {} : { conceal: (secret) => conceal(secret, mask) }),
    text: (text, known) => {
      try {
        const clean = known === undefined ? text : ready(known).cutFrom(text, mask)
        if (own.length === 0 && !suspicious.test(clean) && !mayBeEscaped(clean)) return clean
        const made = new Set<string>()
        let before = clean
        // What is left beside a mask may look like a secret now.
        for (let pass = 0; pass < passes; pass++) {
          const after = once(before, made)
          if (after === before) return after
          before = after
        }
        return before
      } catch {
        return mask
      }
    }
  }
}

/** After so many passes over a text that still change it, it stays. */
const passes = 8

/** The default policy. */
export const standard: Policy = make()

/** The policy in force. */
export const Redaction: Context.Reference<Policy> = Context.Reference("@holdfast/core/Redaction", {
  defaultValue: (): Policy => standard
})

/**
 * Adds what an error is known to hold to `into`: its sensitive fields, what stands under a name that is secret, and anything
 * `Redacted`. These are cut out of every text, because a cause often repeats what it was given. Never throws.
 */
export const secretsOf = (
  policy: Policy,
  error: object,
  sensitive: ReadonlyArray<string>,
  into: Secrets = new Secrets()
): Secrets => {
  collectFrom(error, sensitive, policy.isSecretKey, into)
  return into
}

/** Adds what stands under secret names in the fields and the metadata of an operation. */
export const secretsOfOperation = (
  policy: Policy,
  operation: {
    readonly fields: ReadonlyArray<readonly [string, string]>
    readonly metadata: Readonly<Record<string, unknown>>
  },
  into: Secrets
): void => {
  const { fields, metadata } = operation
  for (let i = 0; i < fields.length; i++) collectEntry(fields[i]![0], fields[i]![1], policy, into)
  for (const key of Object.keys(metadata)) collectEntry(key, metadata[key], policy, into)
}
