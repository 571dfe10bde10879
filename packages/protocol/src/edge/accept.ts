/** A list of an `Accept…` header: its members with their weight, in the order they were given. */
const weighted = (header: string): ReadonlyArray<readonly [name: string, weight: number]> =>
  header
    .slice(0, 1024)
    .split(",")
    .slice(0, 32)
    .flatMap((part) => {
      const [name = "", ...params] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      const q = params.find((param) => param.startsWith("q="))
      const weight = q === undefined ? 1 : Number(q.slice(2))
      return name === "" || !(weight > 0 && weight <= 1) ? [] : [[name, weight] as const]
    })

const weightOf = (accepted: ReadonlyArray<readonly [string, number]>, type: string): number => {
  const exact = accepted.find(([name]) => name === type)
  const range = accepted.find(([name]) => name === "application/*") ?? accepted.find(([name]) => name === "*/*")
  return (exact ?? range)?.[1] ?? 0
}

const explicit = (accepted: ReadonlyArray<readonly [string, number]>, type: string): boolean =>
  accepted.some(([name]) => name === type)

/** What a failure is written as. */
export type Format = "json" | "problem"

/**
 * The format that a caller asks for. Of two it weighs the same it gets the one it names, else the preferred one: an error
 * is better answered in a format nobody asked for than not at all.
 */
export const formatFor = (accept: string | undefined, preferred: Format): Format => {
  if (accept === undefined) return preferred
  const accepted = weighted(accept)
  const json = weightOf(accepted, "application/json")
  const problem = weightOf(accepted, "application/problem+json")
  if (json !== problem) return json > problem ? "json" : "problem"
  const named = [explicit(accepted, "application/json"), explicit(accepted, "application/problem+json")]
  if (named[0] === named[1]) return preferred
  return named[0] ? "json" : "problem"
}

/** The locales that a caller reads, most wanted first. */
export const localesOf = (acceptLanguage: string | undefined): ReadonlyArray<string> =>
  weighted(acceptLanguage ?? "")
    .toSorted(([, a], [, b]) => b - a)
    .map(([name]) => name)
