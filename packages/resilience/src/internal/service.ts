/** Every policy as a service, in one line and under the same names. */
import type { ConfigError } from "@holdfast/core"
import { type At, checkOne, placeOf, refusing, section } from "@holdfast/core/options"
import { Context, Effect, Layer } from "effect"
import { type Form, placeIn, read } from "./config.ts"

/** What the class of every policy has. How it protects is said by the policy itself. */
export interface PolicyService<Self, Id extends string, A> extends Context.ServiceClass<
  Self,
  `@holdfast/resilience/${string}/${Id}`,
  A
> {
  /** The policy. Whoever provides this one value shares what it remembers. */
  readonly layer: Layer.Layer<Self, ConfigError.InvalidValue>
  /** The same, with the configuration going before the options written here. The path is the service's name by default. */
  readonly layerConfig: (path?: string) => Layer.Layer<Self, ConfigError.InvalidValue>
}

/** Where a policy comes from. */
interface Source<A> {
  readonly make: Effect.Effect<A, ConfigError.InvalidValue>
  readonly fromConfig: (path: string) => Effect.Effect<A, ConfigError.InvalidValue>
}

/**
 * A policy that is made of its options and nothing else: those that are configured go before those in code, one by one. Its
 * name is the service's.
 */
export const madeOf = <O extends object, A>(
  kind: string,
  id: string,
  written: O,
  forms: Readonly<Record<string, Form<unknown>>>,
  make: (at: At, options: O) => A
): Source<A> => {
  const made = (at: At, found: object) =>
    refusing(() => {
      checkOne(placeOf(kind, id), section, written)
      return make(at, { name: id, ...written, ...found } as O)
    })
  return {
    make: Effect.suspend(() => made(placeOf(kind, id), {})),
    fromConfig: (path) => Effect.flatMap(read(path, forms, path !== id), (found) => made(placeIn(path), found))
  }
}

export const serviceOf = <A>(
  kind: string,
  id: string,
  policy: Source<A> & { readonly protect: (self: Effect.Effect<never>, policy: A) => unknown }
): never => {
  // A program may well have a retry, a breaker and a service of its own under one name.
  const Key = Context.Service<never, A>()(`@holdfast/resilience/${kind}/${id}`)
  return Object.assign(Key, {
    layer: Layer.effect(Key, policy.make),
    layerConfig: (path = id) =>
      Layer.effect(
        Key,
        Effect.suspend(() => policy.fromConfig(path))
      ),
    protect: (self: Effect.Effect<never>) =>
      Effect.flatMap(Effect.service(Key), (made) => policy.protect(self, made) as Effect.Effect<never>)
  }) as never
}
