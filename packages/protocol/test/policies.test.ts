import { assert, describe, it } from "@effect/vitest"
import { Failure, Identity, Operation, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection } from "@holdfast/protocol"
import { Cause, Effect, ErrorReporter } from "effect"
import { raised } from "./support.ts"

interface Writable {
  readonly identity: object
  readonly classification: { readonly hints: { readonly client: Array<string> } }
  readonly metadata: object
  readonly causes: Array<object>
}

const subjectOf = (failure: Failure.Any): ExposurePolicy.Subject => ({
  identity: Identity.of(failure),
  classification: failure[Failure.TypeId],
  origin: "failure",
  metadata: {},
  causes: []
})

describe("ExposurePolicy.make", () => {
  const notFound = subjectOf(new Reasons.NotFound())

  it("lets the code win over the category, and the category over the default, member by member", () => {
    const policy = ExposurePolicy.make({
      byCode: { "biz.not_found": { http_status: 404 } },
      byCategory: { biz: { http_status: 418, default_hints: ["look elsewhere"] } },
      otherwise: ExposurePolicy.contract
    })
    assert.deepStrictEqual(ExposurePolicy.decide(policy, notFound), {
      http_status: 404,
      visibility: "public",
      default_hints: ["look elsewhere"],
      retryable: false
    })
    assert.strictEqual(ExposurePolicy.decide(policy, subjectOf(new Reasons.Conflict())).http_status, 418)
    assert.strictEqual(ExposurePolicy.decide(policy, subjectOf(new Reasons.SystemError())).http_status, 500)
  })

  it("takes a member that is undefined for one that is left out", () => {
    const policy = ExposurePolicy.make({
      byCode: { "biz.not_found": { http_status: undefined, visibility: undefined } as never },
      byCategory: { biz: () => ({ http_status: 410, retryable: undefined }) as never },
      otherwise: ExposurePolicy.contract
    })
    assert.deepStrictEqual(policy(subjectOf(new Reasons.NotFound())), {
      ...ExposurePolicy.contract(subjectOf(new Reasons.NotFound())),
      http_status: 410
    })
  })

  it("opens nothing by default", () => {
    assert.deepStrictEqual(ExposurePolicy.decide(ExposurePolicy.make({}), notFound), {
      http_status: 500,
      visibility: "internal",
      default_hints: [],
      retryable: false
    })
  })

  it("lets a rule see metadata and causes", () => {
    const policy = ExposurePolicy.make({
      byCategory: {
        sys: ({ causes, metadata }) => ({
          http_status: causes.some(({ code }) => code === "sys.timeout") ? 504 : 500,
          default_hints: [`tenant ${metadata["tenant"]}`]
        })
      }
    })
    const failure = new Reasons.SystemError({ cause: new Reasons.Timeout() })
    const causes = ErrorSnapshot.of(failure).source_frames
    const decision = ExposurePolicy.decide(policy, { ...subjectOf(failure), causes, metadata: { tenant: "acme" } })
    assert.strictEqual(decision.http_status, 504)
    assert.deepStrictEqual(decision.default_hints, ["tenant acme"])
  })

  it("does not take a code for a member of Object.prototype", () => {
    for (const code of ["valueOf", "constructor", "__proto__"]) {
      const policy = ExposurePolicy.make({ byCode: {}, otherwise: ExposurePolicy.contract })
      const subject = { ...notFound, identity: { ...notFound.identity, code } }
      assert.strictEqual(ExposurePolicy.decide(policy, subject).http_status, 400, code)
    }
  })
})

describe("A policy that writes to what it is asked about", () => {
  const writes: Readonly<Record<string, (subject: Writable) => unknown>> = {
    identity: ({ identity }) => Object.assign(identity, { detail: "changed" }),
    classification: ({ classification }) => Object.assign(classification, { reason: "changed" }),
    hints: ({ classification }) => classification.hints.client.push("changed"),
    metadata: ({ metadata }) => Object.assign(metadata, { tenant: "changed" }),
    causes: ({ causes }) => causes.push(causes[0]!),
    "a cause": ({ causes }) => Object.assign(causes[0]!, { message: "changed" }),
    subject: (subject) => Object.assign(subject, { origin: "foreign" })
  }
  for (const [what, write] of Object.entries(writes)) {
    it(`is broken, and changes nothing: ${what}`, () => {
      const failure = raised(
        new Reasons.NotFound({ detail: "order 7", cause: new Error("none") }),
        Operation.doing("find", { metadata: { tenant: "acme" } })
      )
      const before = ErrorSnapshot.of(failure)
      const policy: ExposurePolicy.Policy = (subject) => {
        write(subject as unknown as Writable)
        return ExposurePolicy.contract(subject)
      }
      const { decision, ...after } = ErrorSnapshot.of(failure, { policy })
      assert.strictEqual(decision.http_status, 500)
      assert.deepStrictEqual({ ...after, decision: before.decision }, before)
      assert.deepStrictEqual(ErrorSnapshot.of(failure), before)
    })
  }

  it("cannot change what the built-in ones answer", () => {
    const hints = ExposurePolicy.contract(subjectOf(new Reasons.Timeout())).default_hints as Array<string>
    assert.throws(() => hints.push("changed"), TypeError)
    assert.throws(
      () => Object.assign(ExposurePolicy.bare(subjectOf(new Reasons.Timeout())), { http_status: 404 }),
      TypeError
    )
  })
})

describe("A broken policy", () => {
  const closed = {
    http_status: 500,
    visibility: "internal",
    default_hints: [],
    retryable: false,
    title: "internal error"
  }
  const broken: ReadonlyArray<readonly [string, ExposurePolicy.Policy]> = [
    [
      "throws",
      () => {
        throw new Error("no")
      }
    ],
    ["answers nothing", () => undefined as never],
    ["answers a status that is no error", (subject) => ({ ...ExposurePolicy.contract(subject), http_status: 200 })],
    ["answers a status that is no number", (subject) => ({ ...ExposurePolicy.contract(subject), http_status: NaN })],
    ["invents a visibility", (subject) => ({ ...ExposurePolicy.contract(subject), visibility: "secret" as never })],
    [
      "answers hints that are no texts",
      (subject) => ({ ...ExposurePolicy.contract(subject), default_hints: [1] as never })
    ]
  ]
  it.each(broken)("that %s gives a 500 that shows nothing", (_name, policy) => {
    const failure = new Reasons.NotFound({ detail: "order 7" })
    assert.deepStrictEqual<unknown>(ExposurePolicy.decide(policy, subjectOf(failure)), closed)
    assert.strictEqual(Projection.toHttp(failure, { policy }).message, "internal error")
  })

  it.effect("is reported to the error reporters, and the failure still leaves", () =>
    Effect.gen(function* () {
      const reported: Array<unknown> = []
      const reporter = ErrorReporter.make(({ cause }) => {
        reported.push(Cause.squash(cause))
      })
      const defect = new Error("the policy is broken")
      const snapshot = yield* ErrorSnapshot.make(new Reasons.NotFound()).pipe(
        Effect.provideService(ExposurePolicy.ExposurePolicy, () => {
          throw defect
        }),
        Effect.provide(ErrorReporter.layer([reporter]))
      )
      assert.strictEqual(snapshot.identity.code, "biz.not_found")
      assert.deepStrictEqual<unknown>(snapshot.decision, closed)
      assert.deepStrictEqual(reported, [defect])
    })
  )
})
