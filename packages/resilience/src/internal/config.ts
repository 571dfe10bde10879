import { ConfigError } from "@holdfast/core"
import { Config, type Duration, Effect, Schema } from "effect"
import { refusing } from "./check.ts"

/** A leaf of configuration: an environment knows only text, and what a text must be is said by whoever reads it. */
export const Text = Schema.optionalKey(Schema.String)

/** A text as the kind of value that is wanted. The range is checked with the options themselves. */
export class Reader {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  refuse(at: string, expected: string): never {
    throw new ConfigError.InvalidValue({ path: `${this.path}.${at}`, source: "configuration", expected })
  }

  number(at: string, text: string | undefined): number | undefined {
    if (text === undefined) return undefined
    const value = text.trim() === "" ? Number.NaN : Number(text)
    return Number.isNaN(value) ? this.refuse(at, "a number") : value
  }

  duration(at: string, text: string | undefined): Duration.Input | undefined {
    if (text === undefined) return undefined
    const trimmed = text.trim()
    if (/^\d+(?:\.\d+)?$/.test(trimmed)) return Number(trimmed)
    if (/^-?\d+(?:\.\d+)? (?:nano|micro|milli|second|minute|hour|day|week)s?$|^Infinity$/.test(trimmed)) {
      return trimmed as Duration.Input
    }
    return this.refuse(at, "a duration such as 30 seconds, or a number of milliseconds")
  }

  oneOf<const A extends string>(at: string, text: string | undefined, all: ReadonlyArray<A>): A | undefined {
    if (text === undefined) return undefined
    return all.find((one) => one === text) ?? this.refuse(at, all.join(", "))
  }
}

/** What stands under a path of the `ConfigProvider`, as a shape of texts, made into options by whoever knows them. */
export const readConfig = <T, A>(
  shape: Schema.ConstraintCodec<T, unknown>,
  path: string,
  make: (read: Reader, shape: T) => A
): Effect.Effect<A, ConfigError.InvalidValue> =>
  Effect.matchEffect(Config.schema(shape, path), {
    onFailure: () =>
      Effect.fail(
        new ConfigError.InvalidValue({ path, source: "configuration", expected: "an object of options, each a text" })
      ),
    onSuccess: (shape) => refusing(() => make(new Reader(path), shape))
  })
