/** The exit codes of a program that was told to stop: 128 and the number of the signal, as shells have it. */
export const exitCodes: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143 }

let received: NodeJS.Signals | undefined

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => (received ??= signal))

/** The exit code for the signal that came first, if one did. */
export const exitCode = (): number | undefined => (received === undefined ? undefined : exitCodes[received])
