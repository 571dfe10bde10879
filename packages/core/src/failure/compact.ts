/** Reason and detail as one text: `stock unavailable: 3 of A-1 requested`. */
export const compact = (reason: string, detail: string | null): string =>
  detail === null ? reason : `${reason}: ${detail}`
