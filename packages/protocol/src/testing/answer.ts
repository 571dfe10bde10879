import { Effect, Layer } from "effect"
import type { FileSystem } from "effect/FileSystem"
import type { Generator } from "effect/http/Etag"
import type { HttpPlatform } from "effect/http/HttpPlatform"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import type { Path } from "effect/Path"

/** What a caller got. */
export interface Answer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** What the text is as JSON; `undefined` where it is none. */
  readonly json: unknown
}

type Needs =
  | FileSystem
  | Generator
  | HttpPlatform
  | HttpRouter.HttpRouter
  | HttpRouter.Request<"Error" | "GlobalError" | "GlobalRequires" | "Requires", unknown>
  | Path

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const requestOf = (request: Request | string): Request =>
  typeof request === "string" ? new Request(new URL(request, "http://localhost")) : request

/**
 * What routes or an `HttpApi` answer to one request, without a network: the app is built for it, and taken down again. It runs
 * by itself, on the clock of the machine. An app that cannot be built, and a body that breaks off, die.
 *
 * - `request`: a web `Request`, or the path of a GET.
 *
 * @example
 * ```ts
 * import { Reasons } from "@holdfast/core"
 * import { HttpEdge } from "@holdfast/protocol/http"
 * import { answer } from "@holdfast/protocol/testing"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 *
 * const routes = HttpRouter.add("GET", "/orders/:id", Effect.fail(new Reasons.NotFound({ detail: "order 7" })))
 * const { json, status } = await Effect.runPromise(answer(Layer.mergeAll(routes, HttpEdge.layer()), "/orders/7"))
 * status // => 400
 * ```
 */
export const answer = <A, E>(app: Layer.Layer<A, E, Needs>, request: Request | string): Effect.Effect<Answer> =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      HttpRouter.toWebHandler(
        Layer.provide(app, HttpServer.layerServices) as Layer.Layer<A, E, HttpRouter.HttpRouter>,
        {
          disableLogger: true
        }
      )
    ),
    ({ handler }) =>
      Effect.promise(async () => {
        const response = await handler(requestOf(request))
        const text = await response.text()
        const headers = Object.fromEntries(response.headers)
        return { status: response.status, headers, text, json: parsed(text) }
      }),
    ({ dispose }) => Effect.promise(dispose)
  )
