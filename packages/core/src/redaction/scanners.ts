/** The shape of a secret that betrays itself in any text. */
export interface Scanner {
  readonly name: string
  /** Must be global, and bounded: no text may take it long. */
  readonly pattern: RegExp
  /** Texts of which one is in all that the pattern matches, to spare it the others. Default: it looks into every text. */
  readonly needs?: ReadonlyArray<string> | undefined
  /** The secret in a match, from the match and its groups; `undefined` if it is none after all. */
  readonly find: (match: string, ...groups: ReadonlyArray<string>) => string | undefined
}

const luhn = (digits: string): boolean => {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48
    if (i % 2 === 1) {
      digit *= 2
      if (digit > 9) digit -= 9
    }
    sum += digit
  }
  return sum % 10 === 0
}

const whole = (match: string): string => match
const firstGroup = (_match: string, secret?: string): string | undefined => secret

/** Values that stand behind a secret name in a text: `password=…`, `"api_key":"…"`. */
export const namedValue = (isSecretKey: (key: string) => boolean): Scanner => ({
  name: "named value",
  needs: ["=", '"'],
  pattern: /(?<![\w.-])"?([\w.-]{2,64})(?:"\s{0,2}:\s{0,2}|=)"?((?<=")(?:[^"\\]|\\.){1,4096}|[^\s"'&,;<>]{1,4096})/g,
  find: (_match, name, value) => (name !== undefined && isSecretKey(name) ? value : undefined)
})

/** Lists and objects behind a secret name, to their end as far as it is near: `{"tokens":["…","…"]}`. */
export const namedGroup = (isSecretKey: (key: string) => boolean): Scanner => ({
  name: "named group",
  needs: ["[", "{"],
  pattern: /(?<![\w.-])\\{0,3}["']?([\w.-]{2,64})\\{0,3}["']?\s{0,2}[:=]\s{0,2}(\[[^\]]{1,4096}\]?|\{[^}]{1,4096}\}?)/g,
  find: (_match, name, value) => (name !== undefined && isSecretKey(name) ? value : undefined)
})

const scheme = /^(?:bearer|basic|digest|token)\b/i

/** Values behind a secret name as people and other languages write them: `password: …`, `{'api_key': '…'}`, `--token …`. */
export const spokenValue = (isSecretKey: (key: string) => boolean): Scanner => ({
  name: "spoken value",
  needs: [":", "=", "--"],
  pattern:
    /(?<![\w.-])(?:--([\w-]{2,64})\s|["']?([\w.-]{2,64})["']?\s{0,2}[:=]\s{0,2})(?:'([^'\n]{1,4096})'|"([^"\n]{1,4096})"|([^\s"'&,;<>{}[\]]{6,4096}))/g,
  find: (_match, flag, name, single, double, bare) => {
    if (!isSecretKey(flag ?? name ?? "")) return undefined
    const quoted = single ?? double
    if (quoted !== undefined) return quoted
    // "token: expired" is prose, and the scheme of a header is no secret.
    return bare !== undefined && /[^a-z]/.test(bare) && !scheme.test(bare) ? bare : undefined
  }
})

/** What a text must hold for any of {@link scanners} to find something: one look that spares most texts ten. */
export const suspicious =
  /--|\b(?:bearer|basic)\s|eyJ|A(?:[KS]IA|Iza)|g(?:h[pousr]_|ithub_pat_|lpat-)|npm_|xox|s(?:k[_-]|g\.)|[3-6]\d{3}(?:[ -]?\d{2,7}){2}|[:=%\\&]/i

export const scanners: ReadonlyArray<Scanner> = [
  {
    name: "private key",
    needs: ["-----BEGIN"],
    pattern: /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g,
    find: whole
  },
  { name: "authorization header", pattern: /\b(?:bearer|basic)(?:\s|%20){1,4}([\w.~+/=-]{4,})/gi, find: firstGroup },
  {
    name: "secret header",
    needs: [":"],
    pattern: /(?<![\w-])(?:(?:proxy-)?authorization|set-cookie|cookie):[ \t]{0,4}([^\s][^\r\n]{2,4095})/gi,
    // The token behind the scheme is found by itself.
    find: (_match, value) => (value === undefined || /^(?:bearer|basic)\s/i.test(value) ? undefined : value)
  },
  {
    name: "credentials in a URL",
    needs: ["@"],
    // Up to the last @: a password that should have been encoded may hold any of the others.
    pattern: /[a-z][a-z0-9+.-]{0,30}:\/\/([^\s/"']{1,512})@/gi,
    find: firstGroup
  },
  {
    name: "secret query parameter",
    needs: ["="],
    pattern: /[?&][\w.-]{0,64}(?:token|secret|password|passwd|key|signature|sig|auth)=([^&\s#"'<>]{1,4096})/gi,
    find: firstGroup
  },
  {
    name: "JSON web token",
    needs: ["eyJ"],
    pattern: /(?<![\w-])eyJ[\w-]{8,4096}\.[\w-]{8,8192}(?:\.[\w-]{0,4096})?/g,
    find: whole
  },
  {
    name: "cloud key",
    pattern:
      /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,255}\b|\bxox[abprs]-[\w-]{10,255}|\bsk_(?:live|test)_\w{10,255}|\bgithub_pat_\w{22,255}|\bglpat-[\w-]{20,255}|\bnpm_[A-Za-z0-9]{36}\b|\bAIza[\w-]{35}|\bsk-(?:ant-|proj-)[\w-]{20,255}|\bSG\.[\w-]{16,64}\.[\w-]{16,64}/g,
    find: whole
  },
  {
    name: "card number",
    pattern: /\b[3-6]\d{3}(?:[ -]?\d{2,7}){2,4}\b/g,
    find: (match) => {
      const digits = match.replace(/\D/g, "")
      return digits.length >= 14 && digits.length <= 16 && luhn(digits) ? match : undefined
    }
  }
]
