/**
 * Writes the trace files of `data/` with the official OpenTelemetry SDK for JavaScript, the way its exporter would put them
 * on the wire. Ids and times are seeded, so that running it again gives the same bytes.
 *
 * Run: npm run traces --workspace examples/otlp-system
 */
import { context, type Context, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api"
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import {
  BasicTracerProvider,
  type IdGenerator,
  InMemorySpanExporter,
  SimpleSpanProcessor
} from "@opentelemetry/sdk-trace-base"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const data = join(dirname(fileURLToPath(import.meta.url)), "..", "data")

/** Mulberry32: small, seeded, good enough to make traffic look alive. */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

class SeededIds implements IdGenerator {
  readonly random: () => number
  constructor(random: () => number) {
    this.random = random
  }
  private hex(length: number): string {
    let id = ""
    while (id.length < length)
      id += Math.floor(this.random() * 0xffffffff)
        .toString(16)
        .padStart(8, "0")
    return id.slice(0, length)
  }
  generateTraceId = (): string => this.hex(32)
  generateSpanId = (): string => this.hex(16)
}

interface Traffic {
  readonly random: () => number
  readonly tracer: Tracer
  now: number
}

interface Step {
  readonly name: string
  readonly kind: SpanKind
  readonly millis: number
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly failure?: string | undefined
  readonly children?: ReadonlyArray<Step>
}

const record = (traffic: Traffic, parent: Context, step: Step): void => {
  const start = traffic.now
  const span = traffic.tracer.startSpan(
    step.name,
    { kind: step.kind, attributes: step.attributes, startTime: start },
    parent
  )
  const inside = trace.setSpan(parent, span)
  traffic.now += step.millis * 0.2
  for (const child of step.children ?? []) record(traffic, inside, child)
  traffic.now = Math.max(traffic.now, start + step.millis)
  if (step.failure !== undefined) {
    span.setAttribute("error.type", step.failure)
    span.setStatus({ code: SpanStatusCode.ERROR, message: step.failure })
    span.addEvent("exception", { "exception.type": step.failure, "exception.message": step.failure }, traffic.now)
  }
  span.end(traffic.now)
}

const pick = <A>(random: () => number, values: ReadonlyArray<A>): A => values[Math.floor(random() * values.length)]!

const query = (random: () => number, text: string, table: string): Step => ({
  name: `SELECT ${table}`,
  kind: SpanKind.CLIENT,
  millis: 2 + random() * 12,
  attributes: { "db.system.name": "postgresql", "db.query.text": text, "db.collection.name": table }
})

const checkout = (random: () => number): Step => {
  const declined = random() < 0.04
  return {
    name: "POST /checkout",
    kind: SpanKind.SERVER,
    millis: 60 + random() * 90,
    attributes: {
      "http.request.method": "POST",
      "http.route": "/checkout",
      "http.response.status_code": declined ? 402 : 201
    },
    failure: declined ? "biz.card.declined" : undefined,
    children: [
      query(random, "SELECT * FROM carts WHERE id = $1", "carts"),
      {
        name: "reserve stock",
        kind: SpanKind.INTERNAL,
        millis: 14 + random() * 10,
        attributes: { "order.items": 1 + Math.floor(random() * 6), warehouse: pick(random, ["ams", "fra", "waw"]) },
        children: [query(random, "UPDATE stock SET reserved = reserved + $1 WHERE sku = $2", "stock")]
      },
      {
        name: "POST /charges",
        kind: SpanKind.CLIENT,
        millis: 30 + random() * 40,
        attributes: { "http.request.method": "POST", "server.address": "payments", "url.path": "/charges" },
        failure: declined ? "biz.card.declined" : undefined
      }
    ]
  }
}

const sync = (random: () => number): Step => ({
  name: "inventory sync",
  kind: SpanKind.CONSUMER,
  millis: 40 + random() * 30,
  attributes: {
    "messaging.system": "kafka",
    "messaging.destination.name": "stock-changes",
    "messaging.batch.message_count": 3
  },
  children: [0, 1, 2].map((index) => ({
    name: "apply change",
    kind: SpanKind.INTERNAL,
    millis: 6 + random() * 6,
    attributes: { sku: `A-${Math.floor(random() * 9000) + 1000}`, delta: index - 1, dry_run: false },
    children: [query(random, "UPDATE stock SET on_hand = on_hand + $1 WHERE sku = $2", "stock")]
  }))
})

const search = (random: () => number): Step => {
  const slow = random() < 0.02
  return {
    name: "GET /search",
    kind: SpanKind.SERVER,
    millis: slow ? 2000 : 12 + random() * 20,
    attributes: {
      "http.request.method": "GET",
      "http.route": "/search",
      "http.response.status_code": slow ? 504 : 200
    },
    failure: slow ? "sys.timeout" : undefined,
    children: [
      {
        name: "query index",
        kind: SpanKind.CLIENT,
        millis: 8 + random() * 12,
        attributes: {
          "db.system.name": "opensearch",
          "search.hits": Math.floor(random() * 500),
          "search.score": random()
        }
      },
      {
        name: "render résumé ✓",
        kind: SpanKind.INTERNAL,
        millis: 1 + random(),
        attributes: { template: "results", cached: random() < 0.5 }
      }
    ]
  }
}

const files: ReadonlyArray<{
  readonly name: string
  readonly service: string
  readonly traces: number
  readonly step: (random: () => number) => Step
  readonly batch: number
}> = [
  { name: "checkout.jsonl", service: "checkout", traces: 350, step: checkout, batch: 128 },
  { name: "inventory.jsonl", service: "inventory", traces: 260, step: sync, batch: 100 },
  { name: "search.json", service: "search", traces: 620, step: search, batch: Number.MAX_SAFE_INTEGER }
]

mkdirSync(data, { recursive: true })
let seed = 20261122
for (const file of files) {
  const random = seeded(seed++)
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": file.service, "service.version": "1.4.2" }),
    idGenerator: new SeededIds(random),
    spanProcessors: [new SimpleSpanProcessor(exporter)]
  })
  const traffic: Traffic = {
    random,
    tracer: provider.getTracer(file.service, "1.4.2"),
    now: Date.UTC(2026, 10, 22, 9, 0, 0)
  }
  for (let i = 0; i < file.traces; i++) {
    record(traffic, context.active(), file.step(random))
    traffic.now += random() * 40
  }
  await provider.forceFlush()
  const spans = exporter.getFinishedSpans()
  const lines: Array<string> = []
  for (let i = 0; i < spans.length; i += file.batch) {
    lines.push(new TextDecoder().decode(JsonTraceSerializer.serializeRequest(spans.slice(i, i + file.batch))))
  }
  writeFileSync(join(data, file.name), `${lines.join("\n")}\n`)
  process.stdout.write(`${file.name}: ${spans.length} spans in ${lines.length} requests\n`)
}
