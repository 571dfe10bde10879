import { Result } from "effect"
import { Url } from "effect/http"

/** Where OpenTelemetry looks for a collector when nobody says otherwise. */
export const defaultEndpoint = "http://localhost:4318"

export type Signal = "traces" | "metrics" | "logs"

/** What {@link problemOf} says of a text with nothing in it. */
export const empty = "must not be empty"

/** Why a text is no endpoint, as the rest of a sentence that begins with its name; `undefined` when it is one. */
export const problemOf = (text: string): string | undefined => {
  if (text.trim() === "") return empty
  if (!/^https?:\/\/[^/?#]/i.test(text)) return "must be a URL that starts with http:// or https://"
  if (/^[^/]*\/\/[^/?#]*@/.test(text)) return "must not hold credentials; send them as a header"
  return Result.isFailure(Url.fromString(text)) ? "must be a valid URL" : undefined
}

const split = (url: string): { readonly origin: string; readonly path: string; readonly query: string } => {
  const [, origin = "", path = "", query = ""] = /^([^/]*\/\/[^/?#]*)([^?#]*)(\?[^#]*)?/.exec(url) ?? []
  return { origin, path, query }
}

/**
 * The URL of one signal under a base, as `OTEL_EXPORTER_OTLP_ENDPOINT` is one: the path `v1/<signal>` goes behind the path
 * of the base. A query stays behind the path; a fragment means nothing to a server and goes.
 */
export const signalUrl = (base: string, signal: Signal): string => {
  const { origin, path, query } = split(base)
  return `${origin}${path.endsWith("/") ? path : `${path}/`}v1/${signal}${query}`
}

/** The URL of a signal's own endpoint, as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is one: as it is, only never without a path. */
export const ownUrl = (url: string): string => {
  const { origin, path, query } = split(url)
  return `${origin}${path === "" ? "/" : path}${query}`
}
