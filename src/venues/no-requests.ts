import type { RequestBudget, RequestPlan, VenueRest } from "./venue.ts";

const nothing: RequestPlan = {
  next: () => null,
  read() {
    // Nothing was asked, so nothing is answered.
  },
};

/** The budget of a venue that is asked nothing over REST. */
export const noBudget: RequestBudget = { questions: [], sign: null, charges: () => [], learn: () => null };

/** A venue that everything is streamed of. */
export const noRest: VenueRest = {
  poller: () => ({ plan: () => ({ ...nothing, incomplete: [] }) }),
  settlements: () => ({
    follow() {
      // Prices do not settle.
    },
    plan: () => nothing,
    pending: new Set(),
    settled: 0,
  }),
  bulletins: () => null,
};
