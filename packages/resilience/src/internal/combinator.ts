import type { Effect } from "effect"

/** A combinator in both styles, whose options are read once, where they are written. */
export const combinator = <A, B>(
  prepare: (options: A) => B,
  run: (self: Effect.Effect<never>, prepared: B) => unknown
): never =>
  ((...args: readonly [A] | readonly [Effect.Effect<never>, A]) => {
    if (args.length === 2) return run(args[0], prepare(args[1]))
    const prepared = prepare(args[0])
    return (self: Effect.Effect<never>) => run(self, prepared)
  }) as never
