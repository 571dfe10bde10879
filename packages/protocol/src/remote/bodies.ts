import { Category } from "@holdfast/core"
import { Option, Schema } from "effect"
import { HttpProjection, LogProjection, PeerProjection, RpcProjection } from "../projection/schema.ts"
import { CarriedFailure } from "../snapshot/carried.ts"
import { fromUnknown } from "../snapshot/ErrorSnapshot.ts"
import type { Props } from "./failure.ts"

const isCategory = Schema.is(Category)

/** What becomes a label of metrics has to look like one. */
export const isCode = (code: string): boolean => code.length <= 256 && /^[\w.-]+$/.test(code)

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const isObject = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u)

const own = (body: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(body, key) ? body[key] : undefined

/** A category that this version does not know is replaced by the one that the code names. */
const withCategory = (body: unknown): unknown => {
  if (!isObject(body) || isCategory(own(body, "category"))) return body
  const code = own(body, "code")
  const named = typeof code === "string" ? code.slice(0, code.indexOf(".")) : undefined
  return { ...body, category: isCategory(named) ? named : "sys" }
}

/** What a body says, whatever its format. */
export interface Said extends Omit<Props, "detail" | "failure" | "path" | "retryAfter"> {
  readonly detail: string | null
  readonly path?: string | null
  readonly retry_after_ms?: number | undefined
  readonly failure?: CarriedFailure | undefined
}

const reading =
  <S extends Schema.ConstraintDecoder<unknown>>(schema: S, said: (body: S["Type"]) => Said) =>
  (body: unknown): Said | undefined =>
    Option.getOrUndefined(Option.map(Schema.decodeUnknownOption(schema)(withCategory(body)), said))

export const readHttp = reading(HttpProjection, ({ message, ...body }) => ({
  ...body,
  // One member held either of them; shown again as the detail, a public message stays what it was.
  reason: body.visibility === "public" ? body.code.slice(body.code.lastIndexOf(".") + 1).replaceAll("_", " ") : message,
  detail: body.visibility === "public" ? message : null,
  retryable: [429, 503, 504].includes(body.status)
}))

export const readRpc = reading(RpcProjection, (body) => body)

const readPeer = reading(PeerProjection, (body) => body)

/** The failure in the error of another protocol; without the member that is ours, all there is to know is its text. */
const readWithin =
  (member: "data" | "extensions", wrapper: "error" | "errors") =>
  (body: unknown): Said | undefined => {
    if (!isObject(body)) return undefined
    const wrapped = own(body, wrapper)
    const error = Array.isArray(wrapped) ? (wrapped[0] as unknown) : (wrapped ?? body)
    if (!isObject(error)) return undefined
    const message = text(own(error, "message"))
    if (message === undefined) return undefined
    return (
      readPeer(own(error, member)) ?? {
        code: "sys.remote_failure",
        category: "sys",
        reason: message,
        detail: null,
        status: null,
        visibility: "internal",
        hints: [],
        retryable: false
      }
    )
  }

export const readJsonRpc = readWithin("data", "error")

export const readGraphQl = readWithin("extensions", "errors")

export const readLog = reading(LogProjection, ({ root_metadata, ...body }) => ({
  ...body,
  metadata: root_metadata,
  status: null,
  retryable: false
}))

export const readSnapshot = (body: unknown): Said | undefined =>
  Option.getOrUndefined(
    Option.map(fromUnknown(body), ({ decision, failure, identity, retry_after_ms, root_metadata }) => ({
      ...identity,
      position: undefined,
      metadata: root_metadata,
      retry_after_ms,
      failure,
      status: decision.http_status,
      visibility: decision.visibility,
      hints: decision.default_hints,
      retryable: decision.retryable
    }))
  )

export const readProblem = (body: unknown): Said | undefined => {
  if (!isObject(body)) return undefined
  const code = text(own(body, "code"))
  const status = own(body, "status")
  const hints = own(body, "hints")
  const known = withCategory({ code, category: own(body, "category") }) as { readonly category: Category }
  const detail = text(own(body, "detail")) ?? null
  return {
    code: code !== undefined && isCode(code) ? code : "sys.remote_failure",
    category: known.category,
    reason: text(own(body, "title")) ?? "remote failure",
    detail,
    status: typeof status === "number" && Number.isInteger(status) ? status : null,
    // It does not say; without a detail there is nothing to hide.
    visibility: detail !== null || known.category === "biz" ? "public" : "internal",
    hints: Array.isArray(hints) ? hints.filter((hint): hint is string => typeof hint === "string") : [],
    retryable: own(body, "retryable") === true,
    retry_after_ms: Option.getOrUndefined(Schema.decodeUnknownOption(Schema.Finite)(own(body, "retry_after_ms"))),
    failure: Option.getOrUndefined(Schema.decodeUnknownOption(CarriedFailure)(own(body, "failure")))
  }
}
