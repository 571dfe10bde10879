import { Duration, Equal, ErrorReporter, Hash, Option } from "effect"
import { ofError } from "../operation/Operation.ts"
import * as Redaction from "../redaction/Redaction.ts"
import { errorsUnder } from "../report/causes.ts"
import { secretsAmong } from "../report/secrets.ts"
import { compact } from "./compact.ts"
import { callSite, type Declared, InvalidFields, isMachinery } from "./declaration.ts"
import { mask, view } from "./fields.ts"
import { type Any, isFailure, LeafId, leafOf, TypeId } from "./model.ts"

/** What every failure accepts beside its own fields. */
export interface Extras {
  /** What happened this time. Wins over the declared `detail`. */
  readonly detail?: string | undefined
  /** The callee's wish: not before this much time has passed. */
  readonly retryAfter?: Duration.Input | undefined
  /** What went wrong underneath: any value, or an array of several, in order. Kept in the process; never encoded. */
  readonly cause?: unknown
  /** Where in the source, as `file:line`. Kept in the process; never encoded. */
  readonly position?: string | undefined
}

/** Sets what stays in the process: no encoder and no spread sees it. */
export const hidden = (self: object, key: "cause" | "position", value: unknown): void => {
  Object.defineProperty(self, key, { value, enumerable: false, configurable: true, writable: true })
}

/** The properties with `retryAfter` as the duration that it stands for, and without those that are only named. */
export const withDuration = <P extends Extras>(tag: string, props: P): P => {
  const { detail, retryAfter, ...rest } = props
  return {
    ...rest,
    ...(detail === undefined ? undefined : { detail }),
    ...(retryAfter === undefined ? undefined : { retryAfter: durationOf(tag, retryAfter) })
  } as P
}

const durationOf = (tag: string, input: Duration.Input): Duration.Duration => {
  const duration = Duration.fromInput(input)
  if (Option.isSome(duration)) return duration.value
  throw new InvalidFields(`Failure "${tag}": retryAfter: must be a duration, such as "2 seconds" or milliseconds`)
}

/** What every instance of a declared failure has from its class. */
export const prototypeOf = (declared: Declared): PropertyDescriptorMap => ({
  [TypeId]: { value: declared },
  [LeafId]: {
    get(this: Any) {
      return this
    }
  },
  message: {
    get(this: object) {
      const detail = detailOf(this as Any)
      return compact(declared.reason, detail === null ? null : withoutSecrets(this as Any)(detail))
    },
    configurable: true
  },
  // Only an instance made without a stack (see `stackless`) gets here.
  stack: {
    get(this: Any) {
      return `${this.name}: ${this.message}`
    },
    configurable: true
  },
  // Two failures are equal by their fields, like any tagged error; where they were made does not count.
  [Equal.symbol]: {
    value(this: Any, that: unknown) {
      return (
        isFailure(that) &&
        Object.getPrototypeOf(that) === Object.getPrototypeOf(this) &&
        Equal.equals({ ...this }, { ...that })
      )
    }
  },
  [Hash.symbol]: {
    value(this: Any) {
      return Hash.hash({ ...this })
    }
  },
  ...(declared.callSite ? { position } : {}),
  toJSON: { value: toJSON, writable: true, configurable: true },
  [Symbol.for("nodejs.util.inspect.custom")]: {
    value(this: Any, _depth: number, options: object, inspect: (value: unknown, options: object) => string) {
      const { _tag, ...fields } = this.toJSON() as Readonly<Record<string, unknown>>
      return `${this.stack ?? this.message} ${inspect({ code: declared.code, ...fields }, options)}`
    },
    writable: true,
    configurable: true
  },
  [ErrorReporter.severity]: { value: declared.severity },
  [ErrorReporter.attributes]: {
    value: { "error.type": declared.code, "error.category": declared.category, "error.retry": declared.retry }
  }
})

const elsewhere = (file: string): boolean =>
  isMachinery(file) || file.startsWith("node:") || /[\\/]node_modules[\\/]/.test(file)

const position: PropertyDescriptor = {
  get(this: Any) {
    return callSite(this.stack, elsewhere)?.text
  },
  configurable: true
}

function toJSON(this: Any): unknown {
  const { sensitive } = this[TypeId]
  const shown: Shown = { text: withoutSecrets(this), isSecretKey: Redaction.standard.isSecretKey }
  const json: Record<string, unknown> = { ...this }
  for (const name of Object.keys(json)) {
    if (name === "_tag") continue
    json[name] = sensitive.includes(name) || shown.isSecretKey(name) ? mask : plain(json[name], shown, [])
  }
  return json
}

interface Shown {
  readonly text: (text: string) => string
  readonly isSecretKey: (key: string) => boolean
}

/** Data without secrets. Whatever has a class of its own says itself how it is shown. */
const plain = (value: unknown, shown: Shown, around: ReadonlyArray<unknown>): unknown => {
  if (typeof value === "string") return shown.text(value)
  if (typeof value !== "object" || value === null) return value
  if (around.includes(value)) return "[circular]"
  const within = [...around, value]
  if (Array.isArray(value)) return value.map((item) => plain(item, shown, within))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, of]) => [
      shown.text(key),
      shown.isSecretKey(key) ? mask : plain(of, shown, within)
    ])
  )
}

/** More errors underneath are not searched for secrets, and then no text is shown: a chain has as many messages as errors. */
const most = 256

/** Takes out of a text about a failure what it, or anything underneath, is known to hold. Looks when there is a text. */
const withoutSecrets = (failure: Any): ((text: string) => string) => {
  let known: Redaction.Secrets | "too many" | undefined
  return (text) => {
    if (known === undefined) {
      const errors = errorsUnder(failure, [], most)
      known = errors.length < most ? secretsAmong(failure, errors, ofError(failure), Redaction.standard) : "too many"
    }
    return known === "too many" ? mask : Redaction.standard.text(text, known)
  }
}

/** A detail that repeats a secret field is without it from the beginning: encoders and loggers of others read it, too. */
export const cleanDetail = (self: Any): void => {
  const { detail } = self
  // Nobody has checked what is made without a stack.
  if (typeof detail !== "string") return
  const secrets = Redaction.secretsOf(Redaction.standard, self, self[TypeId].sensitive)
  Object.assign(self, { detail: secrets.cutFrom(detail, mask) })
}

/**
 * The detail of one failure: its own, else the declared one, else `null`. Never throws: a `detail` function that fails
 * counts as none, because describing a failure must not replace it.
 */
export const detailOf = (failure: Any): string | null => {
  const leaf = leafOf(failure)
  if (typeof leaf.detail === "string") return leaf.detail
  const declared = leaf[TypeId]
  const { detail } = declared
  if (detail === undefined) return null
  if (typeof detail === "string") return detail
  try {
    const text: unknown = detail(view(leaf, declared.sensitive) as never)
    // A failure that has nothing to say this time says nothing.
    return typeof text === "string" && text !== "" ? text : null
  } catch {
    return null
  }
}

/**
 * Makes an instance without validation and without a stack trace, for failures that are raised in bulk (a circuit breaker
 * that rejects 100 000 calls a second). The caller vouches for the fields.
 */
export const stackless = <C extends { readonly prototype: Any; readonly declared: Declared }>(
  Class: C,
  props: ConstructorParameters<
    C extends new (...args: infer Args) => unknown ? new (...args: Args) => unknown : never
  >[0]
): C["prototype"] => {
  const self = Object.create(Class.prototype) as Record<string, unknown>
  self["_tag"] = Class.declared.tag
  const { cause, position, retryAfter } = props as Extras
  if (cause === undefined && position === undefined && (retryAfter === undefined || Duration.isDuration(retryAfter))) {
    Object.assign(self, props)
  } else {
    const { cause: _cause, position: _position, ...own } = withDuration(Class.declared.tag, props as Extras)
    Object.assign(self, own)
    if (cause !== undefined) hidden(self, "cause", cause)
    if (position !== undefined) hidden(self, "position", position)
  }
  if (Class.declared.sensitive.length > 0) cleanDetail(self as never)
  return self as never
}
