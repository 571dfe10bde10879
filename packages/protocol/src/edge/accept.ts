const member = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g

const weight = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/** A list of an `Accept…` header: its members with their weight, in the order they were given. What is malformed is none. */
const weighted = (header: string): ReadonlyArray<readonly [name: string, weight: number]> =>
  (header.slice(0, 1024).match(member) ?? []).slice(0, 32).flatMap((part) => {
    const [name = "", ...params] = part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/)
    const q = params.find((param) => param.startsWith("q="))?.slice(2) ?? "1"
    return name === "" || !weight.test(q) ? [] : [[name, Number(q)] as const]
  })

/** The most specific range decides, also when it says no. */
const weightOf = (accepted: ReadonlyArray<readonly [string, number]>, type: string): number => {
  const range = [type, "application/*", "*/*"].find((name) => accepted.some(([given]) => given === name))
  return Math.max(0, ...accepted.filter(([name]) => name === range).map(([, q]) => q))
}

/** Whether a type is asked for by its name, refused by it, or not named at all. */
const named = (accepted: ReadonlyArray<readonly [string, number]>, type: string): number => {
  const given = accepted.filter(([name]) => name === type).map(([, q]) => q)
  return given.length === 0 ? 0 : Math.max(...given) > 0 ? 1 : -1
}

/** What a failure is written as. */
export type Format = "json" | "problem"

/**
 * The format that a caller asks for. Of two it weighs the same it gets the one it names, and not the one it refuses by its
 * name, else the preferred one: an error
 * is better answered in a format nobody asked for than not at all.
 */
export const formatFor = (accept: string | undefined, preferred: Format): Format => {
  if (accept === undefined) return preferred
  const accepted = weighted(accept)
  const json = weightOf(accepted, "application/json")
  const problem = weightOf(accepted, "application/problem+json")
  if (json !== problem) return json > problem ? "json" : "problem"
  const byName = named(accepted, "application/json") - named(accepted, "application/problem+json")
  return byName === 0 ? preferred : byName > 0 ? "json" : "problem"
}

/** The locales that a caller reads, most wanted first. */
export const localesOf = (acceptLanguage: string | undefined): ReadonlyArray<string> =>
  weighted(acceptLanguage ?? "")
    .filter(([, q]) => q > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name]) => name)
