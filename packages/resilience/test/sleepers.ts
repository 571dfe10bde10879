import { Clock, type Duration, Effect } from "effect"

/** The clock of the test, and how many sleep by it. */
export const sleepers = Effect.map(Clock.Clock, (real) => {
  const sleepers = {
    now: 0,
    clock: Object.assign(Object.create(real) as Clock.Clock, {
      sleep: (duration: Duration.Duration) =>
        Effect.suspend(() => {
          sleepers.now++
          return Effect.ensuring(
            real.sleep(duration),
            Effect.sync(() => void sleepers.now--)
          )
        })
    })
  }
  return sleepers
})
