import { testChecks } from "./acceptance/as-tests.ts";
import { killCheck, powerCheck } from "./acceptance/durability.ts";
import { replayCheck } from "./acceptance/replay.ts";

testChecks([killCheck, powerCheck, replayCheck]);
