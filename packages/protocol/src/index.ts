export * as ErrorSnapshot from "./snapshot/ErrorSnapshot.ts"
export * as ExposurePolicy from "./exposure/ExposurePolicy.ts"
export * as Projection from "./projection/Projection.ts"
export * as RemoteFailure from "./remote/RemoteFailure.ts"
