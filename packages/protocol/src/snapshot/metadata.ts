import { Schema } from "effect"

/** Text, boolean or finite number, by key. */
export const Metadata = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Boolean, Schema.Finite]))
export type Metadata = typeof Metadata.Type
