import { Audience, Category, GrpcCode, Health, Retryability, Severity, Visibility } from "../classification.ts"

/**
 * What a failure says about itself, once. Everything else (policies, telemetry, projections) reads it.
 *
 * `Fields` are the failure's own fields as the `detail` function sees them: sensitive ones are already masked.
 */
export interface Declaration<Fields, Code extends string = string> {
  /**
   * Stable machine key, at least two lower-case segments: `biz.stock.unavailable`. The first segment is the category
   * (`biz`, `conf`, `logic` or `sys`). Never put a dynamic value into it.
   */
  readonly code: Code
  /** Stable human summary. Default: the last segment of the code, underscores as spaces. */
  readonly reason?: string
  /** What happened this time, from the fields. An instance may override it with its own `detail`. Default: none. */
  readonly detail?: string | ((fields: Fields) => string)
  /** Whether doing it again can help. Default: `"never"`. */
  readonly retry?: Retryability
  /**
   * What it says about the health of whoever was called. Default: `success` for `biz` (it refused, so it works), `ignored`
   * for `conf` (nothing was asked), `failure` for the rest.
   */
  readonly health?: Health
  /** Default: `Info` for `biz`, `Warn` for what may be retried, `Error` for the rest. */
  readonly severity?: Severity
  /** HTTP status, 400 to 599. Default: derived by the exposure policy. */
  readonly http?: number
  /** gRPC status. Default: derived by the exposure policy. */
  readonly grpc?: GrpcCode
  /** Whether its detail may be shown to callers. Default: `public` for `biz`, `internal` for the rest. */
  readonly visibility?: Visibility
  /** What can be done about it, for each audience what those before it were not told. Default: none. */
  readonly hints?: Partial<Hints>
  /**
   * Whether an instance that was given no `position` takes it from its stack: the first line outside of this package and
   * of `node_modules`. Costs nothing until somebody reads it. Default: `false`.
   */
  readonly callSite?: boolean
  /** Why it is no longer raised. It still decodes; the catalogue marks it. Default: not deprecated. */
  readonly deprecated?: string
  /** The code that took its place. Only for what is deprecated. */
  readonly replacedBy?: string
}

/** What can be done about a failure, by audience. */
export type Hints = Readonly<Record<Audience, ReadonlyArray<string>>>

/** A declaration with every default filled in, as policies and projections read it. */
export interface Declared<Code extends string = string> {
  readonly tag: string
  readonly code: Code
  readonly category: Category
  readonly reason: string
  readonly retry: Retryability
  readonly health: Health
  readonly severity: Severity
  readonly http: number | undefined
  readonly grpc: GrpcCode | undefined
  readonly hints: Hints
  /** Names of the fields whose values must not leave in clear text. */
  readonly sensitive: ReadonlyArray<string>
  /** What happened this time, as the declaration says it; ask `Failure.detailOf` for the text. */
  readonly detail: string | ((fields: never) => string) | undefined
  readonly callSite: boolean
  readonly visibility: Visibility
  readonly deprecated: string | undefined
  readonly replacedBy: string | undefined
}

/** What policies, telemetry and projections need to know about an error: the declaration of a failure, or its stand-in. */
export type Classification = Omit<Declared, "tag" | "sensitive" | "detail" | "callSite" | "deprecated" | "replacedBy">

/** A code as far as the compiler can check it. */
export type Code = `${Category}.${string}`

/** Thrown when a failure is made with fields that it was not declared to have. Says which, never with what value. */
export class InvalidFields extends Error {
  override readonly name = "InvalidFields"
}

/** Thrown while a class is being declared: a mistake in the program text, with the fix in the message. */
export class InvalidDeclaration extends Error {
  override readonly name = "InvalidDeclaration"
}

const literals: Readonly<Record<string, ReadonlyArray<string>>> = {
  retry: Retryability.literals,
  health: Health.literals,
  severity: Severity.literals,
  grpc: GrpcCode.literals,
  visibility: Visibility.literals
}

const members: ReadonlySet<string> = new Set([
  "code",
  "reason",
  "detail",
  "http",
  "hints",
  "callSite",
  "deprecated",
  "replacedBy",
  ...Object.keys(literals)
])

/** What the compiler says of a declaration, for those who do not ask it. */
const checkMembers = (tag: string, declaration: object): void => {
  for (const [name, value] of Object.entries(declaration)) {
    if (!members.has(name))
      refuse(tag, `${JSON.stringify(name)} is no member of a declaration`, `There are ${[...members].join(", ")}`)
    const allowed = literals[name]
    if (allowed !== undefined && value !== undefined && !allowed.includes(value as string)) {
      refuse(tag, `${name} cannot be ${JSON.stringify(value)}`, `Use one of ${allowed.join(", ")}`)
    }
  }
  for (const audience of Object.keys(("hints" in declaration && declaration.hints) || {})) {
    if (!Audience.literals.includes(audience as Audience))
      refuse(tag, `${JSON.stringify(audience)} reads no hints`, `Use one of ${Audience.literals.join(", ")}`)
  }
}

const segments = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/
const categories: ReadonlySet<string> = new Set(Category.literals)

/**
 * Whether a text has the syntax of a code: a category and at least one more lower-case segment, joined by dots. It says nothing
 * about whether such a failure was declared anywhere.
 *
 * @example
 * ```ts
 * import { Failure } from "@holdfast/core"
 *
 * Failure.isCode("biz.stock.unavailable") // => true
 * Failure.isCode("https://example.org/biz") // => false
 * ```
 */
export const isCode = (text: string): text is Code => {
  const parts = text.split(".")
  return parts.length >= 2 && categories.has(parts[0]!) && parts.every((part) => segments.test(part))
}

const refuse = (tag: string, problem: string, fix: string): never => {
  throw new InvalidDeclaration(`Failure "${tag}": ${problem}. ${fix}.`)
}

export const categoryOf = (tag: string, code: string): Category => {
  const parts = code.split(".")
  if (parts.length < 2 || !parts.every((part) => segments.test(part))) {
    refuse(
      tag,
      `code ${JSON.stringify(code)} is not a stable key`,
      "Write at least two lower-case segments of letters, digits and single underscores joined by dots, such as biz.stock.unavailable"
    )
  }
  const category = parts[0]!
  if (!categories.has(category)) {
    refuse(
      tag,
      `code ${JSON.stringify(code)} starts with ${JSON.stringify(category)}, which is no category`,
      "Start it with biz, conf, logic or sys"
    )
  }
  return category as Category
}

const defaultSeverity = (category: Category, retry: Retryability): Severity =>
  category === "biz" ? "Info" : retry === "never" ? "Error" : "Warn"

const list = (hints: ReadonlyArray<string> = []): ReadonlyArray<string> => Object.freeze([...hints])

export const resolve = (tag: string, declaration: Declaration<never>, sensitive: ReadonlyArray<string>): Declared => {
  checkMembers(tag, declaration)
  const { code } = declaration
  const category = categoryOf(tag, code)
  const { http } = declaration
  if (http !== undefined && !(Number.isInteger(http) && http >= 400 && http <= 599)) {
    refuse(tag, `http status ${http} is not an error status`, "Use a whole number from 400 to 599")
  }
  if (declaration.reason?.trim() === "") {
    refuse(tag, "reason is empty", "Leave it out to get it from the code, or write a short summary")
  }
  if (declaration.replacedBy !== undefined) {
    categoryOf(tag, declaration.replacedBy)
    if (declaration.deprecated === undefined) {
      refuse(tag, "it is replaced and not deprecated", "Say why it is deprecated, or leave replacedBy out")
    }
  }
  const retry = declaration.retry ?? "never"
  const { client, developer, operator, partner } = declaration.hints ?? {}
  // Whoever reads a declaration reads the one there is: what one of them writes to it would hold for everybody.
  return Object.freeze<Declared>({
    tag,
    code,
    category,
    reason: declaration.reason ?? code.slice(code.lastIndexOf(".") + 1).replaceAll("_", " "),
    retry,
    health: declaration.health ?? (category === "biz" ? "success" : category === "conf" ? "ignored" : "failure"),
    severity: declaration.severity ?? defaultSeverity(category, retry),
    http,
    grpc: declaration.grpc,
    hints: Object.freeze({
      client: list(client),
      partner: list(partner),
      operator: list(operator),
      developer: list(developer)
    }),
    sensitive,
    detail: declaration.detail,
    callSite: declaration.callSite ?? false,
    visibility: declaration.visibility ?? (category === "biz" ? "public" : "internal"),
    deprecated: declaration.deprecated,
    replacedBy: declaration.replacedBy
  })
}

interface Site extends Place {
  readonly tag: string
}

const sites = new Map<string, Site>()

const frameLocation = /[\s(]((?:file:\/\/|\/|[A-Za-z]:\\)[^\s()]*?):(\d+):(\d+)\)?$/

interface Place {
  readonly file: string
  readonly text: string
}

/** The places in files that a stack names, innermost first. */
const placesIn = (stack: string | undefined): ReadonlyArray<Place & { readonly url: string }> =>
  (stack ?? "")
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const match = frameLocation.exec(line.trim())
      if (match === null) return []
      const url = match[1]!
      const file = url.replace(/[?#].*$/, "").replace(/^file:\/\//, "")
      return [{ url, file, text: `${file}:${match[2]}` }]
    })

/** The first place of a stack whose file is not passed over, as file and `file:line`. */
export const callSite = (stack: string | undefined, passOver: (file: string) => boolean): Place | undefined =>
  placesIn(stack).find(({ url }) => !passOver(url))

/** Where a class is declared: outside of the machinery, or at its end where a bundler made one file of both. */
export const declaredAt = (stack: string | undefined, passOver: (file: string) => boolean): Place =>
  callSite(stack, passOver) ?? placesIn(stack).at(-1) ?? { file: "unknown", text: "an unknown place" }

/** The folder of this module: whatever stands in it belongs to the machinery of declaring. */
const own = import.meta.url.replace(/[^/]*$/, "")

/** Whether a stack line is in this package's own declaring modules. */
export const isMachinery = (file: string): boolean => file.startsWith(own) || `file://${file}`.startsWith(own)

/**
 * Remembers where a code was declared. The same class of the same file may come again (a module reloaded in watch
 * mode); anything else is two failures under one name.
 */
export const register = (tag: string, code: string, stack: string | undefined): void => {
  const { file, text } = declaredAt(stack, isMachinery)
  const site: Site = { tag, file, text }
  const known = sites.get(code)
  if (known !== undefined && !(known.tag === tag && known.file === site.file)) {
    refuse(
      tag,
      `code ${JSON.stringify(code)} is declared twice: as "${known.tag}" at ${known.text} and as "${tag}" at ${site.text}`,
      "Give one of them another code"
    )
  }
  sites.set(code, site)
}
