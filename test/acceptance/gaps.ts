import type { Micros } from "../../src/model/time.ts";
import { rows } from "./rows.ts";

/** A row of `gaps`, plain view: the last that is known of each hole. */
export interface GapSeen {
  readonly venue: string;
  readonly market: string | null;
  readonly outcome: string | null;
  readonly epoch: number | null;
  readonly sid: number | null;
  readonly channel: string | null;
  readonly from: Micros | null;
  readonly to: Micros | null;
  readonly resolvedAt: Micros | null;
  readonly detectedAt: Micros | null;
  readonly cause: string;
  readonly confidence: string;
  readonly evidence: string;
  readonly openingFrame: number;
}

const MICROS = (name: string, as: string): string => `CAST(epoch_us(${name}) AS DOUBLE) AS "${as}"`;

/** The holes that a tape knows of, in order. */
export async function gapsOf(tape: string): Promise<GapSeen[]> {
  return await rows<GapSeen>(
    tape,
    ["gaps"],
    `SELECT venue, market_id AS market, outcome_id AS outcome, epoch, sid, channel, ${MICROS("from_ts", "from")},
       ${MICROS("to_ts", "to")}, ${MICROS("resolved_at", "resolvedAt")}, ${MICROS("detected_at", "detectedAt")},
       cause, confidence, evidence, CAST(opening_frame AS DOUBLE) AS "openingFrame"
     FROM gaps QUALIFY row_number() OVER (PARTITION BY recorder, opening_frame, opening_n ORDER BY frame DESC, n DESC) = 1
     ORDER BY opening_frame, opening_n`,
  );
}
