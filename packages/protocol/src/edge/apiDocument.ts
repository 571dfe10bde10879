import { Predicate } from "effect"
import { openApiComponents } from "../wire/WireFormat.ts"

type Part = Readonly<Record<string, unknown>>

const isPart = (u: unknown): u is Part => Predicate.isObject(u) && !Array.isArray(u)

const partOf = (whole: Part, name: string): Part => {
  const part = whole[name]
  return isPart(part) ? part : {}
}

const mapped = (parts: Part, change: (part: Part) => Part): Part =>
  Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, isPart(part) ? change(part) : part]))

const failure = { $ref: "#/components/responses/Failure" } as const

/** What an edge says beside a problem stands with it, and whatever else goes wrong is answered in the same form. */
const answered = (operation: Part, headers: Part): Part => {
  const responses = mapped(partOf(operation, "responses"), (response) =>
    "application/problem+json" in partOf(response, "content")
      ? { ...response, headers: { ...headers, ...partOf(response, "headers") } }
      : response
  )
  return { ...operation, responses: { ...responses, ...("default" in responses ? {} : { default: failure }) } }
}

/** The OpenAPI document of an API behind `HttpEdge.layer`, with what `HttpApi` does not know of it. */
export const documented = (spec: Part): Part => {
  const { responses, schemas } = openApiComponents()
  const components = partOf(spec, "components")
  return {
    ...spec,
    paths: mapped(partOf(spec, "paths"), (path) =>
      mapped(path, (operation) =>
        "responses" in operation ? answered(operation, responses.Failure.headers) : operation
      )
    ),
    components: {
      ...components,
      schemas: { ...schemas, ...partOf(components, "schemas") },
      responses: { ...responses, ...partOf(components, "responses") }
    }
  }
}
