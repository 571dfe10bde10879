import type { Audience, Catalog } from "@holdfast/core"
import { Context, Effect, Option } from "effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { Carry, ErrorSnapshot, Format } from "../snapshot/ErrorSnapshot.ts"
import { freshId } from "../snapshot/occurrence.ts"
import { type Format as BodyFormat, localesOf } from "./accept.ts"
import { look } from "./look.ts"
import { isIgnored, met, report } from "./met.ts"
import { translated } from "./translate.ts"

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
  /** The header that names the request on both sides. Default: `x-correlation-id`. */
  readonly correlationHeader?: string
  /** Titles by locale, then by code; `Content-Language` says which was used. What one lacks is logged once. Default: none. */
  readonly titles?: Catalog.Titles
  /** Fills the titles, with an ICU MessageFormat, for example. Default: `{name}` becomes the field of that name. */
  readonly format?: Format
}

/** The options of the edge that a request is inside of. */
export const InForce: Context.Reference<Options> = Context.Reference("@holdfast/protocol/edge/InForce", {
  defaultValue: (): Options => ({})
})

const requestId = /^[\w.:+/=-]{1,128}$/

/** The caller's own name for the request, else that of the trace, else a new one. */
const correlationId = (given: string | undefined): Effect.Effect<string> =>
  given !== undefined && requestId.test(given)
    ? Effect.succeed(given)
    : Effect.option(Effect.currentSpan).pipe(
        Effect.flatMap((span) => (Option.isSome(span) ? Effect.succeed(span.value.traceId) : freshId))
      )

/** A failure as the caller of a request is told of it. */
export interface Told {
  readonly snapshot: ErrorSnapshot
  readonly audience: Audience
  readonly headers: Readonly<Record<string, string>>
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
    const { carry, correlationHeader = "x-correlation-id", format, titles } = options
    const given = options.audience ?? "client"
    const audience = typeof given === "function" ? look(() => given(request), "client") : given
    const said = look(() => translated(error, request), { error })
    const locales = localesOf(request.headers["accept-language"])
    const one = yield* met(said.error, { audience, carry, format, titles, locales, status: said.status ?? status })
    const pause = one.snapshot.retry_after_ms
    const correlation = yield* correlationId(request.headers[correlationHeader.toLowerCase()])
    return {
      snapshot: one.snapshot,
      audience,
      headers: {
        [correlationHeader]: correlation,
        "cache-control": "no-store",
        ...(pause === undefined ? {} : { "retry-after": String(Math.ceil(pause / 1000)) }),
        ...(one.locale === undefined ? {} : { "content-language": one.locale })
      },
      report: isIgnored(error) ? Effect.void : Effect.annotateLogs(report(one), "correlation_id", correlation)
    }
  })
