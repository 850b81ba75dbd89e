import { formatMillionths, type Millionths } from "../../model/decimal.ts";
import type { EventFacts, MarketFacts, SeriesFacts } from "../../model/events.ts";
import type { Defect } from "./defect.ts";
import { digest } from "./digest.ts";
import { Fields, isObject, jsonText, millionths, type JsonObject } from "./fields.ts";
import { readQuote } from "./market-data.ts";
import type { GroupMemory, Market, Memory } from "./memory.ts";
import { isFurther, marketStatus } from "./status.ts";
import { strikePeriod } from "./strike-period.ts";

const NOTHING: GroupMemory = {
  eventId: null,
  seriesId: null,
  title: null,
  subtitle: null,
  category: null,
  strikeDate: null,
  strikePeriod: null,
  mutuallyExclusive: null,
  feeType: null,
  feeMultiplier: null,
  frequency: null,
  settlementSource: null,
  cadence: null,
  facts: 0,
};

/**
 * Market, event and series objects as facts, and quotes from market objects. Facts are emitted when they differ from
 * those last emitted of the same thing, not counting volume and prices, so that polling makes no rows of its own. A
 * field that cannot be read is null and quarantined; the object's own text keeps it.
 */
export class Facts {
  readonly #memory: Memory;
  readonly #quarantine: (defect: Defect, market?: Market | null) => void;

  constructor(memory: Memory, quarantine: (defect: Defect, market?: Market | null) => void) {
    this.#memory = memory;
    this.#quarantine = quarantine;
  }

  /**
   * A market object of REST, or one made in its shape whose own text is `text`. `series` is the ticker of its series
   * where the request names it.
   */
  market(object: JsonObject, text: string | null = jsonText(object), series: string | null = null): void {
    const fields = new Fields(object);
    const ticker = fields.text("ticker");
    if (ticker === "" || text === null) {
      return this.#quarantine({ reason: "missing_field", detail: "a market object has no readable ticker" });
    }
    const market = this.#memory.market(ticker);
    const facts = this.#readMarket(fields, market, text, series);
    for (const defect of fields.defects) this.#quarantine(defect, market);
    this.#step(market, facts);
    market.result = facts.result ?? market.result;
    const { volume, openInterest, liquidityUsd, raw, ...slow } = facts;
    const now = digest(JSON.stringify(slow));
    if (now === market.facts) return;
    market.facts = now;
    this.#memory.emit({ ...slow, volume, openInterest, liquidityUsd, raw });
  }

  /**
   * The status that REST gives, and a `lifecycle` row where it is news. A stream tells most steps itself and sooner, so
   * that beside one only a step ahead counts: closing, which no stream announces, and what was missed.
   */
  #step(
    market: Market,
    { status, venueStatus, settledAt, result, settlementValue, expirationValue }: MarketFacts,
  ): void {
    const from = market.status;
    if (status === null || status === from) return;
    if (from !== null) {
      if (this.#memory.connections.size > 0 && !isFurther(status, from)) return;
      this.#memory.emit({
        type: "lifecycle",
        instrument: market.instrument,
        ts: status === "settled" || status === "voided" ? settledAt : null,
        fromStatus: from,
        toStatus: status,
        kind: venueStatus ?? status,
        detail: JSON.stringify({
          venue_status: venueStatus,
          result,
          settlement_value: settlementValue === null ? null : formatMillionths(settlementValue),
          expiration_value: expirationValue,
        }),
      });
    }
    market.status = status;
  }

  /** The quote in a market object; none where nothing is quoted yet. */
  quote(object: JsonObject): void {
    const fields = new Fields(object);
    const ticker = fields.optionalText("ticker");
    if (ticker === null) return;
    const keys = { price: "last_price_dollars", priceCents: "last_price", lastSize: "" };
    const quote = readQuote(fields, keys);
    const liquidityUsd = fields.money("liquidity_dollars", "liquidity");
    if (fields.defects.length > 0) return;
    const isEmpty = [quote.bid, quote.ask, quote.lastPrice].every((value) => value === null) && !quote.volume;
    if (isEmpty) return;
    const { instrument } = this.#memory.market(ticker);
    const rest = { ts: null, volumeUsd: null, liquidityUsd };
    this.#memory.emit({ type: "quote", instrument, trigger: "poll", ...quote, ...rest });
  }

  /** An event object. */
  event(object: JsonObject, text: string | null = eventText(object)): void {
    const fields = new Fields(object);
    const eventId = fields.text("event_ticker");
    const known = this.#memory.events.get(eventId) ?? NOTHING;
    const facts: GroupMemory = {
      ...this.#readGroup(fields, known),
      eventId,
      seriesId: fields.optionalText("series_ticker") ?? known.seriesId,
      subtitle: fields.optionalText("sub_title") ?? known.subtitle,
      strikeDate: fields.time("strike_date") ?? known.strikeDate,
      strikePeriod: fields.optionalText("strike_period") ?? known.strikePeriod,
      mutuallyExclusive: fields.optionalBoolean("mutually_exclusive") ?? known.mutuallyExclusive,
      feeType: fields.optionalText("fee_type_override"),
      feeMultiplier: fields.number("fee_multiplier_override"),
    };
    this.#publishEvent(eventId, facts, fields, text);
  }

  /** A change of an event's fees; what else is known of the event is repeated with it. */
  eventFee(message: JsonObject): void {
    const fields = new Fields(message);
    const eventId = fields.text("event_ticker");
    const facts: GroupMemory = {
      ...(this.#memory.events.get(eventId) ?? NOTHING),
      eventId,
      feeType: fields.optionalText("fee_type_override"),
      feeMultiplier: fields.number("fee_multiplier_override"),
    };
    this.#publishEvent(eventId, facts, fields, jsonText(message));
  }

  /** A series object. */
  series(object: JsonObject): void {
    const fields = new Fields(object);
    const seriesId = fields.text("ticker");
    const known = this.#memory.series.get(seriesId) ?? NOTHING;
    const facts: GroupMemory = {
      ...this.#readGroup(fields, known),
      seriesId,
      feeType: fields.optionalText("fee_type"),
      feeMultiplier: fields.number("fee_multiplier"),
      frequency: fields.optionalText("frequency"),
      strikePeriod: strikePeriod({ frequency: fields.optionalText("frequency") }),
    };
    const raw = this.#usable(seriesId, fields, jsonText(object));
    if (raw === null) return;
    const row = { type: "series", venue: "kalshi", ...columns(facts), seriesId, raw } satisfies SeriesFacts;
    const changed = this.#remember(this.#memory.series, seriesId, facts);
    if (changed) this.#memory.emit(row);
  }

  #publishEvent(eventId: string, facts: GroupMemory, fields: Fields, text: string | null): void {
    const raw = this.#usable(eventId, fields, text);
    if (raw === null) return;
    const frequency = this.#memory.series.get(facts.seriesId ?? "")?.frequency ?? null;
    const period = strikePeriod({ ...facts, frequency });
    const shown = { ...columns(facts), eventId, strikePeriod: period, frequency };
    const row = { type: "event", venue: "kalshi", ...shown, raw } satisfies EventFacts;
    const changed = this.#remember(this.#memory.events, eventId, facts);
    if (changed) this.#memory.emit(row);
  }

  /** The text of the object, after its defects went to quarantine; null where it cannot be used at all. */
  #usable(id: string, { defects }: Fields, text: string | null): string | null {
    for (const defect of defects) this.#quarantine(defect);
    return id === "" ? null : text;
  }

  #remember(groups: Map<string, GroupMemory>, id: string, facts: GroupMemory): boolean {
    const now = digest(JSON.stringify({ ...facts, facts: 0 }));
    const changed = groups.get(id)?.facts !== now;
    if (changed) this.#memory.group(groups, id, { ...facts, facts: now });
    return changed;
  }

  #readGroup(fields: Fields, known: GroupMemory): GroupMemory {
    const metadata = fields.get("product_metadata");
    const cadence = isObject(metadata) ? metadata["cadence"] : null;
    return {
      ...NOTHING,
      title: fields.optionalText("title") ?? known.title,
      category: fields.optionalText("category") ?? known.category,
      settlementSource: sourceNames(fields.get("settlement_sources")) ?? known.settlementSource,
      cadence: typeof cadence === "string" ? cadence : known.cadence,
    };
  }

  #readMarket(fields: Fields, market: Market, raw: string, series: string | null): MarketFacts {
    const eventId = fields.optionalText("event_ticker");
    const event = this.#memory.events.get(eventId ?? "") ?? NOTHING;
    const seriesId = fields.optionalText("series_ticker") ?? event.seriesId ?? series;
    const group = this.#memory.series.get(seriesId ?? "") ?? NOTHING;
    const venueStatus = fields.optionalText("status");
    const result = fields.optionalText("result");
    const openAt = fields.time("open_time");
    const closeAt = fields.time("close_time");
    const yes = fields.optionalText("yes_sub_title");
    const rules = [fields.optionalText("rules_primary"), fields.optionalText("rules_secondary")];
    return {
      type: "market",
      venue: "kalshi",
      market: market.instrument.market,
      eventId,
      seriesId,
      slug: null,
      title: fields.optionalText("title"),
      subtitle: fields.optionalText("subtitle") ?? yes,
      status: marketStatus(venueStatus, result),
      venueStatus,
      openAt,
      closeAt,
      expectedExpirationAt: fields.time("expected_expiration_time"),
      latestExpirationAt: fields.time("latest_expiration_time"),
      settledAt: fields.time("settlement_ts"),
      result,
      settlementValue: fields.price("settlement_value_dollars", "settlement_value"),
      expirationValue: fields.optionalText("expiration_value"),
      settlementSource: event.settlementSource ?? group.settlementSource,
      strikeType: fields.optionalText("strike_type"),
      floorStrike: fields.number("floor_strike"),
      capStrike: fields.number("cap_strike"),
      strikePeriod: strikePeriod({ ...event, frequency: group.frequency, openAt, closeAt }),
      tickSizes: tickSizes(fields),
      fee: feeOf(fields, event, group),
      outcomes: JSON.stringify([{ outcome_id: "yes", name: yes }]),
      volume: fields.count("volume_fp", "volume"),
      openInterest: fields.count("open_interest_fp", "open_interest"),
      liquidityUsd: fields.money("liquidity_dollars", "liquidity"),
      rules: rules.filter((text) => text !== null).join("\n\n") || null,
      raw,
    };
  }
}

/** An event's own text, without the markets nested in it: they are rows of their own. */
function eventText({ markets: _, ...event }: JsonObject): string | null {
  return jsonText(event);
}

function columns({ settlementSource: _, cadence: __, facts: ___, ...shown }: GroupMemory) {
  return shown;
}

/** Price ranges as `[{"start":"0","end":"1","step":"0.01"}]`; before 2026 markets had one `tick_size` in cents. */
function tickSizes(fields: Fields): string | null {
  const ranges = fields.get("price_ranges");
  if (Array.isArray(ranges)) {
    const read = (ranges as unknown[]).map((range) => (isObject(range) ? range : {}));
    const sizes = read.map(({ start, end, step }) => ({
      start: decimal(start),
      end: decimal(end),
      step: decimal(step),
    }));
    const isWhole = sizes.length > 0 && sizes.every((size) => Object.values(size).every((value) => value !== null));
    return isWhole ? JSON.stringify(sizes) : null;
  }
  const step = fields.money("", "tick_size");
  return step === null ? null : JSON.stringify([{ start: "0", end: "1", step: formatMillionths(step) }]);
}

function decimal(value: unknown): string | null {
  const number = millionths(value);
  return number === null ? null : formatMillionths(number);
}

/** Fee fields in force: an event's override wins over its series (docs.kalshi.com, fee overrides). */
function feeOf(fields: Fields, event: GroupMemory, series: GroupMemory): string | null {
  const multiplier: Millionths | null = event.feeMultiplier ?? series.feeMultiplier;
  const fee = {
    fee_type: event.feeType ?? series.feeType ?? undefined,
    fee_multiplier: multiplier === null ? undefined : Number(formatMillionths(multiplier)),
    fee_waiver_expiration_time: fields.optionalText("fee_waiver_expiration_time") ?? undefined,
  };
  return Object.values(fee).some((value) => value !== undefined) ? JSON.stringify(fee) : null;
}

function sourceNames(sources: unknown): string | null {
  if (!Array.isArray(sources)) return null;
  const names = (sources as unknown[]).map((source) => (isObject(source) ? source["name"] : null));
  return names.filter((name) => typeof name === "string" && name !== "").join(", ") || null;
}
