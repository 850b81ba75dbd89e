/** A server's request budget: continuous refill, a refused request costs nothing. */
export class Allowance {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#at = nowMs;
  }

  /** Takes one request from the budget, or says that there is none left. */
  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((nowMs - this.#at) * this.#perSecond) / 1000);
    this.#at = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
