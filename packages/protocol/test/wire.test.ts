import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { ErrorSnapshot, ExposurePolicy, Projection, WireFormat } from "@holdfast/protocol"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js"
import * as fc from "fast-check"
import { anyFailure } from "./arbitrary.ts"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** The schema as a writer has to keep it: readers take members they do not know, writers write none. */
const strictly = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(strictly)
  if (typeof schema !== "object" || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strictly(value)]))
  return "properties" in inner && inner["additionalProperties"] === true
    ? { ...inner, additionalProperties: false }
    : inner
}

const document = WireFormat.jsonSchema()
const names = Object.keys(document.$defs)

const validators = (schema: object): Readonly<Record<string, ValidateFunction>> => {
  const ajv = new Ajv2020({ strict: true, allErrors: true }).addSchema(schema)
  return Object.fromEntries(names.map((name) => [name, ajv.getSchema(`${document.$id}#/$defs/${name}`)!]))
}

const strict = validators(strictly(document) as object)
const lenient = validators(document)

/** What is wrong with a value, as text. */
const problems = (validate: ValidateFunction, value: unknown): string =>
  validate(value) ? "" : JSON.stringify(validate.errors)

const formats: Readonly<
  Record<string, readonly [golden: string, project: (u: unknown, o: Projection.Options) => object]>
> = {
  CliProjection: ["cli", Projection.toCli],
  ErrorSnapshot: ["snapshot", ErrorSnapshot.of],
  GraphQlError: ["graphql", Projection.toGraphQl],
  HttpProjection: ["http", Projection.toHttp],
  JsonRpcError: ["jsonrpc", Projection.toJsonRpc],
  LogProjection: ["log", Projection.toLog],
  MessageHeaders: ["message", Projection.toMessageHeaders],
  ProblemProjection: ["problem", Projection.toProblem],
  RpcProjection: ["rpc", Projection.toRpc]
}

const golden = (name: string): ReadonlyArray<Readonly<Record<string, Json>>> =>
  JSON.parse(readFileSync(new URL(`golden/${name}.golden.json`, import.meta.url), "utf8")) as never

const options = fc.record(
  {
    policy: fc.constantFrom(ExposurePolicy.contract, ExposurePolicy.standard, ExposurePolicy.bare),
    carry: fc.constantFrom("all" as const, "public" as const),
    audience: fc.constantFrom("client" as const, "partner" as const, "operator" as const, "developer" as const)
  },
  { requiredKeys: [] }
)

describe("The JSON Schema", () => {
  it("has a definition for every format, and a format for every definition", () => {
    assert.deepStrictEqual(names.toSorted(), Object.keys(formats).toSorted())
  })

  for (const [name, [file, project]] of Object.entries(formats)) {
    describe(`of ${name}`, () => {
      it("is kept by the golden bytes, which have nothing beside", () => {
        for (const body of golden(file)) assert.strictEqual(problems(strict[name]!, body), "")
      })

      it("is kept by failures of every kind, for every audience, with everything that is carried", () => {
        fc.assert(
          fc.property(anyFailure, options, (failure, given) => {
            const body: unknown = JSON.parse(Projection.stringify(project(failure, given)))
            assert.strictEqual(problems(strict[name]!, body), "")
          }),
          { numRuns: 300 }
        )
      })

      it("misses every member that is not there, and takes none of another type", () => {
        const always = document.$defs[name]!["required"] as ReadonlyArray<string>
        assert.isAbove(always.length, 1)
        for (const body of golden(file)) {
          for (const member of always) {
            const { [member]: value, ...without } = body
            assert.isFalse(lenient[name]!(without), `without ${member}`)
            const other = typeof value === "object" && value !== null && !Array.isArray(value) ? "text" : { a: [1] }
            assert.isFalse(lenient[name]!({ ...body, [member]: other }), `${member} of another type`)
          }
        }
      })

      it("lets a reader take what a later release adds, and no writer write it", () => {
        for (const body of golden(file)) {
          assert.strictEqual(problems(lenient[name]!, { ...body, later: 1 }), "")
          assert.isFalse(strict[name]!({ ...body, later: 1 }))
        }
      })
    })
  }
})

describe("The OpenAPI components", () => {
  const { schemas, responses } = WireFormat.openApiComponents()
  const api = (components: object) => ({
    openapi: "3.1.0",
    info: { title: "Shop", version: "1" },
    paths: {
      "/orders": { get: { responses: { default: { $ref: "#/components/responses/Failure" } } } }
    },
    components
  })

  it("are those of a valid document, and their references lead somewhere", async () => {
    const validator = new Validator()
    const result = await validator.validate(api({ schemas, responses }))
    assert.isTrue(result.valid, JSON.stringify(result.errors))
    assert.strictEqual(validator.version, "3.1")
    const resolved = JSON.stringify(validator.resolveRefs())
    assert.notInclude(resolved, "$ref")
    assert.include(resolved, "application/problem+json")
  })

  it("would not be taken if they were no components", async () => {
    const { Failure } = responses
    const { description: _, ...nameless } = Failure
    const result = await new Validator().validate(api({ schemas, responses: { Failure: nameless } }))
    assert.isFalse(result.valid)
  })

  it("are the schemas of the formats themselves", () => {
    for (const [name, schema] of Object.entries(schemas)) assert.deepStrictEqual(schema, document.$defs[name])
  })
})
