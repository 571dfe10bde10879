/**
 * Failures over HTTP, both ways: a server answers any `Cause` with the right projection, a client gets the declared failure
 * back.
 */
export { client, failureOf } from "./client.ts"
export type { Patience } from "./body.ts"
export type { Reading } from "./reading.ts"
export type { Format } from "./accept.ts"
export { handled, layer, response } from "./server.ts"
export type { Options } from "./told.ts"
