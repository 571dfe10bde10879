import { Effect } from "effect"
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A server on loopback that keeps what it got and answers as told. */
export const receiver = (answer: (request: Seen, response: ServerResponse, raw: IncomingMessage) => void) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly url: string; readonly seen: Array<Seen>; readonly close: () => Promise<void> }>(
          (resolve) => {
            const seen: Array<Seen> = []
            const server = createServer((request, response) => {
              const chunks: Array<Buffer> = []
              request.on("data", (chunk: Buffer) => chunks.push(chunk))
              request.on("end", () => {
                const { headers, method = "", url = "" } = request
                const got = { method, url, headers, body: Buffer.concat(chunks) }
                seen.push(got)
                answer(got, response, request)
              })
            })
            const close = () =>
              new Promise<void>((done) => {
                server.close(() => done())
                server.closeAllConnections()
              })
            server.listen(0, "127.0.0.1", () =>
              resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, close })
            )
          }
        )
    ),
    ({ close }) => Effect.promise(close)
  )
