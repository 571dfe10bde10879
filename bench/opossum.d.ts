/** What is used of opossum, which brings no types. */
declare module "opossum" {
  export interface Options {
    readonly timeout?: number | false
    readonly resetTimeout?: number
    readonly errorThresholdPercentage?: number
    readonly volumeThreshold?: number
  }
  export default class CircuitBreaker<A> {
    constructor(action: () => Promise<A>, options?: Options)
    fire(): Promise<A>
  }
}
