/** One process of a fleet: `node fleetProcess.ts PORT`. Makes a call per line that it reads, and prints what came of it. */
import { NodeRedis } from "@effect/platform-node"
import { Reasons } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { Console, Effect, Layer, Logger, Stream } from "effect"
import { createInterface } from "node:readline"
import { CircuitBreaker as Persistence } from "effect/persistence"

const port = process.argv[2]

const calls: Readonly<Record<string, Effect.Effect<string, Reasons.NetworkError>>> = {
  fail: Effect.fail(new Reasons.NetworkError({})),
  work: Effect.succeed("ok"),
  hang: Effect.andThen(Console.log("running"), Effect.never)
}

const program = Effect.gen(function* () {
  const fleet = yield* CircuitBreaker.fleet({
    name: "payments",
    trip: CircuitBreaker.consecutive(2),
    openFor: "200 millis"
  })
  yield* Console.log("ready")
  const lines = Stream.fromAsyncIterable(createInterface({ input: process.stdin }), (error) => error)
  yield* Stream.runForEach(lines, (what) =>
    Effect.match(CircuitBreaker.protect(calls[what]!, fleet.get("processes")), {
      onSuccess: (value) => value,
      onFailure: (error) => (error._tag === "CircuitOpen" ? error.state : error._tag)
    }).pipe(Effect.flatMap(Console.log), Effect.forkScoped({ startImmediately: true }))
  )
})

const store = Persistence.layerStoreRedis({ probeLease: "5 seconds" }).pipe(
  Layer.provide(NodeRedis.layer({ url: `redis://127.0.0.1:${port}` }))
)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([store, Logger.layer([])])))
