import { Effect, type Scope } from "effect"
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"

/** A server that answers every request with what it is told, byte for byte, and may then do what it likes. */
export interface Hostile {
  readonly url: string
  /** The connections, in the order they were opened. */
  readonly sockets: ReadonlyArray<Socket>
}

/** A server on a real socket. `answer` gets each connection after its request came. */
export const hostile = (answer: (socket: Socket) => void): Effect.Effect<Hostile, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets: Array<Socket> = []
      const server = createServer((socket) => {
        sockets.push(socket)
        socket.on("error", () => {})
        socket.once("data", () => answer(socket))
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        server.close()
        await once(server, "close")
      })
  ).pipe(
    Effect.map(({ server, sockets }) => ({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      sockets
    }))
  )

/** The head of an answer. */
export const head = (status: number, headers: Readonly<Record<string, string>>): string =>
  [`HTTP/1.1 ${status} No`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n")

/** Lets what happens outside of Effect happen: one turn of the event loop. */
export const turn: Effect.Effect<void> = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** Waits until the other side has closed the first connection; a test that waits for good fails. */
export const closed = (sockets: ReadonlyArray<Socket>): Effect.Effect<Socket> =>
  Effect.promise(
    () =>
      new Promise((resolve) => {
        const socket = sockets[0]!
        if (socket.destroyed) resolve(socket)
        else socket.once("close", () => resolve(socket))
      })
  )
