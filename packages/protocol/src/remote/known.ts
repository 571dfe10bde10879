import { type Category, Failure } from "@holdfast/core"
import { guarded, refuse } from "@holdfast/core/options"
import { Duration, ErrorReporter, Option, Predicate, Schema } from "effect"
import { type CarriedFailure, carriedVersion } from "../snapshot/carried.ts"

/** A class that `Failure.Tagged` made. */
export type Known = Failure.Member & { readonly declared: Failure.Declared }

export const failureClass = guarded(
  "a failure class, as Failure.Tagged makes it",
  (u): u is Known =>
    Predicate.isFunction(u) &&
    Predicate.hasProperty(u, "declared") &&
    Predicate.hasProperty(u.declared, "code") &&
    Predicate.isString(u.declared.code)
)

/** The classes that may come back, as they may be used. Whoever leaves them out for the options is told of it. */
export const verifiedKnown = (path: string, given: ReadonlyArray<Known> | undefined): ReadonlyArray<Known> => {
  if (given === undefined) return []
  if (!Array.isArray(given)) {
    return refuse({ path: `${path}.known` }, "must be a list of failure classes; options come after it", given)
  }
  const wrong = given.findIndex((one) => !failureClass.is(one))
  return wrong < 0 ? given : refuse({ path: `${path}.known[${wrong}]` }, failureClass.what, given[wrong])
}

/** What has to be known of a failure to rebuild it. */
interface Remote {
  readonly code: string
  readonly category: Category
  readonly detail?: string
  readonly retryAfter?: Failure.Any["retryAfter"]
}

type Decode = (data: unknown) => Option.Option<Failure.Any>

const indices = new WeakMap<ReadonlyArray<Known>, ReadonlyMap<string, Known>>()
const decoders = new WeakMap<Known, Decode>()

const classOf = (known: ReadonlyArray<Known>, code: string): Known | undefined => {
  let index = indices.get(known)
  if (index === undefined) {
    index = new Map(known.map((Class) => [Class.declared.code, Class]))
    indices.set(known, index)
  }
  return index.get(code)
}

const decoderOf = (Class: Known): Decode => {
  let decode = decoders.get(Class)
  if (decode === undefined) {
    decode = Schema.decodeUnknownOption(Schema.toCodecJson(Class))
    decoders.set(Class, decode)
  }
  return decode
}

/** Nobody waits longer than that, whatever stands among the fields. */
const longest = 2 ** 31

/** The pause among the fields that came along, as it would be beside them. */
const pauseAmong = (data: Readonly<Record<string, unknown>>): { readonly retryAfter?: number } => {
  const { retryAfter } = data
  if (retryAfter === "Infinity") return { retryAfter: longest }
  return typeof retryAfter === "number" ? { retryAfter: Math.min(longest, Math.max(0, retryAfter)) } : {}
}

/** A failure that was just rebuilt, and that is not to be tried again whatever its class declares: who made it has decided so. */
export const final = <F extends Failure.Any>(failure: F): F => {
  const declared = failure[Failure.TypeId]
  // Who says that one may not come back has nothing to say about when.
  Reflect.deleteProperty(failure, "retryAfter")
  if (declared.retry === "never") return failure
  const { category, code } = declared
  return Object.defineProperties(failure, {
    [Failure.TypeId]: { value: { ...declared, retry: "never" } },
    [ErrorReporter.attributes]: {
      value: { "error.type": code, "error.category": category, "error.retry": "never" }
    }
  })
}

/** The declared failure that a remote one is: from the fields that came along, else from what every format says. */
export const rebuild = (
  remote: Remote,
  carried: CarriedFailure | undefined,
  known: ReadonlyArray<Known>
): Failure.Any | undefined => {
  const Class = classOf(known, remote.code)
  if (Class === undefined) return undefined
  const decode = decoderOf(Class)
  const { detail, retryAfter } = remote
  const pause = retryAfter === undefined ? {} : { retryAfter: Duration.toMillis(retryAfter) }
  const said = { _tag: Class.declared.tag, ...(detail === undefined ? {} : { detail }), ...pause }
  const full =
    carried?.version === carriedVersion && carried.data?.["_tag"] === Class.declared.tag
      ? decode({ ...pause, ...carried.data, ...pauseAmong(carried.data) })
      : Option.none<Failure.Any>()
  return Option.getOrUndefined(Option.orElse(full, () => decode(said)))
}
