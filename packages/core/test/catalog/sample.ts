import { Failure } from "@holdfast/core"
import { Schema } from "effect"

export class SampleRefused extends Failure.Tagged<SampleRefused>()(
  "SampleRefused",
  { sku: Schema.String, token: Failure.sensitive(Schema.String) },
  {
    code: "biz.sample.refused",
    reason: "refused | for now",
    http: 409,
    retry: "throttled",
    hints: {
      client: ["ask again"],
      partner: ["ask the spare endpoint"],
      operator: ["look at the feed"],
      developer: ["see how the feed is read"]
    }
  }
) {}

export class SampleOld extends Failure.Tagged<SampleOld>()(
  "SampleOld",
  {},
  { code: "sys.sample.old", deprecated: "the warehouse moved", replacedBy: "biz.sample.refused" }
) {}

export class SampleParent extends Failure.Layered<SampleParent>()("SampleParent", [SampleRefused, SampleOld]) {}
