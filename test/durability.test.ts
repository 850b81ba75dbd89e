import { testChecks } from "./acceptance/as-tests.ts";
import { killCheck, powerCheck } from "./acceptance/durability.ts";

testChecks([killCheck, powerCheck]);
