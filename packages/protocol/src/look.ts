/** What a look at somebody else's value says; it may be a trap that throws when it is touched. */
export const look = <A>(at: () => A, otherwise: A): A => {
  try {
    return at()
  } catch {
    return otherwise
  }
}
