/** One process of a fleet: `node fleetProcess.ts PORT fail|work|hang`. Prints what came of its call. */
import { NodeRedis } from "@effect/platform-node"
import { Reasons } from "@holdfast/core"
import { CircuitBreaker } from "@holdfast/resilience"
import { Console, Effect, Layer, Logger } from "effect"
import { CircuitBreaker as Persistence } from "effect/persistence"

const [port, what] = process.argv.slice(2)

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
  const outcome = yield* Effect.match(CircuitBreaker.protect(calls[what!]!, fleet.get("processes")), {
    onSuccess: (value) => value,
    onFailure: (error) => (error._tag === "CircuitOpen" ? error.state : error._tag)
  })
  yield* Console.log(outcome)
})

const store = Persistence.layerStoreRedis({ probeLease: "500 millis" }).pipe(
  Layer.provide(NodeRedis.layer({ url: `redis://127.0.0.1:${port}` }))
)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([store, Logger.layer([])])))
