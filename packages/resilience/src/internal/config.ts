/** Options from the `ConfigProvider`, which knows only texts: what a text must be is said by whoever reads it. */
import type { ConfigError } from "@holdfast/core"
import { type At, millisOf, nearest, refuse, refusing, section, under } from "@holdfast/core/options"
import { ConfigProvider, type Duration, Effect } from "effect"

interface Source {
  readonly provider: ConfigProvider.ConfigProvider
  readonly path: ConfigProvider.Path
  readonly at: At
}

/** How configuration says one option, in the shape in which code says it. `undefined` when it does not say it. */
export type Form<out A> = (source: Source) => Effect.Effect<A | undefined, ConfigError.InvalidValue>

/** A form for every option, so that none can be forgotten. */
export type Forms<O> = { readonly [K in keyof O]-?: Form<O[K]> }

const constantOf = (key: string): string => key.replace(/([A-Z])/g, "_$1").toUpperCase()

/** A path as the variables of an environment are split: `circuitBreaker` is `circuit` and, below it, `breaker`. */
const split = (path: ConfigProvider.Path): ConfigProvider.Path =>
  path.flatMap((key) => (typeof key === "string" && /[a-z][A-Z]/.test(key) ? constantOf(key).split("_") : [key]))

const lower = (path: ConfigProvider.Path): ConfigProvider.Path =>
  path.map((key) => (typeof key === "string" ? key.toLowerCase() : key))

const upper = (path: ConfigProvider.Path): ConfigProvider.Path =>
  path.map((key) => (typeof key === "string" ? key.toUpperCase() : key))

/** What stands there. What stands below a key of several words an environment in capitals shows below each of them. */
const load = ({
  at,
  path,
  provider
}: Source): Effect.Effect<ConfigProvider.Node | undefined, ConfigError.InvalidValue> =>
  Effect.gen(function* () {
    const node = yield* provider.load(path)
    const parts = split(path)
    if (node !== undefined || parts.length === path.length) return node
    // Only where the case of a key is nothing: to others these are the settings of somebody else.
    return (yield* provider.load(lower(parts))) && (yield* provider.load(parts))
  }).pipe(Effect.catch(() => refusing(() => refuse(at, "must be readable"))))

const below = (source: Source, key: string | number): Source => ({
  provider: source.provider,
  path: [...source.path, key],
  at: under(source.at, key)
})

const leaf =
  <A>(parse: (text: string, at: At) => A): Form<A> =>
  (source) =>
    Effect.flatMap(load(source), (node) =>
      node === undefined
        ? Effect.succeed(undefined)
        : refusing(() => parse(node.value?.trim() ?? refuse(source.at, "must be a text"), source.at))
    )

/** A number that is written out is what is written, and no other: none is infinite but the word. */
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

export const number = leaf((text, at) => {
  const value = text === "Infinity" || decimal.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(value) || text === "Infinity" ? value : refuse(at, "must be a number", text)
})

const units = /^-?\d+(?:\.\d+)? (?:nano|micro|milli|second|minute|hour|day|week)s?$|^Infinity$/

/** What people write in files, and what a policy prints. */
const short: Readonly<Record<string, string>> = { ms: "millis", s: "seconds", m: "minutes", h: "hours", d: "days" }

const durationOf = (text: string): Duration.Input | undefined => {
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  if (units.test(text)) return text as Duration.Input
  const [, amount, unit] = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  return unit === undefined ? undefined : (`${amount} ${short[unit]}` as Duration.Input)
}

const parseDuration = (text: string, at: At): Duration.Input => {
  const found = durationOf(text)
  // So many digits that they are infinite are not meant to be no limit.
  if (found !== undefined && (text === "Infinity" || Number.isFinite(millisOf(found)))) return found
  return refuse(
    at,
    "must be a duration: a number of milliseconds, or one with a unit such as 500ms, 30s, 5m, 1h or 30 seconds, 5 minutes, 1 hour",
    text
  )
}

export const duration: Form<Duration.Input> = leaf(parseDuration)

export const flag = leaf((text, at) =>
  text === "true" ? true : text === "false" ? false : refuse(at, "must be true or false", text)
)

/** A text, whose meaning is checked with the options themselves. */
export const text: Form<never> = leaf((text) => text as never)

const list =
  <A>(parse: (text: string, at: At) => A): Form<ReadonlyArray<A>> =>
  (source) =>
    Effect.flatMap(load(source), (node) => {
      if (node?._tag === "Array" && node.value === undefined) {
        const items = Array.from({ length: node.length }, (_, i) => leaf(parse)(below(source, i)))
        return Effect.map(Effect.all(items), (all) => all.filter((one) => one !== undefined))
      }
      return leaf((text, at) => text.split(",").map((part) => parse(part.trim(), at)))(source)
    })

/** Several texts, as a list or with commas between them. */
export const texts: Form<ReadonlyArray<string>> = list((text) => text)

export const durations: Form<ReadonlyArray<Duration.Input>> = list(parseDuration)

/** What only code can say. */
export const inCode: Form<never> = (source) =>
  Effect.flatMap(load(source), (node) =>
    node === undefined
      ? Effect.succeed(undefined)
      : refusing(() =>
          refuse(source.at, "must be given in code: it is a function or a shared value, which no text can be")
        )
  )

/** The same, where an environment in capitals shows another option under the same name. */
export const inCodeOrNamesake: Form<never> = (source) =>
  Effect.gen(function* () {
    const found = yield* load({ ...source, path: lower(source.path) })
    const isFolded = found !== undefined && (yield* load({ ...source, path: upper(source.path) })) !== undefined
    return isFolded ? undefined : yield* inCode(source)
  })

const assignments = "a text such as NotFound=ignored, sys.timeout=success"

const parsePairs = (text: string, at: At): Readonly<Record<string, never>> => {
  const found: Record<string, string> = {}
  for (const part of text.split(",")) {
    const [, name, value] = /^([^=]*[^=\s])\s*=([^=]+)$/.exec(part.trim()) ?? []
    if (name === undefined) return refuse(at, `must be ${assignments}`, text)
    if (Object.hasOwn(found, name)) refuse(under(at, name), "must be said once")
    found[name] = value!.trim()
  }
  return found as Readonly<Record<string, never>>
}

const pairs = leaf(parsePairs)

/** Texts under names of their own: in a section, or in one text, which keeps the names as they are where keys do not. */
export const dictionary: Form<Readonly<Record<string, never>>> = (source) =>
  Effect.gen(function* () {
    const node = yield* load(source)
    if (node === undefined) return undefined
    const keys = node._tag === "Record" ? [...node.keys] : []
    if (keys.length === 0 && node.value !== undefined) return yield* pairs(source)
    if (node._tag !== "Record" || node.value !== undefined) {
      return yield* refusing(() => refuse(source.at, `must be a section, or ${assignments}`))
    }
    const found: Record<string, never> = {}
    for (const key of keys) {
      const other = key.toLowerCase()
      const isFolded = !node.keys.has(other) && (yield* load(below(source, other))) !== undefined
      if (isFolded)
        yield* refusing(() =>
          refuse(under(source.at, key), `must be said in ${assignments}: this key has lost its case`)
        )
      found[key] = (yield* text(below(source, key)))!
    }
    return found
  })

/** `maxElapsed` is the variables `MAX` … `ELAPSED` to an environment that is asked in capitals. */
const isPartOf = (key: string, known: ReadonlyArray<string>): boolean =>
  known.some((one) => {
    const constant = constantOf(one)
    return constant === key || constant.startsWith(`${key}_`)
  })

/** `retries` is `retry`, `breaker` is `circuitBreaker`, and `timeoutPerAttempt` has the words of `attemptTimeout`. */
const wordsOf = (key: string): ReadonlyArray<string> =>
  constantOf(key)
    .toLowerCase()
    .split(/[_-]/)
    .map((word) => word.replace(/ies$/, "y").replace(/s$/, ""))

/** The option that somebody has called by the end of its name, or by its name and more. */
const called = (key: string, known: ReadonlyArray<string>): string | undefined => {
  const words = wordsOf(key)
  return known.find((one) => {
    const its = wordsOf(one)
    return (
      its.slice(-words.length).join() === words.join() || (its.length > 1 && its.every((word) => words.includes(word)))
    )
  })
}

/** Who else may keep settings there. */
type Others =
  /** Nobody. */
  | "nobody"
  /** The other variables of an environment, which belongs to everybody. */
  | "environment"
  /** Other parts of the program. */
  | "anybody"

const isConstant = (key: string): boolean => /^[A-Z\d_]+$/.test(key)

/**
 * Options under their names. A key that nobody knows is refused; where others keep their settings, too, only one that looks
 * like a slip of the pen, and `tell` hears of the rest. There, what an option may have been called (`budget`) is theirs, too.
 */
const record =
  <O extends object>(
    forms: { readonly [K in keyof O]: Form<O[K]> },
    others: Others,
    tell: (text: string) => Effect.Effect<void> = () => Effect.void
  ): Form<O> =>
  (source) =>
    Effect.gen(function* () {
      const node = yield* load(source)
      const known = Object.keys(forms)
      const sayable = known.filter((key) => forms[key as keyof O] !== (inCode as unknown))
      if (node?._tag === "Record") {
        const left: Array<string> = []
        for (const key of node.keys) {
          if (Object.hasOwn(forms, key) || isPartOf(key, known)) continue
          const slip = nearest(key, known)
          const meant = slip ?? called(key, sayable)
          const hint = meant === undefined ? "" : `did you mean ${meant}?`
          const isTheirs =
            others === "anybody" ? slip === undefined : others === "environment" && isConstant(key) && !hint
          if (isTheirs) {
            left.push(hint ? `${key} (${hint})` : key)
            continue
          }
          const what = hint ? `is no option, ${hint}` : "is no option"
          yield* refusing(() => refuse(under(source.at, key), `${what} (there are ${known.join(", ")})`))
        }
        if (left.length > 0) yield* tell(`left to others under ${source.at.path}: ${left.join(", ")}`)
      }
      const found: Record<string, unknown> = {}
      for (const key of known) {
        const value = yield* forms[key as keyof O](below(source, key))
        if (value !== undefined) found[key] = value
      }
      if (Object.keys(found).length > 0 || (node?._tag === "Record" && node.value === undefined)) return found as O
      return node === undefined ? undefined : yield* refusing(() => refuse(source.at, section.what, node.value))
    })

/** Options in a section of their own. */
export const options = <O extends object>(forms: { readonly [K in keyof O]: Form<O[K]> }): Form<O> =>
  record(forms, "nobody")

/** One text, or a section that says more. */
export const textOr =
  <A, B>(short: Form<A>, long: Form<B>): Form<A | B> =>
  (source) =>
    Effect.flatMap(load(source), (node) =>
      Effect.suspend((): Effect.Effect<A | B | undefined, ConfigError.InvalidValue> =>
        node?.value === undefined ? long(source) : short(source)
      )
    )

/** What is made of what was read; a refusal names the place in the configuration. */
export const mapped =
  <A, B>(form: Form<A>, make: (value: A, at: At) => B): Form<B> =>
  (source) =>
    Effect.flatMap(form(source), (value) =>
      value === undefined ? Effect.succeed(undefined) : refusing(() => make(value, source.at))
    )

export const placeIn = (path: string): At => ({ path, source: "configuration" })

/** A path is one key; or several with dots between them, where there is no such key. */
const find = <A>(path: string, form: Form<A>): Effect.Effect<A | undefined, ConfigError.InvalidValue> =>
  Effect.gen(function* () {
    const source = { provider: yield* ConfigProvider.ConfigProvider, path: [path], at: placeIn(path) }
    const isOne = !path.includes(".") || (yield* load(source)) !== undefined
    return yield* form(isOne ? source : { ...source, path: path.split(".") })
  })

/**
 * What a form finds under a path of the `ConfigProvider`. Nothing at all is no mistake where something stands in code, but a
 * slip of the pen in the path would look the same.
 */
export const readOne = <A>(
  path: string,
  form: Form<A>,
  isInCode = true
): Effect.Effect<A | undefined, ConfigError.InvalidValue> =>
  Effect.tap(find(path, form), (found) =>
    found === undefined && isInCode
      ? Effect.logInfo(`nothing is configured under ${path}, the options in code hold`)
      : Effect.void
  )

/** The options of a policy under a path, which other parts of the program may use, too, unless it `isOwn`. */
export const read = <O extends object>(
  path: string,
  forms: { readonly [K in keyof O]: Form<O[K]> },
  isOwn = false
): Effect.Effect<Partial<O>, ConfigError.InvalidValue> =>
  Effect.map(
    readOne(path, record(forms, isOwn ? "environment" : "anybody", Effect.logInfo)),
    (found): Partial<O> => found ?? {}
  )

/** The same once more, without a word of what has been said. */
export const reread = <O extends object>(
  path: string,
  forms: { readonly [K in keyof O]: Form<O[K]> },
  isOwn = false
): Effect.Effect<Partial<O>, ConfigError.InvalidValue> =>
  Effect.map(find(path, record(forms, isOwn ? "environment" : "anybody")), (found): Partial<O> => found ?? {})
