/**
 * An OTLP/HTTP receiver on loopback: a real server on a real port that follows a fault script and counts, by their ids,
 * the spans it has accepted. It shares no code with the sender, so that the two counts can be held against each other.
 */
import { Context, Deferred, Duration, Effect, Layer, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Behaviour, Phase } from "./script.ts"

export interface Count {
  readonly requests: number
  /** Distinct spans, by trace id and span id. */
  readonly distinct: number
  /** Spans that came again after they had been accepted. */
  readonly duplicates: number
  /** Spans that the receiver was told to refuse in a partial success. */
  readonly rejected: number
}

export interface Service {
  /** The base endpoint: `http://127.0.0.1:PORT`. */
  readonly endpoint: string
  readonly count: Effect.Effect<Count>
  /** Sends it into another phase, whatever the script says. */
  readonly behave: (behaviour: Behaviour) => Effect.Effect<void>
}

export class Receiver extends Context.Service<Receiver, Service>()("examples/otlp-system/Receiver") {}

interface Options {
  /** Default: healthy to the end, or until it is told to behave otherwise. */
  readonly script?: ReadonlyArray<Phase>
  readonly onPhase?: (phase: Phase) => Effect.Effect<void>
}

const spanIds = (body: string): ReadonlyArray<string> => {
  const document = JSON.parse(body) as {
    readonly resourceSpans: ReadonlyArray<{
      readonly scopeSpans: ReadonlyArray<{
        readonly spans: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
      }>
    }>
  }
  return document.resourceSpans.flatMap((resource) =>
    resource.scopeSpans.flatMap((scope) => scope.spans.map(({ spanId, traceId }) => `${traceId}/${spanId}`))
  )
}

class State {
  behaviour: Behaviour = { kind: "healthy" }
  readonly seen = new Set<string>()
  requests = 0
  duplicates = 0
  rejected = 0
  /** Called once the phase has had its requests. */
  left: { requests: number; readonly done: Deferred.Deferred<void> } | undefined = undefined

  /** How to treat the request that has just come in, and whether it ends the phase. */
  next(): Behaviour {
    const { behaviour, left } = this
    this.requests++
    if (left !== undefined && --left.requests === 0) {
      this.left = undefined
      // Until the script has moved on, the phase must not treat one request more than it was given.
      this.behaviour = { kind: "healthy" }
      Deferred.doneUnsafe(left.done, Effect.void)
    }
    return behaviour
  }

  accept(ids: ReadonlyArray<string>): void {
    for (const id of ids) {
      if (this.seen.has(id)) this.duplicates++
      else this.seen.add(id)
    }
  }
}

const answer = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
}

const handle = (state: State, request: IncomingMessage, response: ServerResponse, body: string): void => {
  if (request.method !== "POST" || request.url !== "/v1/traces") return answer(response, 404, { message: "not found" })
  if (!request.headers["content-type"]?.startsWith("application/json")) {
    return answer(response, 415, { code: 3, message: "application/json is expected" })
  }
  const behaviour = state.next()
  switch (behaviour.kind) {
    case "outage":
      return void request.socket.destroy()
    case "unavailable":
      return answer(
        response,
        503,
        { code: 14, message: "unavailable" },
        { "retry-after": String(behaviour.retryAfterSeconds) }
      )
    case "refuse":
      return answer(response, behaviour.status, { code: 3, message: "the receiver was told to refuse this" })
    case "partial": {
      const ids = spanIds(body)
      state.accept(ids.slice(behaviour.rejected))
      state.rejected += Math.min(behaviour.rejected, ids.length)
      return answer(response, 200, {
        partialSuccess: {
          rejectedSpans: String(behaviour.rejected),
          errorMessage: "the receiver was told to refuse these"
        }
      })
    }
    case "slow": {
      const timer = setTimeout(() => {
        if (response.destroyed) return
        state.accept(spanIds(body))
        answer(response, 200, {})
      }, Duration.toMillis(behaviour.delay))
      response.once("close", () => clearTimeout(timer))
      return
    }
    case "healthy":
      state.accept(spanIds(body))
      return answer(response, 200, {})
  }
}

const serve = (state: State): Server =>
  createServer((request, response) => {
    const chunks: Array<Uint8Array> = []
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
    request.on("end", () => {
      try {
        handle(state, request, response, Buffer.concat(chunks).toString("utf8"))
      } catch {
        answer(response, 400, { code: 3, message: "malformed" })
      }
    })
  })

const listen = (server: Server, port: number): Effect.Effect<number> =>
  Effect.callback((resume) => {
    server.once("error", (error) => resume(Effect.die(error)))
    server.listen(port, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
  })

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

/** Starts a receiver on a free port of 127.0.0.1 for as long as the scope lives. */
export const make = Effect.fnUntraced(function* (options: Options = {}): Effect.fn.Return<Service, never, Scope.Scope> {
  const state = new State()
  let server = serve(state)
  const port = yield* listen(server, 0)
  yield* Effect.addFinalizer(() => (server.listening ? close(server) : Effect.void))

  const behave = Effect.fnUntraced(function* (behaviour: Behaviour) {
    state.behaviour = behaviour
    if (behaviour.kind === "outage") {
      if (server.listening) yield* close(server)
    } else if (!server.listening) {
      server = serve(state)
      yield* listen(server, port)
    }
  }, Effect.uninterruptible)

  const play = Effect.forEach(
    options.script ?? [],
    Effect.fnUntraced(function* (phase) {
      const { lasts } = phase
      const done = yield* Deferred.make<void>()
      state.left = lasts !== "to the end" && "requests" in lasts ? { requests: lasts.requests, done } : undefined
      yield* options.onPhase?.(phase) ?? Effect.void
      yield* behave(phase.behaviour)
      if (lasts === "to the end") return
      yield* "time" in lasts ? Effect.sleep(lasts.time) : Deferred.await(done)
    }),
    { discard: true }
  )
  yield* Effect.forkScoped(play, { startImmediately: true })

  return {
    endpoint: `http://127.0.0.1:${port}`,
    behave,
    count: Effect.sync(() => ({
      requests: state.requests,
      distinct: state.seen.size,
      duplicates: state.duplicates,
      rejected: state.rejected
    }))
  }
})

export const layer = (options?: Options): Layer.Layer<Receiver> => Layer.effect(Receiver, make(options))
