import { describe, expect, it } from "@effect/vitest"
import { Operation, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, WireFormat } from "@holdfast/protocol"
import { Cause } from "effect"
import { raised, threeLayers } from "./support.ts"

const order = raised(
  new Reasons.BusinessError({ detail: "order state invalid", position: "src/order.ts:42" }),
  Operation.doing("validate order", {
    at: "orders.db",
    fields: [
      ["sku", "A-1"],
      ["sku", 'B "2"\n']
    ],
    metadata: { "component.name": "orders", attempt: 3, dry: false }
  }),
  Operation.doing("place order")
)

const snapshots: ReadonlyArray<ErrorSnapshot.ErrorSnapshot> = [
  ErrorSnapshot.of(order),
  ErrorSnapshot.of(threeLayers()),
  ErrorSnapshot.of(Cause.die(new Error("bug"))),
  ErrorSnapshot.of(Cause.interrupt(7)),
  ErrorSnapshot.of(order, { policy: ExposurePolicy.standard }),
  ErrorSnapshot.of(new Reasons.CircuitOpen({ circuit: "payments", state: "open" }), { policy: ExposurePolicy.standard })
]

const json = (lines: ReadonlyArray<string>): string => `[\n${lines.join(",\n")}\n]\n`

const formats: Readonly<Record<string, (snapshot: ErrorSnapshot.ErrorSnapshot) => string>> = {
  http: (snapshot) => Projection.stringify(Projection.toHttp(snapshot)),
  rpc: (snapshot) => Projection.stringify(Projection.toRpc(snapshot)),
  cli: (snapshot) => Projection.stringify(Projection.toCli(snapshot)),
  log: (snapshot) => Projection.stringify(Projection.toLog(snapshot)),
  problem: (snapshot) => Projection.stringify(Projection.toProblem(snapshot, { instance: "urn:uuid:0" })),
  jsonrpc: (snapshot) => Projection.stringify(Projection.toJsonRpc(snapshot)),
  graphql: (snapshot) => Projection.stringify(Projection.toGraphQl(snapshot)),
  message: (snapshot) => Projection.stringify(Projection.toMessageHeaders(snapshot)),
  snapshot: Projection.stringify
}

describe("The bytes on the wire", () => {
  for (const [name, format] of Object.entries(formats)) {
    it(`are the golden ones: ${name}`, async () => {
      await expect(json(snapshots.map(format))).toMatchFileSnapshot(`golden/${name}.golden.json`)
    })
  }

  it("are the golden ones: user debug", async () => {
    const text = snapshots.map((snapshot) => Projection.renderUserDebug(snapshot)).join("\n\n")
    await expect(`${text}\n`).toMatchFileSnapshot("golden/debug.golden.txt")
  })

  it("are documented by golden schemas", async () => {
    const text = (document: object) => `${JSON.stringify(document, null, 2)}\n`
    await expect(text(WireFormat.jsonSchema())).toMatchFileSnapshot("golden/wire.schema.json")
    await expect(text(WireFormat.openApiComponents())).toMatchFileSnapshot("golden/openapi.components.json")
  })
})
