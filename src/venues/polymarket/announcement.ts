const KINDS = ["new_market", "market_resolved"] as const;
const WORDS = KINDS.map((kind) => Buffer.from(`"${kind}"`));

/** A message about a whole market (docs.polymarket.com, market channel: `new_market`, `market_resolved`). */
interface Announcement {
  readonly kind: (typeof KINDS)[number];
  /** Condition id. */
  readonly market: string;
}

/** Whether a frame may hold an announcement: a look that costs little, for every frame. */
export function isAnnouncement(frame: Buffer): boolean {
  return WORDS.some((word) => frame.includes(word));
}

/** The announcements in a frame, which is an object or a list of them; none where it cannot be read. */
export function announcements(frame: Buffer): Announcement[] {
  let message: unknown;
  try {
    message = JSON.parse(frame.toString());
  } catch {
    return [];
  }
  return (Array.isArray(message) ? (message as unknown[]) : [message]).flatMap((one): Announcement[] => {
    if (typeof one !== "object" || one === null) return [];
    const { event_type, market, condition_id } = one as Record<string, unknown>;
    const kind = KINDS.find((name) => name === event_type);
    const name = market ?? condition_id;
    return kind === undefined || typeof name !== "string" || name === "" ? [] : [{ kind, market: name }];
  });
}
