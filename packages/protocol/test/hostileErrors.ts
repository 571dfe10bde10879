import { Operation, Reasons } from "@holdfast/core"
import { Cause } from "effect"
import { raised } from "./support.ts"

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

export const boom = (): never => {
  throw new Error("trap")
}

const hostile = (): object =>
  new Proxy(
    {},
    {
      get: boom,
      has: boom,
      getPrototypeOf: boom,
      ownKeys: boom,
      getOwnPropertyDescriptor: boom,
      set: boom,
      defineProperty: boom
    }
  )

const everything = (): object => new Proxy({}, { get: () => undefined, has: () => true })

const cyclic = (): Error => {
  const a = new Error("a")
  const b = new AggregateError([a, a], "b", { cause: a })
  a.cause = b
  return a
}

export const deep = (make: (cause: unknown, index: number) => unknown): unknown => {
  let error: unknown = new Error("the root")
  for (let index = 0; index < 100_000; index++) error = make(error, index)
  return error
}

export const manyOperations = (): unknown =>
  raised(
    new Reasons.SystemError(),
    ...Array.from({ length: 500 }, (_, index) =>
      Operation.doing(`step ${index}`, {
        fields: Array.from({ length: 100 }, (__, field) => [`f${field}`, "v".repeat(3000)] as const),
        metadata: Object.fromEntries(Array.from({ length: 100 }, (__, key) => [`k${index}_${key}`, "m".repeat(3000)]))
      })
    )
  )

/** What a program may find in its hands, with a name. */
export const values: ReadonlyArray<readonly [string, () => unknown]> = [
  ["10 MB of detail", () => new Reasons.NotFound({ detail: "x".repeat(10_000_000) })],
  ["10 MB of control characters", () => new Reasons.NotFound({ detail: "\u0001".repeat(10_000_000) })],
  ["10 MB of what begins like a token", () => new Reasons.NotFound({ detail: "eyJaaaaaaaa-".repeat(800_000) })],
  ["10 MB in the message of a cause", () => new Reasons.NotFound({ cause: new Error("x".repeat(10_000_000)) })],
  ["a cyclic cause", cyclic],
  [
    "an error that is its own cause",
    () =>
      Object.assign(new Error("self"), {
        get cause() {
          return this
        }
      })
  ],
  ["100 000 causes in a chain", () => deep((cause, index) => new Error(`link ${index}`, { cause }))],
  ["100 000 failures in a chain", () => deep((cause) => new Reasons.SystemError({ detail: "again", cause }))],
  ["100 000 parallel errors", () => new AggregateError(Array.from({ length: 100_000 }, (_, i) => new Error(`e${i}`)))],
  [
    "100 000 reasons",
    () => Cause.fromReasons(Array.from({ length: 100_000 }, (_, i) => Cause.makeFailReason(`r${i}`)))
  ],
  ["500 operations with 100 large fields each", manyOperations],
  ["a revoked proxy", revoked],
  ["a revoked proxy as cause", () => new Error("x", { cause: revoked() })],
  ["a revoked proxy as its errors", () => Object.assign(new Error("x"), { errors: revoked() })],
  ["a failed revoked proxy", () => Cause.fail(revoked())],
  ["a proxy that traps everything", hostile],
  ["a proxy that traps everything as cause of a failure", () => new Reasons.SystemError({ cause: hostile() })],
  [
    "getters that throw",
    () => ({
      get message() {
        return boom()
      },
      get cause() {
        return boom()
      },
      get _tag() {
        return boom()
      },
      get schema_version() {
        return boom()
      },
      toJSON: boom,
      toString: boom
    })
  ],
  ["a proxy that claims to be everything", everything],
  ["a proxy that claims to be everything, thrown", () => Cause.die(everything())],
  [
    "an issue that holds itself twice",
    () => {
      const issue: { _tag: string; issues?: ReadonlyArray<unknown> } = { _tag: "Composite" }
      issue.issues = [issue, issue]
      return { _tag: "SchemaError", issue }
    }
  ],
  ["10 MB of bytes", () => new Uint8Array(10_000_000)],
  ["ten million items", () => Array.from({ length: 10_000_000 }, () => 0)],
  ["a frozen error", () => Object.freeze(new Error("cold", { cause: Object.freeze(new Reasons.Timeout()) }))],
  ["null", () => null],
  ["undefined", () => undefined],
  ["a symbol", () => Symbol("s")],
  ["a function", () => boom],
  ["a big integer", () => 10n ** 400n],
  ["a text", () => "boom"],
  ["a lone surrogate", () => "\ud800 and \udc00"],
  ["an object without prototype", () => Object.assign(Object.create(null), { message: 7 })],
  ["an empty cause", () => Cause.empty],
  ["polluting keys", () => JSON.parse(`{"__proto__": {"polluted": true}, "message": "x", "constructor": 1}`)],
  [
    "polluting metadata",
    () =>
      raised(
        new Reasons.DataError(),
        Operation.doing("x", { metadata: JSON.parse(`{"__proto__": "polluted"}`), fields: [["__proto__", "polluted"]] })
      )
  ]
]
