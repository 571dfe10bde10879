/** What it costs to send a failure out of the house and to take it back in, beside `JSON` on the same data. */
import { Failure, Operation, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import * as Boom from "@hapi/boom"
import { Effect, Schema } from "effect"
import createError from "http-errors"
import { type Case, sync } from "./harness.ts"

class SoldOut extends Failure.Tagged<SoldOut>()(
  "BenchSoldOut",
  { sku: Schema.String, left: Schema.Int },
  { code: "biz.bench.sold_out", http: 409, detail: ({ left, sku }) => `${left} of ${sku} left` }
) {}

/** A failure that was raised in `size` operations, with `size` causes underneath. */
const failureOf = (size: number): SoldOut => {
  let cause: unknown
  for (let i = 0; i < size; i++) {
    cause = new Reasons.SystemError({ detail: `layer ${i} gave way`, ...(cause === undefined ? {} : { cause }) })
  }
  let raised: Effect.Effect<never, SoldOut> = Effect.fail(
    new SoldOut({ sku: "A-1", left: 3, ...(cause === undefined ? {} : { cause }) })
  )
  for (let i = 0; i < size; i++) {
    raised = Operation.doing(raised, `step ${i}`, {
      at: `orders-${i}.db`,
      fields: { order: "o-7", line: i },
      metadata: { "component.name": "orders", [`line.${i}`]: i }
    })
  }
  return Effect.runSync(Effect.flip(raised))
}

const options = { policy: ExposurePolicy.standard }

const projections: Readonly<Record<string, (error: unknown) => object>> = {
  http: (error) => Projection.toHttp(error, options),
  problem: (error) => Projection.toProblem(error, options),
  rpc: (error) => Projection.toRpc(error, options),
  "rpc with fields": (error) => Projection.toRpc(error, { ...options, carry: "all" }),
  cli: (error) => Projection.toCli(error, options),
  log: (error) => Projection.toLog(error, options),
  "json-rpc": (error) => Projection.toJsonRpc(error, options),
  graphql: (error) => Projection.toGraphQl(error, options),
  snapshot: (error) => ErrorSnapshot.of(error, options)
}

const decoders: Readonly<Record<string, RemoteFailure.Decoder>> = {
  http: RemoteFailure.decodeHttp,
  problem: RemoteFailure.decodeProblem,
  rpc: RemoteFailure.decodeRpc,
  log: RemoteFailure.decodeLog,
  "json-rpc": RemoteFailure.decodeJsonRpc,
  graphql: RemoteFailure.decodeGraphQl,
  snapshot: RemoteFailure.decodeSnapshot
}

const out = (size: number): ReadonlyArray<Case> => {
  const group = `Out: ${size} contexts, ${size} causes`
  return Object.entries(projections).flatMap(([name, project]) => [
    {
      group,
      measure: true,
      name: `\`JSON.stringify\` of the same data: ${name}`,
      make: () => {
        const body = structuredClone(project(failureOf(size)))
        return sync(() => JSON.stringify(body))
      }
    },
    {
      group,
      name: `${name}, from a failure to JSON`,
      make: () => {
        const failure = failureOf(size)
        return sync(() => Projection.stringify(project(failure)))
      }
    }
  ])
}

const rest = (size: number): ReadonlyArray<Case> => [
  {
    group: `Out: ${size} contexts, ${size} causes`,
    name: "grpc, from a failure to protobuf and base64",
    make: () => {
      const failure = failureOf(size)
      return sync(() => Projection.toGrpc(failure, options))
    }
  },
  {
    group: `Out: ${size} contexts, ${size} causes`,
    name: "user debug, from a failure to text",
    make: () => {
      const failure = failureOf(size)
      return sync(() => Projection.renderUserDebug(failure, options))
    }
  },
  {
    group: `Out: ${size} contexts, ${size} causes`,
    name: "http, from a snapshot to JSON",
    make: () => {
      const snapshot = ErrorSnapshot.of(failureOf(size), options)
      return sync(() => Projection.stringify(Projection.toHttp(snapshot)))
    }
  }
]

const back = (size: number): ReadonlyArray<Case> => {
  const group = `Back: ${size} contexts, ${size} causes`
  const text = (name: string) => Projection.stringify(projections[name]!(failureOf(size)))
  return [
    ...Object.entries(decoders).flatMap(([name, decode]) => [
      {
        group,
        measure: true,
        name: `\`JSON.parse\` of the same text: ${name}`,
        make: () => {
          const body = text(name)
          return sync(() => JSON.parse(body) as unknown)
        }
      },
      {
        group,
        name: `${name}, from JSON to a failure`,
        make: () => {
          const body = text(name)
          return sync(() => Effect.runSync(decode(body)))
        }
      }
    ]),
    {
      group,
      name: "rpc with fields, from JSON to the declared class",
      make: () => {
        const body = text("rpc with fields")
        const known = [SoldOut] as const
        return sync(() => Effect.runSync(RemoteFailure.decodeRpc(body, known)))
      }
    },
    {
      group,
      name: "grpc, from protobuf to a failure",
      make: () => {
        const { details } = Projection.toGrpc(failureOf(size), options)
        return sync(() => Effect.runSync(RemoteFailure.decodeGrpc(details)))
      }
    }
  ]
}

const answer = "An answer to an HTTP caller: an error is made, and its JSON"
const known = "An answer to an HTTP caller: the error is there, its JSON"

/** Where other libraries do the same job: status and text for the caller, nothing of what is internal. */
const beside: ReadonlyArray<Case> = [
  {
    group: answer,
    name: "`Projection.toHttp`",
    make: () =>
      sync(() => Projection.stringify(Projection.toHttp(new Reasons.NotFound({ detail: "order 7" }), options)))
  },
  {
    group: answer,
    name: "@hapi/boom",
    make: () => sync(() => JSON.stringify(Boom.notFound("order 7").output.payload))
  },
  {
    group: answer,
    name: "http-errors",
    make: () =>
      sync(() => {
        const { expose, message, status } = createError(404, "order 7")
        return JSON.stringify({ status, message: expose ? message : "Internal Server Error" })
      })
  },
  {
    group: known,
    name: "`Projection.toHttp`",
    make: () => {
      const failure = new Reasons.NotFound({ detail: "order 7" })
      return sync(() => Projection.stringify(Projection.toHttp(failure, options)))
    }
  },
  {
    group: known,
    name: "@hapi/boom",
    make: () => {
      const failure = Boom.notFound("order 7")
      return sync(() => JSON.stringify(failure.output.payload))
    }
  },
  {
    group: known,
    name: "@hapi/boom, `boomify` of an error",
    make: () => {
      const error = new Error("order 7")
      return sync(() => JSON.stringify(Boom.boomify(error, { statusCode: 404, override: true }).output.payload))
    }
  },
  {
    group: known,
    name: "http-errors",
    make: () => {
      const { expose, message, status } = createError(404, "order 7")
      return sync(() => JSON.stringify({ status, message: expose ? message : "Internal Server Error" }))
    }
  }
]

const sizes = [0, 3, 20]

export const cases: ReadonlyArray<Case> = [
  ...sizes.flatMap((size) => [...out(size), ...rest(size), ...back(size)]),
  ...beside
]
