import { Audience, type Catalog, Reasons } from "@holdfast/core"
import {
  type At,
  check,
  checkOne,
  either,
  fn,
  guarded,
  oneOf,
  record,
  refuse,
  type Table,
  text,
  under
} from "@holdfast/core/options"
import { Cause, Effect, Option } from "effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import { type HttpServerResponse, setHeaders } from "effect/http/HttpServerResponse"
import { isIgnored, keyOf, reportOrLog } from "../reporting.ts"
import type { Carry, ErrorSnapshot, Format } from "../snapshot/ErrorSnapshot.ts"
import { happened, occurrenceOf } from "../snapshot/happened.ts"
import { freshId } from "../snapshot/occurrence.ts"
import { type Format as BodyFormat, localesOf } from "./accept.ts"
import { look } from "../look.ts"
import { InForce } from "./inForce.ts"
import { met, type Met } from "./met.ts"
import { type Translated, translated } from "./translate.ts"

/** How failures are answered. */
export interface Options {
  /**
   * Who reads the answers: `client`, `partner`, `operator`, `developer`, or a function of the request, such as one that looks at who
   * is logged in. If it throws, `client`. Default: `"client"`.
   */
  readonly audience?: Audience | ((request: HttpServerRequest) => Audience)
  /** The format for callers that accept both or say nothing. Default: `"json"`, the HTTP projection. */
  readonly prefer?: BodyFormat
  /** The beginning of the type URI of a problem. Default: none, and the type is `about:blank`. */
  readonly typeBase?: string
  /** What goes along so that the other side gets the failure back, its own fields included. Default: nothing. */
  readonly carry?: Carry
  /** The header that names the request, read from it and set on every answer; one that is no name is refused. Default: `x-correlation-id`. */
  readonly correlationHeader?: string
  /** Titles by locale, then by code; `Content-Language` says which was used. What one lacks is logged once. Default: none. */
  readonly titles?: Catalog.Titles
  /** Fills the titles, with an ICU MessageFormat, for example. Default: `{name}` becomes the field of that name. */
  readonly format?: Format
}

const requestId = /^[\w.:+/=-]{1,128}$/

const defaultHeader = "x-correlation-id"

/** The shape of a tag of BCP 47 (RFC 5646), of which every language in use has two or three letters. Under another name nobody finds it. */
const languageTag = /^[a-z]{2,3}(?:-[a-z\d]{1,8})*$/i

const headerName = /^[\w!#$%&'*+.^`|~-]+$/

/** What an answer says with these, or what it is not to repeat, has no room for the name of a request. */
const taken =
  /^(?:accept.*|access-control-.*|authorization|connection|content-.*|cookie|date|expect|host|location|proxy-.*|retry-after|set-cookie|transfer-encoding|upgrade|vary)$/i

/** The correlation header. */
export const headerOf = ({ correlationHeader = defaultHeader }: Options): string => correlationHeader

const checkTitles = (at: At, titles: Catalog.Titles): void => {
  for (const [tag, texts] of Object.entries(titles)) {
    const where = under(at, tag)
    if (!languageTag.test(tag)) refuse(where, "must be under the tag of a language (de, de-AT)")
    checkOne(where, record, texts)
    for (const [code, title] of Object.entries(texts)) checkOne(under(where, code), text, title)
  }
}

export const carry = oneOf("public", "all")

/** Who reads, by name or by what is known of a request. */
export const audience = either(oneOf(...Audience.literals), fn)

const table: Table<Options> = {
  audience,
  prefer: oneOf("json", "problem"),
  typeBase: text,
  carry,
  correlationHeader: guarded(
    "the name of a header that has no other meaning (x-request-id)",
    (u): u is string => typeof u === "string" && headerName.test(u) && !taken.test(u)
  ),
  titles: record,
  format: fn
}

/** Options as they may be used. */
export const verified = (path: string, given: Options): Options => {
  const at = { path }
  check(at, table, given)
  if (given.titles !== undefined) checkTitles(under(at, "titles"), given.titles)
  return given
}

/** The caller's own name for the request, else that of the trace, else a new one; within an edge the one it has already. */
export const correlationOf = (options: Options): Effect.Effect<string, never, HttpServerRequest> =>
  Effect.gen(function* () {
    const { correlation } = yield* InForce
    if (correlation !== undefined) return correlation
    const { headers } = yield* HttpServerRequest
    const given = headers[headerOf(options).toLowerCase()]
    if (given !== undefined && requestId.test(given)) return given
    const span = yield* Effect.option(Effect.currentSpan)
    return Option.isSome(span) ? span.value.traceId : yield* freshId
  })

/** A failure as the caller of a request is told of it. */
export interface Told {
  readonly snapshot: ErrorSnapshot
  readonly audience: Audience
  readonly headers: Readonly<Record<string, string>>
  /** The language of the title, where it was translated: for an answer that shows the title. */
  readonly language: Readonly<Record<string, string>>
  /** Tells the `ErrorReporter`s what happened, under the name that the caller knows it by. */
  readonly report: Effect.Effect<void>
}

/** Looks at a failure that leaves through HTTP. `status` is there where no policy decides it. */
export const told = (
  error: unknown,
  options: Options,
  status?: number
): Effect.Effect<Told, never, HttpServerRequest> =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest
    const { carry, format, titles } = options
    const given = options.audience ?? "client"
    const audience = typeof given === "function" ? look(() => given(request), "client") : given
    const said = look(() => translated(error, request), { error })
    const locales = localesOf(request.headers["accept-language"])
    const occurrence = (yield* InForce).named?.get(keyOf(error))
    const one = yield* met(said.error, {
      audience,
      carry,
      format,
      titles,
      locales,
      occurrence,
      status: said.status ?? status
    })
    const { category, code } = one.snapshot.identity
    // The server sees an answer and no failure, so that its span could not say what went wrong.
    yield* Effect.annotateCurrentSpan({ "error.type": code, "error.category": category })
    const pause = one.snapshot.retry_after_ms
    const correlation = yield* correlationOf(options)
    return {
      snapshot: one.snapshot,
      audience,
      headers: {
        [headerOf(options)]: correlation,
        "cache-control": "no-store",
        vary: "accept, accept-language",
        ...(pause === undefined ? {} : { "retry-after": String(Math.ceil(pause / 1000)) })
      },
      language: one.locale === undefined ? {} : { "content-language": one.locale },
      report: Effect.annotateLogs(heard(error, said, one), "correlation_id", correlation)
    }
  })

/** A bug is heard of even where an error says that nobody needs to. */
const heard = (
  error: unknown,
  { isHeard }: Translated,
  { cause, snapshot: { identity } }: Met
): Effect.Effect<void> => {
  if (isHeard === true || !isIgnored(error)) return reportOrLog(cause)
  if (identity.category !== "logic") return Effect.void
  const named = new Reasons.LogicError({ detail: "failed with what is not to be reported", cause: error })
  const occurrence = occurrenceOf(cause)
  return reportOrLog(occurrence === undefined ? Cause.die(named) : happened(Cause.die(named), occurrence))
}

/** Says beside an answer what is said of its failure. An answer may depend on more than this edge looks at. */
export const setTold = (response: HttpServerResponse, headers: Told["headers"]): HttpServerResponse => {
  const { vary } = response.headers
  return setHeaders(response, vary === undefined ? headers : { ...headers, vary: `${vary}, ${headers["vary"]}` })
}
