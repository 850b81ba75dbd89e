import { createHash } from "node:crypto";
import { UsageError } from "../ops/errors.ts";
import { type CaptureValue, readCapture } from "./capture-file.ts";
import { compactJson, JsonScanner } from "./json-scanner.ts";

/** A venue's own market objects, as the answer of that venue's REST API to `path`. */
export interface MarketObjects {
  readonly path: "/markets" | "/events";
  readonly body: Buffer;
  readonly sha256: string;
}

/**
 * Reads a file of market objects: a JSON array, one object, JSON lines, or an answer of the venue's API
 * (`{"markets":[…]}`, `{"events":[…]}`). The objects' text stays as it is. Throws `UsageError` for anything else.
 */
export async function readMarketObjects(path: string, signal: AbortSignal): Promise<MarketObjects> {
  const objects: Buffer[] = [];
  let kind: MarketObjects["path"] = "/markets";
  await readCapture(path, {
    signal,
    visit: (value) => {
      const list = answerList(value);
      if (list === null) {
        if (value.json && value.first === 0x7b) objects.push(compactJson(value.bytes));
        else throw new UsageError(`${path} holds something else than market objects in JSON`);
        return;
      }
      if (list.events) kind = "/events";
      objects.push(...list.objects);
    },
    turn: () => undefined,
  });
  const list = Buffer.concat(objects.flatMap((object, i) => (i === 0 ? [object] : [COMMA, object])));
  const body = Buffer.concat([Buffer.from(`{"${kind.slice(1)}":[`), list, Buffer.from("]}")]);
  return { path: kind, body, sha256: createHash("sha256").update(body).digest("hex") };
}

const COMMA = Buffer.from(",");

/** Keys of a market object of one of the venues: what has one is no list, whatever else it has. */
const IDENTITY: ReadonlySet<string> = new Set(["ticker", "conditionId", "condition_id"]);

/** The objects of an array, or of an answer that has them under `markets`, `data`, `events` or `market`; null for one object. */
function answerList(value: CaptureValue): { readonly objects: Buffer[]; readonly events: boolean } | null {
  const { bytes, members } = value;
  if (value.json && value.first === 0x5b) return { objects: elements(bytes, members), events: false };
  if (!value.json || value.first !== 0x7b) return null;
  const parts = new Map<string, Buffer>();
  for (let i = 0; i < members.length; i += 4) {
    const key = bytes.toString("latin1", members[i]! + 1, members[i + 1]! - 1);
    if (IDENTITY.has(key)) return null;
    parts.set(key, bytes.subarray(members[i + 2], members[i + 3]));
  }
  for (const key of ["markets", "data", "events"]) {
    const inner = parts.get(key);
    if (inner?.[0] !== 0x5b) continue;
    const scanner = new JsonScanner();
    scanner.scan(inner);
    return { objects: elements(inner, scanner.members), events: key === "events" };
  }
  const one = parts.get("market");
  return one?.[0] === 0x7b ? { objects: [compactJson(one)], events: false } : null;
}

function elements(bytes: Buffer, members: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  for (let i = 0; i < members.length; i += 4) found.push(compactJson(bytes.subarray(members[i + 2], members[i + 3])));
  return found;
}
